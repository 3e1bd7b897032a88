"""What past documents of a task tell of those to come, tier by tier, at the prices of today."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from routing.completion import TokenUsage
from routing.errors import NotFoundError
from routing.trial import TrialPath
from storage.states import AttemptOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.price import PriceList
    from routing.task import FrozenTask
    from storage.past_items import PastCall, PastItem

ENOUGH = 10
"""Documents below which nothing is told from them."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What one document of this length took in one tier: calls, tokens, money, and time in the queue's gate."""

    characters: int
    calls: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int
    busy_ms: int


@dataclass(slots=True)
class TierHistory:
    """What a tier did. Of the documents `judged` here, `went_up` to a later tier.

    `visits` are as the cascade makes them, second opinions and parts included. `measured` and `plain` are whole answers
    of the tier's own model, repairs included: the former of documents that were sent here whatever they are (alone, or
    held out), the latter of those that needed it.
    """

    visits: list[Visit] = field(default_factory=list)
    measured: list[Visit] = field(default_factory=list)
    plain: list[Visit] = field(default_factory=list)
    judged: int = 0
    went_up: int = 0

    def whole(self) -> list[Visit]:
        """Return whole answers: the measured ones where there are enough, else those that were needed."""
        return self.measured if len(self.measured) >= ENOUGH else self.plain


@dataclass(slots=True)
class History:
    """All of a task's past that resembles what would run now.

    `judges` are the calls that asked how likely the first tier is to pass, `stand_ins` first answers of the first tier
    at the last one's price, for where too few met the last one.
    """

    tiers: dict[str, TierHistory]
    judges: list[Visit] = field(default_factory=list)
    stand_ins: list[Visit] = field(default_factory=list)
    items: int = 0
    jobs: int = 0
    jobs_left_aside: int = 0

    @property
    def is_enough(self) -> bool:
        """Whether ranges can be told from it."""
        return any(len(tier.visits) >= ENOUGH or len(tier.whole()) >= ENOUGH for tier in self.tiers.values())


class Historian:
    """Adds documents up. `task` is as it would run now, promoted models included."""

    def __init__(self, task: FrozenTask, prices: PriceList) -> None:
        self._prices = prices
        self._ladder = {tier.name: rank for rank, tier in enumerate(task.tiers)}
        self._models = {tier.name: tier.model for tier in task.tiers}
        self._last = task.tiers[-1]
        self._seen: set[tuple[TrialPath, str, int]] = set()
        self._answered: set[tuple[str, bool, str, int]] = set()
        self.history = History({tier.name: TierHistory() for tier in task.tiers})

    def add(self, item: PastItem, path: TrialPath) -> None:
        """Add a document that a job of this path ran.

        The same document again tells nothing more, and is left out; so is one that met a model no longer deployed.
        """
        key = (path, item.custom_id, item.characters)
        if key in self._seen:
            return
        is_new = all((other, *key[1:]) not in self._seen for other in TrialPath)
        self._seen.add(key)
        try:
            self._add(item, path)
        except NotFoundError:
            return
        self.history.items += is_new

    def _add(self, item: PastItem, path: TrialPath) -> None:
        by_tier: dict[str, list[PastCall]] = {}
        for call in item.calls:
            by_tier.setdefault(call.tier, []).append(call)
        reached = max((self._ladder.get(call.tier, 0) for call in item.calls if not call.holdout), default=0)
        reached = max(reached, self._ladder.get(item.tier, 0))
        for tier, calls in by_tier.items():
            if tier in self.history.tiers:
                self._add_tier(tier, item, calls, path, went_up=reached > self._ladder[tier])

    def _add_tier(
        self, tier: str, item: PastItem, calls: Sequence[PastCall], path: TrialPath, *, went_up: bool
    ) -> None:
        told, characters = self.history.tiers[tier], item.characters
        judges = [call for call in calls if call.outcome is AttemptOutcome.PREDICTION]
        own = [call for call in calls if not call.holdout and call.outcome is not AttemptOutcome.PREDICTION]
        plain = [call for call in calls if call.whole and call.model == self._models[tier]]
        if judges:
            self.history.judges.append(self._visit(characters, judges))
        is_first = tier == next(iter(self._ladder))
        of_all = is_first or path is not TrialPath.ROUTED or any(call.holdout for call in plain[:1])
        if plain and self._is_new(tier, item, of_all=of_all):
            (told.measured if of_all else told.plain).append(self._visit(characters, plain))
            if is_first:
                self.history.stand_ins.append(self._stand_in(characters, plain[0]))
        if own and path is TrialPath.ROUTED:
            told.visits.append(self._visit(characters, own))
            told.judged += 1
            told.went_up += went_up

    def _is_new(self, tier: str, item: PastItem, *, of_all: bool) -> bool:
        """Return whether this document's answer of this tier counts now: once, though several paths asked for it."""
        key = (tier, of_all, item.custom_id, item.characters)
        is_new = key not in self._answered
        self._answered.add(key)
        return is_new

    def _visit(self, characters: int, calls: Sequence[PastCall]) -> Visit:
        return Visit(
            characters=characters,
            calls=len(calls),
            input_tokens=sum(call.input_tokens for call in calls),
            output_tokens=sum(call.output_tokens for call in calls),
            cost_nano_usd=sum(self._prices.cost(call.model, _usage(call)) for call in calls),
            busy_ms=sum(call.busy_ms for call in calls),
        )

    def _stand_in(self, characters: int, call: PastCall) -> Visit:
        usage = TokenUsage(call.input_tokens, call.output_tokens)
        cost = self._prices.cost(self._last.model, usage)
        return Visit(characters, 1, call.input_tokens, call.output_tokens, cost, call.busy_ms)


def _usage(call: PastCall) -> TokenUsage:
    return TokenUsage(call.input_tokens, call.output_tokens, cached_input=call.cached_input_tokens)


def path_of_job(job: FrozenTask, running: FrozenTask) -> TrialPath | None:
    """Return how a past job's documents may be counted, None where it would call otherwise than what runs now.

    Both are as they run, promoted models included. What shapes a call must be equal: models, prompts, repairs, schema,
    checks, longest answer. Money, shares, rules and comparators may differ.
    """
    if job.output != running.output or job.max_output_tokens != running.max_output_tokens:
        return None
    path = _path(job)
    if path is TrialPath.ROUTED:
        return path if job.tiers == running.tiers and job.checks == running.checks else None
    if path is TrialPath.MEASURED:
        return None
    mine = running.tiers[-1 if path is TrialPath.EXPENSIVE else 0].model_copy(update={"ask": "whole", "benefit": None})
    bare = running.checks.model_copy(update={"agreement": None})
    return path if job.tiers == (mine,) and job.checks == bare else None


def _path(job: FrozenTask) -> TrialPath:
    return TrialPath.ROUTED if job.trial is None else TrialPath(job.name.rpartition("@")[2])
