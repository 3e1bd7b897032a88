"""What calls cost, and how each is written down."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import orjson

from routing.completion import TokenUsage
from routing.decision import Cause, Layer
from routing.deployment import AnswerSource
from routing.price import PriceList
from storage.records import AttemptRecord, DecisionRecord
from storage.states import AttemptOutcome
from workers.ordered_uuid import ordered_uuid
from workers.prompt_size import tokens_at_most

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from routing.completion import Completion, Prompt
    from routing.decision import Decision
    from routing.deployment import DeploymentSpec
    from routing.errors import CallRefusedError, ProviderTroubleError
    from routing.task import FrozenTask
    from routing.verdict import Failure, Verdict


def wall_clock_ms() -> int:
    """Return this machine's time, for the record only: leases live by the database's."""
    return time.time_ns() // 1_000_000


REPAIR_REQUEST_TOKENS = 2_000
"""What telling the failed checks adds to a prompt at most: twenty short lines."""


_OF_NO_WHOLE_ANSWER = frozenset({Cause.FAILED_FIELDS, Cause.JUDGE})


class Circumstances(NamedTuple):
    """When a call began, how long its item was queued, waited at the gate and was checked (ms), and what it is for."""

    started_ms: int
    queued_ms: int = 0
    gate_wait_ms: int = 0
    checks_ms: int = 0
    canary: bool = False
    holdout: bool = False


class Accountant:
    """Prices calls and writes them down, with what gives the answers of a deployment's models.

    `now_ms` is the clock attempts are dated by.
    """

    def __init__(self, deployment: DeploymentSpec, now_ms: Callable[[], int] = wall_clock_ms) -> None:
        self._prices = PriceList(deployment.models)
        sources = {model: deployment.answer_source(model) for model in deployment.models}
        self._sources = {model: source for model, source in sources.items() if source is not AnswerSource.PROVIDER}
        self.now_ms = now_ms

    def answered(
        self,
        decision: Decision,
        completion: Completion,
        verdict: Verdict,
        outcome: AttemptOutcome,
        around: Circumstances,
    ) -> AttemptRecord:
        """Return the record of a call that was answered and judged."""
        usage = completion.usage
        cost = self._prices.cost(completion.model, usage)
        return AttemptRecord(
            uid=ordered_uuid(around.started_ms),
            tier=decision.tier,
            model=completion.model,
            layer=decision.layer,
            cause=decision.cause,
            outcome=outcome,
            started_ms=around.started_ms,
            queued_ms=around.queued_ms,
            gate_wait_ms=around.gate_wait_ms,
            canary=around.canary,
            holdout=around.holdout,
            limit_wait_ms=round(completion.limit_wait_ms),
            provider_ms=round(completion.provider_ms),
            checks_ms=around.checks_ms,
            http_calls=completion.http_calls,
            input_tokens=usage.input,
            output_tokens=usage.output,
            cached_input_tokens=usage.cached_input,
            tokens_estimated=usage.estimated,
            cost_nano_usd=0 if completion.from_cache else cost,
            cache_hit=completion.from_cache,
            saved_nano_usd=cost if completion.from_cache else 0,
            price_source=self._prices.source(completion.model),
            answered_by=self._sources.get(completion.model),
            finish_reason=completion.finish_reason,
            answer=storable(completion.text),
            failures=failures_json(verdict.failures),
            spans=_spans_json(verdict),
            confidence=verdict.confidence,
            repaired=verdict.repaired,
        )

    def unanswered(
        self,
        decision: Decision,
        model: str,
        error: ProviderTroubleError | CallRefusedError,
        around: Circumstances,
        compared: Sequence[Completion] = (),
        *,
        due_to_item: bool = False,
    ) -> AttemptRecord:
        """Return the record of a call that brought no answer: a refusal where that is `due_to_item`.

        Providers do not bill these, but the answers to the small calls it was `compared` with.
        """
        trouble = getattr(error, "trouble", None)
        is_refused = trouble is None or due_to_item
        return AttemptRecord(
            uid=ordered_uuid(around.started_ms),
            tier=decision.tier,
            model=model,
            layer=decision.layer,
            cause=decision.cause,
            outcome=AttemptOutcome.REFUSED if is_refused else AttemptOutcome.PROVIDER_TROUBLE,
            trouble=trouble or f"status_{getattr(error, 'status', 0)}",
            started_ms=around.started_ms,
            queued_ms=around.queued_ms,
            gate_wait_ms=around.gate_wait_ms,
            http_calls=error.http_calls + sum(answer.http_calls for answer in compared),
            input_tokens=sum(answer.usage.input for answer in compared),
            output_tokens=sum(answer.usage.output for answer in compared),
            tokens_estimated=any(answer.usage.estimated for answer in compared),
            cost_nano_usd=sum(self._prices.cost(answer.model, answer.usage) for answer in compared),
            price_source=self._prices.source(model) if compared else "",
            answered_by=self._sources.get(model),
            canary=around.canary,
            holdout=around.holdout,
        )

    def baseline_nano_usd(self, task: FrozenTask, attempts: Sequence[AttemptRecord]) -> int:
        """Return what an item would have cost on the last tier alone: an estimate.

        Where it was asked there, its first call there; elsewhere the tokens of its answer here at that tier's price. A
        call for some fields alone tells nothing of a whole answer.
        """
        last = task.tiers[-1]
        answered = [
            attempt
            for attempt in attempts
            if (attempt.output_tokens or attempt.input_tokens)
            and attempt.trouble is None
            and attempt.cause not in _OF_NO_WHOLE_ANSWER
        ]
        if not answered:
            return 0
        there = [attempt for attempt in answered if attempt.tier == last.name]
        if there:
            return there[0].cost_nano_usd + there[0].saved_nano_usd
        usage = TokenUsage(answered[0].input_tokens, answered[0].output_tokens)
        return self._prices.cost(last.model, usage)

    def decided(self, decision: Decision, model: str, *, canary: bool) -> DecisionRecord:
        """Return the record of a decision, dated now."""
        now_ms = self.now_ms()
        return DecisionRecord(
            uid=ordered_uuid(now_ms),
            decided_ms=now_ms,
            tier=decision.tier,
            model=model,
            layer=decision.layer,
            cause=decision.cause,
            rule=decision.rule,
            probability=decision.probability,
            threshold=decision.threshold,
            threshold_source=decision.threshold_source,
            version=decision.version,
            canary=canary,
            holdout=decision.layer is Layer.HOLDOUT,
            signals=orjson.dumps(dict(decision.signals)).decode(),
        )

    def call_bound(self, models: Sequence[str], prompt: Prompt, longest_answer_tokens: int) -> int:
        """Return the most that asking each of these models once can cost, in nano-dollars."""
        return self._bound(models, tokens_at_most(prompt), longest_answer_tokens)

    def repair_bound(self, models: Sequence[str], prompt: Prompt, longest_answer_tokens: int) -> int:
        """Return the most that a repair after this prompt can cost, in nano-dollars, before it is known.

        It sends the answer and what failed along with everything that was sent before.
        """
        asked = tokens_at_most(prompt) + longest_answer_tokens + REPAIR_REQUEST_TOKENS
        return self._bound(models, asked, longest_answer_tokens)

    def _bound(self, models: Sequence[str], asked_tokens: int, longest_answer_tokens: int) -> int:
        usage = TokenUsage(asked_tokens, longest_answer_tokens)
        return sum(self._prices.most(model, usage) for model in models)


def storable(text: str) -> str:
    """Return text that every ledger can keep: NUL and lone surrogates become the replacement character."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def failures_json(failures: Sequence[Failure]) -> str:
    """Return failures as the JSON text the ledger keeps."""
    if not failures:
        return "[]"
    told = [
        {"check": failure.check, "field": failure.field, "reason": storable(failure.reason)} for failure in failures
    ]
    return orjson.dumps(told).decode()


def _spans_json(verdict: Verdict) -> str:
    if not verdict.spans:
        return "{}"
    return orjson.dumps({field: [span.start, span.end] for field, span in verdict.spans.items()}).decode()
