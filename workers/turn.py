"""What happens in one turn of an item, collected for its record."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import orjson

from routing.benefit import is_hopeless, kind_of
from routing.cached_property import cached_property
from routing.compiled_task import AS_THE_TASK_SAYS
from routing.completion import Completion, Prompt, TokenLogprob, TokenUsage
from routing.decision import Cause, Decision, Layer
from routing.escalation import Accept, Escalate, Fail, next_step
from routing.item_facts import ItemFacts
from routing.repair import is_repairable, repair_prompt
from routing.verdict import Verdict
from storage.records import (
    Accepted,
    CanaryOutcome,
    Escalated,
    Failed,
    FixRecord,
    HeldOut,
    ItemRecord,
    Measured,
    Released,
    Routed,
)
from storage.states import AttemptOutcome, FailReason
from workers.accounting import Circumstances, failures_json, storable
from workers.answer_cache import to_keep
from workers.carried import Below, CarriedFailure, HeldFrom, Opining, Repairing, read_carried

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.calibration import Thresholds
    from routing.classifier.judge import Judge
    from routing.decision import Signal
    from routing.deployment import Flag
    from routing.errors import CallRefusedError, ProviderTroubleError, UsageError
    from routing.prediction import Prediction
    from storage.answer_cache import CachedAnswer
    from storage.claims import ClaimedItem
    from storage.records import AttemptRecord, DecisionRecord, Next
    from workers.accounting import Accountant
    from workers.carried import Carried
    from workers.steered_task import SteeredTask


@dataclass(frozen=True, slots=True)
class AskAgain:
    """What a tier is asked after an answer of its own did not pass, and why; the turn takes `carried` along."""

    prompt: Prompt
    carried: Repairing | Below
    cause: Cause
    signals: Mapping[str, Signal]


class Turn:
    """One turn of an item: the decisions it rests on, and every call made in it.

    `prompt` is what is sent next, `whole_prompt` what the tier is asked before anything went wrong.
    `asking` is the model that was called last, `compared` what it answered to small calls beside that one, and
    `is_due_to_item` whether those tell that it answers everything but this item.
    """

    def __init__(self, accountant: Accountant, item: ClaimedItem, task: SteeredTask, gate_wait_ms: int) -> None:
        self._accountant = accountant
        self._decision = Decision(item.tier, Layer(item.layer), Cause(item.cause))
        self._waited_ms = (item.queued_ms, gate_wait_ms)
        self._began = monotonic()
        self._started_ms = accountant.now_ms()
        self._checks_ms = 0
        self._asked_by = self._decision
        self._decided = item.decided
        self._decisions: list[DecisionRecord] = []
        self._attempts: list[AttemptRecord] = []
        self._to_cache: list[CachedAnswer] = []
        self._failed_checks: dict[tuple[str, str], None] = {}
        self.whole_prompt = Prompt((), {})
        carried = read_carried(item.carried)
        self._opining = carried if isinstance(carried, Opining) else None
        self._carried = carried.before if isinstance(carried, Opining) else carried
        self._below = _below(self._carried)
        self._metadata = orjson.loads(item.metadata)
        self.item = item
        self.steered = task
        self.variant = task.variant(item.custom_id, item.tier)
        self.task = self.variant.task
        self.model = self.task.task.tier(item.tier).model
        self.asking = self.model
        self.compared: tuple[Completion, ...] = ()
        self.is_due_to_item = False
        self.prompt = self.whole_prompt

    @property
    def is_holdout(self) -> bool:
        """Whether the item is accepted already, and runs here only to be measured."""
        return isinstance(self._carried, HeldFrom)

    @property
    def has_called(self) -> bool:
        """Whether a call of this turn is written down already."""
        return bool(self._attempts)

    @property
    def cost_nano_usd(self) -> int:
        """What the item has cost so far, this turn's calls included."""
        return self.item.cost_nano_usd + sum(attempt.cost_nano_usd for attempt in self._attempts)

    @property
    def is_undecided(self) -> bool:
        """Whether the router has to choose: it has not yet, or the ramp sent the item up and has been raised since."""
        task, item = self.steered, self.item
        if item.decided and item.layer == Layer.RAMP:
            return task.rollout.may_start_cheap(task.frozen.name, item.custom_id)
        return not item.decided

    def facts(self, flags: Mapping[str, Flag]) -> ItemFacts:
        """Return what the router may know of the item."""
        return ItemFacts(
            task=self.steered.frozen.name,
            text=self.item.text,
            pages=self.item.pages,
            metadata=self._metadata,
            flags=flags,
            now_ms=self._started_ms,
        )

    @cached_property
    def _least(self) -> Thresholds:
        if self.steered.calibration is None:
            return AS_THE_TASK_SAYS
        return self.steered.least(self.item.custom_id, self.item.tier, self.facts({}))

    def begin_judging(self, judge: Judge) -> None:
        """Date the call of the judge that is made next."""
        self.begin_call(judge.model)
        self._asked_by = Decision(self.item.tier, Layer.CLASSIFIER, Cause.JUDGE)

    def judge_prompt(self, judge: Judge) -> Prompt:
        """Return what the judge is asked. Raises UsageError where the item lacks what its template names."""
        return judge.prompt(self.item.text, self._metadata, self.item.custom_id, self.item.pages)

    def predicted(self, completion: Completion, *, keep: bool) -> None:
        """Write down a judge's answer, and keep it for the same content, whatever the task says of its cache."""
        around = self._circumstances()
        self._attempts.append(
            self._accountant.answered(self._asked_by, completion, Verdict(None), AttemptOutcome.PREDICTION, around)
        )
        if keep and completion.cache_key and not completion.from_cache:
            self._to_cache.append(to_keep(completion, self.steered.frozen.name, self.task.task.cache.max_age_days))

    def route(self, facts: ItemFacts, judged: Prediction | None) -> Routed | None:
        """Choose the item's first tier; return None where that is the one it is in."""
        task, item = self.steered, self.item
        decision = task.decide(item.custom_id, facts, judged)
        self._decide(decision)
        self._decided = True
        if decision.tier == item.tier:
            return None
        return Routed(decision.tier, decision.layer, decision.cause)

    def write_prompt(self) -> None:
        """Fill in the tier's prompt. Raises UsageError where this item lacks what the template asks for."""
        self.whole_prompt = self.prompt = self.task.prompt(
            self.item.tier,
            text=self.item.text,
            metadata=self._metadata,
            custom_id=self.item.custom_id,
            pages=self.item.pages,
        )
        if isinstance(self._carried, Repairing):
            self.prompt = repair_prompt(self.whole_prompt, self._carried.answer, self._carried.told)
        elif self._below is not None and self._below.fields:
            self.prompt = self.task.ask_for(self.whole_prompt, self._below.fields)

    def unwritable(self, error: UsageError) -> Next:
        """Say that the prompt could not be written."""
        reason = orjson.dumps([{"check": "prompt", "field": "", "reason": storable(error.message)}]).decode()
        return self.failed(FailReason.PROMPT, reason)

    def begin_call(self, model: str) -> None:
        """Date the call that is made next, and say of which model."""
        self.asking, self._asked_by = model, self._decision
        self._started_ms = self._accountant.now_ms()

    def paid_answer(self) -> Completion | None:
        """Return the first answer an earlier turn paid for, None where this turn has to ask for one."""
        if self._opining is None:
            return None
        logprobs = self._opining.logprobs
        return Completion(
            text=self._opining.answer,
            finish_reason=self._opining.finish_reason,
            usage=TokenUsage(0, 0),
            model=self.model,
            provider_ms=0.0,
            http_calls=0,
            logprobs=None if logprobs is None else tuple(TokenLogprob(*pair) for pair in logprobs),
        )

    def judge(self, completion: Completion) -> Verdict:
        """Check an answer."""
        began = monotonic()
        below = self._below
        if below is not None and below.fields:
            verdict = self.task.judge_fields(completion, self.item.text, below.output, below.fields)
        else:
            verdict = self.task.judge(completion, self.item.text, self._least)
        self._checks_ms = round((monotonic() - began) * 1000)
        return verdict

    def judge_second_opinion(self, verdict: Verdict, second: Completion) -> Verdict:
        """Check a passed answer against a second model's."""
        return self.task.judge_second_opinion(verdict, second, self._least)

    def answered(self, completion: Completion, verdict: Verdict) -> None:
        """Write down the call that was answered, with its verdict, unless an earlier turn did."""
        outcome = AttemptOutcome.ACCEPTED if verdict.passed else AttemptOutcome.REJECTED
        if self._opining is None:
            around = self._circumstances()
            self._attempts.append(self._accountant.answered(self._decision, completion, verdict, outcome, around))
        if verdict.passed:
            self._keep(completion)
        if not self.is_holdout:
            self._failed_checks |= dict.fromkeys(map(kind_of, verdict.failures))

    def await_opinion(self, completion: Completion) -> None:
        """Take a first answer along to the next turn: the second opinion did not come."""
        logprobs = completion.logprobs
        self._opining = Opining(
            answer=storable(completion.text),
            finish_reason=completion.finish_reason,
            logprobs=None if logprobs is None else tuple((token.token, token.logprob) for token in logprobs),
            before=None if isinstance(self._carried, HeldFrom) else self._carried,
        )

    def opined(self, completion: Completion, judged: Verdict) -> None:
        """Write down the second opinion; its verdict is part of the first answer's."""
        self._opining = None
        if judged.passed:
            self._keep(completion)
        decision = Decision(self._decision.tier, self._decision.layer, Cause.AGREEMENT)
        around = self._circumstances()
        self._attempts.append(
            self._accountant.answered(decision, completion, Verdict(None), AttemptOutcome.OPINION, around)
        )

    def _keep(self, completion: Completion) -> None:
        """Take what led to an accepted answer into the cache; what did not is asked again another time."""
        cache = self.task.task.cache
        if cache.mode == "write" and completion.cache_key and not completion.from_cache:
            self._to_cache.append(to_keep(completion, self.steered.frozen.name, cache.max_age_days))

    def unanswered(self, error: ProviderTroubleError | CallRefusedError) -> None:
        """Write down the call that was begun last and brought no answer, with the small ones it was compared with.

        Another one of the same model is dated from here.
        """
        self._attempts.append(
            self._accountant.unanswered(
                self._asked_by,
                self.asking,
                error,
                self._circumstances(),
                self.compared,
                due_to_item=self.is_due_to_item,
            )
        )
        self._started_ms = self._accountant.now_ms()
        self.compared, self.is_due_to_item = (), False

    def another(self, completion: Completion, verdict: Verdict) -> AskAgain | None:
        """Return how to ask this tier again after an answer that did not pass, None where that is used up."""
        return self._whole() or self._repair(completion, verdict)

    def _whole(self) -> AskAgain | None:
        """Return how to ask for the whole object where only the failed fields were asked for."""
        below = self._below
        if below is None or not below.fields:
            return None
        carried = below.model_copy(update={"fields": ()})
        return AskAgain(self.whole_prompt, carried, Cause.FIELDS_NOT_ENOUGH, {"fields": ",".join(below.fields)})

    def _repair(self, completion: Completion, verdict: Verdict) -> AskAgain | None:
        """Return how to ask with what failed; None where that is used up or cannot help."""
        times = self._carried.times if isinstance(self._carried, Repairing) else 0
        allowed = 0 if self.is_holdout else self.task.task.tier(self.item.tier).repair
        if times >= allowed or not is_repairable(completion.finish_reason, verdict.failures):
            return None
        failures = _carried(verdict)
        carried = Repairing(answer=storable(completion.text), failures=failures, times=times + 1, below=self._below)
        prompt = repair_prompt(self.whole_prompt, completion.text, verdict.failures)
        return AskAgain(prompt, carried, Cause.REPAIR, {"failed_checks": len(failures), "repair": times + 1})

    def begin_again(self, again: AskAgain) -> None:
        """Ask this tier again: the call that is made next."""
        self._carried, self._below = again.carried, _below(again.carried)
        self.prompt = again.prompt
        self._decide(Decision(self.item.tier, Layer.ESCALATION, again.cause, signals=again.signals))

    def released(self, delay_ms: int) -> Released:
        """Say that the provider gave no answer: the item comes back for the same call."""
        carried = self._opining or self._carried
        return Released(delay_ms, clean=True, carried=None if carried is None else carried.model_dump_json())

    def failed(self, reason: FailReason, failures: str = "[]", output: str | None = None) -> Next:
        """Say that the item fails; one that was only to be measured is done all the same."""
        if isinstance(self._carried, HeldFrom):
            return Measured(self._carried.tier)
        return Failed(reason, output, failures)

    def conclude_refused(self) -> ItemRecord:
        """Return the record of an item that this tier will never take, and so has not passed it."""
        return self.end(self._refused(), canary_outcome=self._canary_outcome(passed=False))

    def _refused(self) -> Next:
        following = self.task.task.tier_after(self.item.tier)
        if following is None:
            return self.failed(FailReason.REFUSED)
        self._decide(Decision(following.name, Layer.ESCALATION, Cause.CALL_REFUSED))
        return Escalated(following.name, Cause.CALL_REFUSED)

    def conclude(self, verdict: Verdict) -> ItemRecord:
        """Return the record of an item whose answer was judged."""
        return self.end(self._next(verdict), self._fixes(verdict), self._canary_outcome(passed=verdict.passed))

    def _next(self, verdict: Verdict) -> Next:
        output = None if verdict.output is None else orjson.dumps(verdict.output).decode()
        if isinstance(self._carried, HeldFrom):
            return Measured(self._carried.tier)
        step = next_step(self.task.task, self.item.tier, verdict)
        match step:
            case Accept():
                assert output is not None
                return self._accepted(output)
            case Escalate():
                return self._escalated(step.decision, verdict, output)
            case Fail():
                return Failed(FailReason.VERDICT, output, failures_json(verdict.failures))

    def _escalated(self, decision: Decision, verdict: Verdict, output: str | None) -> Accepted | Escalated:
        failures = failures_json(verdict.failures)
        signals: dict[str, Signal] = {"failed_checks": len(verdict.failures), "confidence": verdict.confidence}
        if output is not None and self._is_hopeless(decision.tier, verdict):
            self._decide(Decision(self.item.tier, Layer.ESCALATION, Cause.NO_BENEFIT, signals=signals))
            return Accepted(output, needs_review=True, failures=failures)
        below = self._left_behind(decision.tier, verdict)
        if below is not None and below.fields:
            signals["fields"] = ",".join(below.fields)
            decision = decision._replace(cause=Cause.FAILED_FIELDS)
        self._decide(decision._replace(signals=signals))
        carried = None if below is None else below.model_dump_json()
        return Escalated(decision.tier, decision.cause, output, failures, carried)

    def _is_hopeless(self, tier: str, verdict: Verdict) -> bool:
        """Tell whether the next tier is known not to mend this; what is held out goes there all the same, to learn."""
        following = self.steered.variant(self.item.custom_id, tier).task.task.tier(tier)
        if following.benefit is None or self.steered.is_held_out(self.item.custom_id, self.item.tier):
            return False
        rates = self.steered.fix_rates.get((self.model, following.model), {})
        return is_hopeless(following.benefit, rates, verdict.failures)

    def _left_behind(self, tier: str, verdict: Verdict) -> Below | None:
        """Return what the next tier needs to know of this one's answer, None where it would make nothing of it."""
        next_task = self.steered.variant(self.item.custom_id, tier).task
        following = next_task.task.tier(tier)
        asks = following.ask == "failed_fields" and next_task.second_opinion(tier) is None
        if verdict.output is None or not (asks or following.benefit):
            return None
        return Below(
            model=self.model,
            output=dict(verdict.output),
            failures=_carried(verdict),
            fields=self.task.failed_fields(verdict) if asks else (),
        )

    def _canary_outcome(self, *, passed: bool) -> CanaryOutcome | None:
        """Return what a canary with conditions is judged by, None where there is none in this tier."""
        rollout = self.steered.rollout
        canary = rollout.canary
        is_judged = canary is not None and (canary.rollback_if or canary.promote_if) and not self.is_holdout
        if not is_judged or canary is None or canary.tier != self.item.tier:
            return None
        calls = [attempt for attempt in self._attempts if attempt.cause != Cause.JUDGE]
        if any(call.cache_hit for call in calls):
            return None  # an answer given again is no new evidence
        return CanaryOutcome(
            task_name=self.steered.frozen.name,
            since=rollout.canary_since,
            canary=self.variant.is_canary,
            passed=passed,
            cost_nano_usd=sum(call.cost_nano_usd for call in calls),
        )

    def _fixes(self, verdict: Verdict) -> tuple[FixRecord, ...]:
        """Say which failures of the tier below are gone here."""
        below = self._below
        if below is None or self.task.task.tier(self.item.tier).benefit is None:
            return ()
        still = {kind_of(failure) for failure in verdict.failures}
        return tuple(
            FixRecord(
                self.steered.frozen.name,
                below.model,
                self.model,
                *kind,
                verdict.output is not None and kind not in still,
            )
            for kind in dict.fromkeys(map(kind_of, below.told))
        )

    def _accepted(self, output: str) -> Accepted | HeldOut:
        if not self.steered.is_held_out(self.item.custom_id, self.item.tier):
            return Accepted(output)
        last = self.steered.frozen.tiers[-1].name
        self._decide(Decision(last, Layer.HOLDOUT, Cause.HOLDOUT, version=self.steered.rollout.version))
        return HeldOut(last, output, HeldFrom(tier=self.item.tier).model_dump_json())

    def end(
        self, following: Next, fixes: tuple[FixRecord, ...] = (), canary_outcome: CanaryOutcome | None = None
    ) -> ItemRecord:
        """Return the item's record."""
        return ItemRecord(
            job_id=self.item.job_id,
            position=self.item.position,
            tier=self.item.tier,
            lease_token=self.item.lease_token,
            next=following,
            attempts=tuple(self._attempts),
            latency_ms=round((monotonic() - self._began) * 1000),
            baseline_nano_usd=self._accountant.baseline_nano_usd(self.task.task, self._attempts)
            or self.item.baseline_nano_usd,
            failed_checks=tuple(self._failed_checks),
            decisions=tuple(self._decisions),
            fixes=fixes,
            canary_outcome=canary_outcome,
            to_cache=tuple(self._to_cache),
            decided=self._decided,
            layer=self._decision.layer,
            cause=self._decision.cause,
        )

    def _decide(self, decision: Decision) -> None:
        versioned = decision if decision.version else decision._replace(version=self.steered.version)
        chosen = self.steered.variant(self.item.custom_id, decision.tier)
        model = chosen.task.task.tier(decision.tier).model
        self._decisions.append(self._accountant.decided(versioned, model, canary=chosen.is_canary))
        if decision.tier == self.item.tier:
            self._decision = versioned

    def _circumstances(self) -> Circumstances:
        """Return what surrounds the call that was just made; only a turn's first call has waited."""
        queued_ms, gate_wait_ms = self._waited_ms
        self._waited_ms = (0, 0)
        return Circumstances(
            started_ms=self._started_ms,
            queued_ms=queued_ms,
            gate_wait_ms=gate_wait_ms,
            checks_ms=self._checks_ms,
            canary=self.variant.is_canary,
            holdout=self.is_holdout,
        )


def _below(carried: Carried | None) -> Below | None:
    return carried.below if isinstance(carried, Repairing) else carried if isinstance(carried, Below) else None


def _carried(verdict: Verdict) -> tuple[CarriedFailure, ...]:
    return tuple(
        CarriedFailure(check=failure.check, field=failure.field, reason=storable(failure.reason))
        for failure in verdict.failures
    )
