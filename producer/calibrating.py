"""Deriving a task's thresholds from a quality target, on labelled documents that both of its tiers answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evaluation.calibration.derivation import Goal, derive
from evaluation.calibration.item import CalibrationItem, Signal
from evaluation.paths.item import facts_of, path_items
from producer.evaluating import sources_of
from producer.json_text import json_page
from producer.rollouts import change, current, roll_back_version, user_name
from routing.calibration import Calibration, Thresholds, basis_of
from routing.comparison import Comparison
from routing.compiled_task import CompiledTask
from routing.completion import Completion, FinishReason, TokenUsage
from routing.errors import UsageError
from routing.money import NanoUsd, to_usd
from routing.price import PriceList
from routing.rollout_changes import calibrated
from routing.router import Router
from routing.trial import TrialPath
from storage import calibrations, trials
from storage.states import AttemptOutcome
from workers.active_classifier import active_classifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evaluation.calibration.derivation import Derivation, Setting
    from evaluation.paths.evaluation import Ruler
    from routing.classifier.trained import TrainedClassifier
    from routing.deployment import DeploymentSpec
    from routing.task import AgreementSpec, FrozenTask
    from storage.database import Database
    from storage.jobs import JobRecord
    from storage.trials import TrialCall, TrialItem

PATHS = (TrialPath.MEASURED, TrialPath.EXPENSIVE)
"""What labelled documents are run through: the first tier with every signal measured, and the last tier alone."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What may refuse a first answer of a task: its signals, their typed thresholds, and what measures them."""

    names: tuple[Signal, ...]
    typed: Mapping[Signal, float]
    classifier: TrainedClassifier | None
    agreement: AgreementSpec | None


def signals_of(database: Database, task: FrozenTask, deployment: DeploymentSpec) -> Signals:
    """Return a task's signals as its rollout stands. Raises UsageError where it has none."""
    rollout = current(database, task)
    classifier = active_classifier(database, PriceList(deployment.models), task, rollout)
    confidence, agreement = task.checks.confidence, task.checks.agreement
    if agreement is not None and task.tiers[0].name not in agreement.tiers:
        agreement = None
    typed: dict[Signal, float] = {}
    if confidence is not None:
        typed[Signal.CONFIDENCE] = confidence.min
    if agreement is not None:
        typed[Signal.AGREEMENT] = agreement.min
    names = (*typed, *([Signal.CLASSIFIER] if classifier is not None else []))
    if not names:
        raise UsageError(
            f"Task `{task.name}` has no signal that a threshold could be derived for.",
            "Add `checks: {confidence: ...}` or `agreement`, or activate a classifier: `cheapfirst train TASK`.",
        )
    return Signals(names, typed, classifier, agreement)


def keep_calibration(
    database: Database, task: FrozenTask, signals: Signals, ran: Mapping[TrialPath, JobRecord], ruler: Ruler
) -> dict[str, Any]:
    """Derive thresholds from what the trials' jobs brought, keep them as a version, and return it all as JSON values.

    A stratum with documents enough for a promise of its own has its own thresholds; the others have those of all.
    """
    items = _items(database, task, signals, ran, ruler.by)
    goal = Goal(ruler.margin, ruler.confidence, signals.typed)
    everywhere = derive(items, goal)
    strata = {name: derive(some, goal) for name, some in _strata(items).items()} if ruler.by else {}
    rollout = current(database, task)
    calibration = None
    if everywhere.chosen is not None:
        calibration = Calibration(
            basis=basis_of(rollout.applied(task), rollout.classifier),
            everywhere=_thresholds(signals, everywhere.chosen),
            by=ruler.by,
            strata={name: _thresholds(signals, one.chosen) for name, one in strata.items() if one.chosen is not None},
        )
    told: dict[str, Any] = {
        "task": task.name,
        "margin": ruler.margin,
        "confidence": ruler.confidence,
        "by": ruler.by,
        "answered_by": sources_of(database, ran.values()),
        "spent_usd": sum(to_usd(NanoUsd(job.cost_nano_usd)) for job in ran.values()),
        "everywhere": _told(items, everywhere, ruler.margin),
        "strata": {
            name: _told([item for item in items if item.stratum == name], one, ruler.margin)
            for name, one in strata.items()
        },
    }
    version = calibrations.add(database, task.name, calibration, json_page(told).decode(), user_name())
    return {"calibration": version, **told}


def activate(database: Database, task: FrozenTask, version: int) -> None:
    """Let a version's thresholds hold, for running jobs too.

    Raises NotFoundError, UsageError where the version has none or was made with another task, model or classifier.
    """
    calibration = calibrations.thresholds(database, task.name, version)
    rollout = current(database, task)
    if calibration.basis != basis_of(rollout.applied(task), rollout.classifier):
        raise UsageError(
            f"Calibration {version} of `{task.name}` was made with another task, model or classifier.",
            "`cheapfirst calibrate TASK LABELS` makes one for what runs now.",
        )
    change(database, task, f"calibration {version}", lambda rollout: calibrated(rollout, version))


