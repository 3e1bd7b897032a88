"""One item's turn: decide, call, check, and say what comes next."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from routing.decision import Cause
from routing.errors import CallRefusedError, ProviderTroubleError, UsageError
from storage import jobs
from storage.records import Escalated, Failed, Released
from storage.states import FailReason, StopReason
from workers.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.gateway import Gateway
    from routing.compiled_task import CompiledTask
    from routing.completion import Completion
    from routing.verdict import Verdict
    from storage.claims import ClaimedItem
    from storage.database import Database
    from storage.records import ItemRecord
    from workers.accounting import Accountant

FIRST_DELAY_MS = 1_000
LONGEST_DELAY_MS = 60_000
_DEPLOYMENT_STATUSES = frozenset({401, 402, 403, 404})
"""Refusals that speak of the key, the account or the model's name, not of the document."""


class ItemHandler:
    """Takes a claimed item to its record. Stateless between items; lives on the event loop."""

    def __init__(
        self,
        database: Database,
        gateway: Gateway,
        accountant: Accountant,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._accountant = accountant
        self._jitter = jitter

    def unavailable_for_s(self, task: CompiledTask, tier: str) -> float:
        """Return how long until any model this tier needs may be called again, 0 where that is now."""
        return max(self._gateway.unavailable_for_s(model) for model in _models(task, tier))

    def upper_bound(self, task: CompiledTask, item: ClaimedItem) -> int:
        """Return the most one turn of this item can cost, in nano-dollars."""
        return self._accountant.upper_bound(task.task, _models(task, item.tier), item)

    async def handle(
        self, item: ClaimedItem, task: CompiledTask, item_budget_nano_usd: int | None, gate_wait_ms: int
    ) -> ItemRecord:
        """Call, check and decide what comes next. Raises nothing for what the provider or the model does."""
        turn = Turn(self._accountant, item, task, gate_wait_ms)
        if item_budget_nano_usd is not None:
            bound = self.upper_bound(task, item)
            if item.cost_nano_usd + bound > item_budget_nano_usd:
                return turn.end(Failed(FailReason.BUDGET, None, "[]"))
        model = task.task.tier(item.tier).model
        try:
            turn.write_prompt()
            completion = await self._call(turn, model)
            verdict = turn.judge(completion)
            second = task.second_opinion(item.tier) if verdict.passed else None
            if second is None:
                turn.answered(completion, verdict)
            else:
                model = second
                verdict = await self._second_opinion(turn, completion, verdict, second)
        except ProviderTroubleError as error:
            turn.unanswered(model, error)
            return turn.end(Released(self._delay_ms(item, error), clean=True))
        except CallRefusedError as error:
            turn.unanswered(model, error)
            return await self._refused(turn, error)
        except UsageError as error:
            return turn.end(turn.unwritable(error))
        return turn.conclude(verdict)

    async def _call(self, turn: Turn, model: str) -> Completion:
        return await self._gateway.complete(
            model,
            turn.prompt,
            max_output_tokens=turn.task.task.max_output_tokens,
            logprobs=turn.task.wants_logprobs,
        )

    async def _second_opinion(self, turn: Turn, completion: Completion, verdict: Verdict, model: str) -> Verdict:
        try:
            second = await self._call(turn, model)
        except (ProviderTroubleError, CallRefusedError):
            turn.answered(completion, verdict)  # paid for, though the item has to come back for its second opinion
            raise
        judged = turn.task.judge_second_opinion(verdict, second)
        turn.answered(completion, judged)
        turn.opined(second)
        return judged

    async def _refused(self, turn: Turn, error: CallRefusedError) -> ItemRecord:
        if error.status in _DEPLOYMENT_STATUSES:
            await asyncio.to_thread(
                jobs.stop, self._database, turn.item.job_id, StopReason.PROVIDER_REFUSED, str(error)
            )
            return turn.end(Released(0, clean=True))
        following = turn.task.task.tier_after(turn.item.tier)
        if following is None:
            return turn.end(Failed(FailReason.REFUSED, None, "[]"))
        return turn.end(Escalated(following.name, Cause.CALL_REFUSED))

    def _delay_ms(self, item: ClaimedItem, error: ProviderTroubleError) -> int:
        """Return how long the item rests: what the provider asked for, or a doubling delay with jitter."""
        doubled = min(LONGEST_DELAY_MS, FIRST_DELAY_MS << min(item.attempts, 10))
        return max(round(error.retry_after_s * 1000), round(doubled * (0.5 + self._jitter() / 2)))


def _models(task: CompiledTask, tier: str) -> list[str]:
    second = task.second_opinion(tier)
    model = task.task.tier(tier).model
    return [model] if second is None else [model, second]
