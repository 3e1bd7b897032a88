"""What happens in one turn of an item, collected for its record."""

from __future__ import annotations

import re
from time import monotonic
from typing import TYPE_CHECKING

import orjson

from routing.completion import Prompt
from routing.decision import Cause, Decision, Layer
from routing.escalation import Accept, Escalate, Fail, next_step
from routing.verdict import Verdict
from storage.records import Accepted, Escalated, Failed, ItemRecord
from storage.states import AttemptOutcome, FailReason
from workers.accounting import Timing, failures_json, storable

if TYPE_CHECKING:
    from routing.compiled_task import CompiledTask
    from routing.completion import Completion
    from routing.errors import CallRefusedError, ProviderTroubleError, UsageError
    from storage.claims import ClaimedItem
    from storage.records import AttemptRecord, Next
    from workers.accounting import Accountant

_POSITION = re.compile(r"\[\d+\]")


class Turn:
    """One turn of an item: the decision it rests on, and every call made in it."""

    def __init__(self, accountant: Accountant, item: ClaimedItem, task: CompiledTask, gate_wait_ms: int) -> None:
        self._accountant = accountant
        self._decision = _decision(item)
        self._gate_wait_ms = gate_wait_ms
        self._began = monotonic()
        self._started_ms = accountant.now_ms()
        self._checks_ms = 0
        self._attempts: list[AttemptRecord] = []
        self._failed_checks: tuple[tuple[str, str], ...] = ()
        self.item = item
        self.task = task
        self.prompt = Prompt((), {})

    def write_prompt(self) -> None:
        """Fill in the tier's prompt. Raises UsageError where this item lacks what the template asks for."""
        self.prompt = self.task.prompt(
            self.item.tier,
            text=self.item.text,
            metadata=orjson.loads(self.item.metadata),
            custom_id=self.item.custom_id,
            pages=self.item.pages,
        )

    def unwritable(self, error: UsageError) -> Failed:
        """Say that the prompt could not be written."""
        reason = orjson.dumps([{"check": "prompt", "field": "", "reason": storable(error.message)}]).decode()
        return Failed(FailReason.PROMPT, None, reason)

    def judge(self, completion: Completion) -> Verdict:
        """Check an answer."""
        began = monotonic()
        verdict = self.task.judge(self.item.tier, completion, self.item.text)
        self._checks_ms = round((monotonic() - began) * 1000)
        return verdict

    def answered(self, completion: Completion, verdict: Verdict) -> None:
        """Write down the call that was answered, with its verdict."""
        outcome = AttemptOutcome.ACCEPTED if verdict.passed else AttemptOutcome.REJECTED
        self._attempts.append(self._accountant.answered(self._decision, completion, verdict, outcome, self._timing()))

    def opined(self, completion: Completion) -> None:
        """Write down the second opinion; its verdict is part of the first answer's."""
        decision = Decision(self._decision.tier, self._decision.layer, Cause.AGREEMENT)
        self._attempts.append(
            self._accountant.answered(decision, completion, Verdict(None), AttemptOutcome.OPINION, self._timing())
        )

    def unanswered(self, model: str, error: ProviderTroubleError | CallRefusedError) -> None:
        """Write down a call that brought no answer."""
        self._attempts.append(self._accountant.unanswered(self._decision, model, error, self._timing()))

    def conclude(self, verdict: Verdict) -> ItemRecord:
        """Return the record of an item whose answer was judged."""
        if not verdict.passed:
            failed = ((failure.check.value, _POSITION.sub("[*]", failure.field)) for failure in verdict.failures)
            self._failed_checks = tuple(dict.fromkeys(failed))
        return self.end(self._next(verdict))

    def _next(self, verdict: Verdict) -> Next:
        step = next_step(self.task.task, self.item.tier, verdict)
        match step:
            case Accept():
                return Accepted(orjson.dumps(verdict.output).decode())
            case Escalate():
                return Escalated(step.decision.tier, step.decision.cause)
            case Fail():
                output = None if verdict.output is None else orjson.dumps(verdict.output).decode()
                return Failed(FailReason.VERDICT, output, failures_json(verdict.failures))

    def end(self, following: Next) -> ItemRecord:
        """Return the item's record."""
        return ItemRecord(
            job_id=self.item.job_id,
            position=self.item.position,
            tier=self.item.tier,
            lease_token=self.item.lease_token,
            next=following,
            attempts=tuple(self._attempts),
            latency_ms=round((monotonic() - self._began) * 1000),
            baseline_nano_usd=self._accountant.baseline_nano_usd(self.task.task, self._attempts),
            failed_checks=self._failed_checks,
        )

    def _timing(self) -> Timing:
        return Timing(self._started_ms, self._gate_wait_ms, self._checks_ms)


def _decision(item: ClaimedItem) -> Decision:
    layer = Layer.DEFAULT if item.cause == Cause.FIRST_TIER else Layer.ESCALATION
    return Decision(item.tier, layer, Cause(item.cause))