def roll_back(database: Database, task: FrozenTask) -> int | None:
    """Let the thresholds hold that did before, and return their version, None for the task file's own.

    Raises UsageError where none is active.
    """
    return roll_back_version(database, task, "calibration")


def _items(
    database: Database, task: FrozenTask, signals: Signals, ran: Mapping[TrialPath, JobRecord], by: str
) -> list[CalibrationItem]:
    comparison, router, rollout = Comparison.of_task(task), Router(task), current(database, task)
    compiled = CompiledTask(task)
    opened = rollout.model_copy(update={"ramp": 100})
    predict = None if signals.classifier is None else signals.classifier.predict
    measured = list(trials.items(database, ran[TrialPath.MEASURED].id))
    first = path_items(measured, task.name, comparison, by, {})
    last = path_items(trials.items(database, ran[TrialPath.EXPENSIVE].id), task.name, comparison, "", {})
    found = []
    for item in measured:
        if item.custom_id not in last:
            continue
        one, other = first[item.custom_id], last[item.custom_id]
        decision = router.decide(item.custom_id, facts_of(item, task.name), opened, predict)
        second = _second_call(item, signals)
        opinion_cost = 0 if second is None else second.cost_nano_usd
        found.append(
            CalibrationItem(
                custom_id=item.custom_id,
                stratum=one.stratum,
                starts_cheap=decision.tier == task.tiers[0].name,
                passes=one.accepted,
                signals={signal: _measured(signal, item, compiled, signals) for signal in signals.names},
                first_right=one.right,
                last_right=other.right and other.accepted,
                first_cost=item.cost_nano_usd - opinion_cost,
                opinion_cost=opinion_cost,
                last_cost=other.cost_nano_usd,
            )
        )
    return found


def _measured(signal: Signal, item: TrialItem, task: CompiledTask, signals: Signals) -> float:
    """Return a signal's value; the least there is where nothing was measured."""
    match signal:
        case Signal.CONFIDENCE:
            return next((call.confidence for call in reversed(item.calls) if call.confidence is not None), 0.0)
        case Signal.AGREEMENT:
            return _agreement(item, task, signals)
        case Signal.CLASSIFIER:
            assert signals.classifier is not None
            return signals.classifier.predict(facts_of(item, task.task.name)).probability


def _agreement(item: TrialItem, task: CompiledTask, signals: Signals) -> float:
    second = _second_call(item, signals)
    if second is None or second.answer is None or item.output is None:
        return 0.0
    finish_reason = FinishReason(second.finish_reason or FinishReason.STOP)
    told = Completion(second.answer, finish_reason, TokenUsage(0, 0), second.model, 0.0)
    return task.agreement(json.loads(item.output), told)


def _second_call(item: TrialItem, signals: Signals) -> TrialCall | None:
    """Return the call of the second model that was answered last, None where none was."""
    if signals.agreement is None:
        return None
    model = signals.agreement.model
    answered = (call for call in reversed(item.calls) if call.model == model and call.outcome is AttemptOutcome.OPINION)
    return next(answered, None)


def _strata(items: Sequence[CalibrationItem]) -> dict[str, list[CalibrationItem]]:
    parts: dict[str, list[CalibrationItem]] = {}
    for item in items:
        parts.setdefault(item.stratum, []).append(item)
    return parts


def _thresholds(signals: Signals, setting: Setting) -> Thresholds:
    """Return what is written down: a signal that the setting does not look at refuses nothing, instead of as typed."""
    unused = {signal.value: 0.0 for signal in signals.typed}
    return Thresholds(**(unused | {signal.value: value for signal, value in setting.least.items()}))


def _told(items: Sequence[CalibrationItem], derivation: Derivation, margin: float) -> dict[str, Any]:
    return {
        "documents": derivation.documents,
        "candidates": derivation.candidates,
        "base_losses": derivation.base_losses,
        "base_risk": round(derivation.base_risk, 6),
        "must_refuse": round(derivation.must_refuse(margin), 6),
        "needed": derivation.needed,
        "always_last_usd": to_usd(NanoUsd(sum(item.last_cost for item in items))),
        "chosen": None if derivation.chosen is None else _setting(derivation.chosen),
        "tried": [_setting(setting) for setting in derivation.tried],
    }


def _setting(setting: Setting) -> dict[str, Any]:
    return {
        "least": {signal.value: round(value, 6) for signal, value in setting.least.items()},
        "stands": setting.stands,
        "losses": setting.losses,
        "bound": round(setting.bound, 6),
        "cost_usd": to_usd(NanoUsd(setting.cost_nano_usd)),
        "safe": setting.is_safe,
    }
