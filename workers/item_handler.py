"""One item's turn: decide, call, check, and say what comes next."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from gateway.gateway import COMPARISONS
from routing.classifier.judge import MAX_OUTPUT_TOKENS
from routing.errors import CallRefusedError, ProviderTroubleError, ServiceUnreachableError, Trouble, UsageError
from storage import jobs, troubles
from storage.states import FailReason, StopReason
from workers.turn import Turn
from workers.turn_bound import turn_bound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.gateway import Gateway
    from routing.classifier.judge import Judge
    from routing.completion import Completion, Prompt
    from routing.deployment import Flag
    from routing.item_facts import ItemFacts
    from routing.prediction import Prediction
    from routing.verdict import Verdict
    from storage.claims import ClaimedItem
    from storage.database import Database
    from storage.records import ItemRecord, Routed
    from workers.accounting import Accountant
    from workers.answer_cache import AnswerCache
    from workers.running_jobs import RunningJobs
    from workers.steered_task import SteeredTask

FIRST_DELAY_MS = 1_000
LONGEST_DELAY_MS = 20_000
"""An item is back within half a minute of its provider, the sweep that finds it included."""
TROUBLED_TURNS = 3
"""In so many turns without an answer, the last included, it is asked whether that is due to the item."""
_MAYBE_DUE_TO_ITEM = frozenset({Trouble.OVERLOADED, Trouble.TIMEOUT, Trouble.BAD_BODY})
_DEPLOYMENT_STATUSES = frozenset({401, 402, 403, 404})
"""Refusals that speak of the key, the account or the model's name, not of the document."""


class ItemHandler:
    """Takes a claimed item to its record. Stateless between items; lives on the event loop."""

    def __init__(
        self,
        database: Database,
        gateway: Gateway,
        accountant: Accountant,
        flags: Mapping[str, Flag],
        cache: AnswerCache,
        running: RunningJobs,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._accountant = accountant
        self._flags = flags
        self._cache = cache
        self._running = running
        self._jitter = jitter

    def is_available(self, task: SteeredTask, item: ClaimedItem) -> bool:
        """Tell whether every model this item needs here may be called now."""
        return all(self._gateway.unavailable_for_s(model) <= 0 for model in _models(task, item))

    async def wait_until_available(self, task: SteeredTask, item: ClaimedItem) -> None:
        """Return once every model this item needs here may be called, or nobody is to wait any more."""
        await self._gateway.wait_until_available(_models(task, item))

    def hurry(self) -> None:
        """Let nobody wait for anything but answers any more: this process ends."""
        self._gateway.hurry()

    def upper_bound(self, task: SteeredTask, item: ClaimedItem) -> int:
        """Return the most one turn of this item can cost, in nano-dollars."""
        return turn_bound(self._accountant, Turn(self._accountant, item, task, 0))

    def unpaid(self, task: SteeredTask, item: ClaimedItem) -> ItemRecord:
        """Return the record of an item that no budget pays for any more."""
        turn = Turn(self._accountant, item, task, 0)
        return turn.end(turn.failed(FailReason.BUDGET))

    def job_ran(self, job_id: int, asked_at: float) -> None:
        """Take the word of a claim that was asked for at this moment, and found the job running. From any thread."""
        self._running.ran(job_id, asked_at)

    async def job_runs(self, job_id: int) -> bool | None:
        """Tell whether items of a job may be called, None while the ledger cannot be reached."""
        return await self._running.runs(job_id)

    async def handle(
        self, item: ClaimedItem, task: SteeredTask, item_budget_nano_usd: int | None, gate_wait_ms: int
    ) -> ItemRecord | None:
        """Route, call, check and decide what comes next; None where a model rests and nothing was called.

        Raises nothing for what the provider or the model does.
        """
        turn = Turn(self._accountant, item, task, gate_wait_ms)
        try:
            routed = await self._route(turn, item_budget_nano_usd) if turn.is_undecided else None
            if routed is not None:
                return turn.end(routed)
            turn.write_prompt()
            if not self._affords(turn, turn.prompt, item_budget_nano_usd):
                return turn.end(turn.failed(FailReason.BUDGET))
            verdict = await self._answer(turn, item_budget_nano_usd)
        except ProviderTroubleError as error:
            return await self._troubled(turn, error)
        except CallRefusedError as error:
            turn.unanswered(error)
            return await self._refused(turn, error)
        except UsageError as error:
            return turn.end(turn.unwritable(error))
        return turn.end(turn.released(0)) if verdict is None else turn.conclude(verdict)

    async def _route(self, turn: Turn, item_budget_nano_usd: int | None) -> Routed | None:
        facts = turn.facts(self._flags)
        judge = turn.steered.judge
        judged = None
        if judge is not None and turn.steered.asks_judge(turn.item.custom_id, facts):
            prompt = turn.judge_prompt(judge)
            bound = self._accountant.call_bound([judge.model], prompt, MAX_OUTPUT_TOKENS)
            if item_budget_nano_usd is None or turn.cost_nano_usd + bound <= item_budget_nano_usd:
                judged = await self._ask_judge(turn, judge, prompt, facts)
        return turn.route(facts, judged)

    async def _ask_judge(self, turn: Turn, judge: Judge, prompt: Prompt, facts: ItemFacts) -> Prediction | None:
        """Ask the judge; None where it has nothing to say. Raises ProviderTroubleError where the item has to wait."""
        turn.begin_judging(judge)
        key = self._cache.key(judge.model, prompt, MAX_OUTPUT_TOKENS, logprobs=False)
        answer = await self._cache.find(key, judge.model, turn.task.task.cache.max_age_days)
        if answer is None:
            try:
                answer = await self._ask(turn, judge.model, prompt, MAX_OUTPUT_TOKENS)
            except CallRefusedError as error:
                if error.status in _DEPLOYMENT_STATUSES:
                    raise
                turn.unanswered(error)
                return None
            except ProviderTroubleError as error:
                if not turn.is_due_to_item:
                    raise
                turn.unanswered(error)
                return None
            answer = answer._replace(cache_key=key if answer.model == judge.model else "")
        prediction = judge.read(answer, turn.steered.predicted(facts))
        turn.predicted(answer, keep=prediction is not None)
        return prediction

    def _affords(self, turn: Turn, prompt: Prompt, item_budget_nano_usd: int | None) -> bool:
        """Tell whether an item's budget pays for sending this prompt next."""
        if item_budget_nano_usd is None:
            return True
        models = turn.variant.models(turn.item.tier)
        bound = self._accountant.call_bound(models, prompt, turn.task.task.max_output_tokens)
        return turn.cost_nano_usd + bound <= item_budget_nano_usd

    async def _answer(self, turn: Turn, item_budget_nano_usd: int | None) -> Verdict | None:
        """Ask until an answer passes or repairs are used up; None where the job was halted between two calls."""
        while True:
            completion = turn.paid_answer() or await self._call(turn, turn.model)
            verdict = turn.judge(completion)
            second = turn.task.second_opinion(turn.item.tier) if verdict.passed and not turn.is_holdout else None
            if second is None:
                turn.answered(completion, verdict)
            else:
                verdict = await self._second_opinion(turn, completion, verdict, second)
            again = None if verdict.passed else turn.another(completion, verdict)
            if again is None or not self._affords(turn, again.prompt, item_budget_nano_usd):
                return verdict
            turn.begin_again(again)
            if await self._running.runs(turn.item.job_id) is False:
                return None  # the turn carries what the next call is, whenever it is made

    async def _call(self, turn: Turn, model: str) -> Completion:
        """Ask a model, or give the answer that is kept of the same call."""
        turn.begin_call(model)
        longest, logprobs = turn.task.task.max_output_tokens, turn.task.wants_logprobs
        cache = turn.task.task.cache
        if cache.mode == "off":
            return await self._ask(turn, model, turn.prompt, longest, logprobs=logprobs)
        key = self._cache.key(model, turn.prompt, longest, logprobs=logprobs)
        kept = await self._cache.find(key, model, cache.max_age_days)
        if kept is not None:
            return kept
        answer = await self._ask(turn, model, turn.prompt, longest, logprobs=logprobs)
        # A fallback's answer is not what this model says.
        return answer._replace(cache_key=key) if answer.model == model else answer

    async def _ask(
        self, turn: Turn, model: str, prompt: Prompt, longest_tokens: int, *, logprobs: bool = False
    ) -> Completion:
        """Ask a model; once more where it failed this item time and again, and answers everything else now.

        Without an end to it, a document that no answer comes for would be called for ever. But what failed before the
        small calls may have met an outage that ended meanwhile: only what fails between them is due to the item.
        Raises as the gateway does.
        """
        try:
            return await self._gateway.complete(model, prompt, max_output_tokens=longest_tokens, logprobs=logprobs)
        except ProviderTroubleError as error:
            if not await self._is_often_in_trouble(turn, error):
                raise
            turn.compared = await self._gateway.compare(model)
            if len(turn.compared) < COMPARISONS:
                raise
            turn.unanswered(error)
        try:
            return await self._gateway.complete(model, prompt, max_output_tokens=longest_tokens, logprobs=logprobs)
        except ProviderTroubleError as error:
            if error.trouble in _MAYBE_DUE_TO_ITEM and (after := await self._gateway.compare_now(model)) is not None:
                turn.compared, turn.is_due_to_item = (after,), True
            raise

    async def _second_opinion(self, turn: Turn, completion: Completion, verdict: Verdict, model: str) -> Verdict:
        try:
            second = await self._call(turn, model)
        except (ProviderTroubleError, CallRefusedError):
            turn.answered(completion, verdict)  # paid for, though the item has to come back for its second opinion
            turn.await_opinion(completion)
            raise
        judged = turn.judge_second_opinion(verdict, second)
        turn.answered(completion, judged)
        turn.opined(second, judged)
        return judged

    async def _troubled(self, turn: Turn, error: ProviderTroubleError) -> ItemRecord | None:
        if error.trouble is Trouble.CIRCUIT_OPEN and not (error.http_calls or turn.has_called):
            return None
        due_to_item = turn.is_due_to_item
        turn.unanswered(error)
        return turn.conclude_refused() if due_to_item else turn.end(turn.released(self._delay_ms(turn.item, error)))

    async def _is_often_in_trouble(self, turn: Turn, error: ProviderTroubleError) -> bool:
        if error.trouble not in _MAYBE_DUE_TO_ITEM:
            return False
        key = (turn.item.job_id, turn.item.position)
        try:
            earlier = await asyncio.to_thread(troubles.count, self._database, *key, turn.asking, _MAYBE_DUE_TO_ITEM)
        except ServiceUnreachableError:
            return False
        return earlier + 1 >= TROUBLED_TURNS

    async def _refused(self, turn: Turn, error: CallRefusedError) -> ItemRecord:
        if error.status in _DEPLOYMENT_STATUSES:
            await asyncio.to_thread(
                jobs.stop, self._database, turn.item.job_id, StopReason.PROVIDER_REFUSED, str(error)
            )
            return turn.end(turn.released(0))
        return turn.conclude_refused()

    def _delay_ms(self, item: ClaimedItem, error: ProviderTroubleError) -> int:
        """Return how long the item rests: what the provider asked for, or a doubling delay with jitter.

        Longer than its breaker keeps a provider alone, none of its items needs to wait.
        """
        doubled = min(LONGEST_DELAY_MS, FIRST_DELAY_MS << min(item.attempts, 10)) * (0.5 + self._jitter() / 2)
        return min(LONGEST_DELAY_MS, round(max(error.retry_after_s * 1000, doubled)))


def _models(task: SteeredTask, item: ClaimedItem) -> list[str]:
    return task.variant(item.custom_id, item.tier).models(item.tier)
