"""Running a case through the product: what `train`, `calibrate` and `eval` call, with real queues and workers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evaluation.paths.item import path_items
from evaluation.statistics.pairs import PairedCounts
from evaluation.statistics.safety import assess
from evaluation.training import measure
from producer import calibrating, training
from producer.evaluating import keep_evaluation, ruler_of
from producer.ledger import open_ledger
from producer.rollouts import current
from producer.run import place_for, run_job
from producer.submit import Order, submit
from producer.task_folder import load_task
from producer.trials import LabelledSet, Watcher, run_trials
from routing.comparison import Comparison
from routing.confidence_sequence import Interval
from routing.errors import UsageError
from routing.trial import TrialPath
from storage import classifiers, trials
from storage.outcomes import Outcome
from storage.states import JobState
from workers.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from claims.case import Case
    from claims.staging import Stage
    from evaluation.paths.item import PathItem
    from evaluation.statistics.safety import Assessment
    from evaluation.training import Metrics
    from producer.run import Place
    from routing.task import FrozenTask
    from storage.database import Database
    from storage.jobs import JobRecord

PATHS = (TrialPath.ROUTED, TrialPath.EXPENSIVE, TrialPath.CHEAP)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a case on its testing half.

    `evaluation` is what `eval --json` tells, `calibration` what `calibrate --json` told on the tuning half. `straight`
    documents went to the last tier before any cheap call, `escalated` after one. `normalised` is the difference under
    the comparators that forgive more, `classified` how the classifier tells right first answers from wrong ones.
    """

    case: Case
    tuned_on: int
    evaluation: Mapping[str, Any]
    straight: int
    escalated: int
    calibration: Mapping[str, Any] | None
    normalised: Assessment | None
    classified: Metrics | None

    @property
    def difference(self) -> float:
        """The routed path's share of right documents less the last tier's."""
        share: float = self.evaluation["differences"]["routed"]["difference"]
        return share

    @property
    def interval(self) -> Interval:
        """Where that difference lies, at the evaluation's confidence."""
        return Interval(*self.evaluation["differences"]["routed"]["interval"])

    @property
    def safety(self) -> str:
        """The verdict of `eval` on the routed path."""
        verdict: str = self.evaluation["differences"]["routed"]["safety"]
        return verdict

    @property
    def saved(self) -> float:
        """The share of the last tier's cost that routing does not spend."""
        share: float = self.evaluation["differences"]["routed"]["saved_fraction"]["mean"]
        return share


def replay(case: Case, stage: Stage, tell: Callable[[str], None]) -> Replayed:
    """Tune a case on one half and measure it on the other; `tell` hears of each step. Raises a CheapfirstError.

    Nothing of the environment is used but its paths: services are the embedded ones, below the stage's home.
    """
    settings = read_settings().model_copy(update={"home": stage.home, "ledger": None, "redis_url": None})
    place = place_for(settings, stage.deployment, stage.task)
    task = load_task(stage.task)
    watcher = Watcher(lambda path, _: tell(f"{path}"), lambda _: None)
    with open_ledger(settings, create=True) as database:
        if case.learns:
            _learn(database, place, stage, tell)
        calibration = None if case.margin is None else _calibrate(database, place, task, stage, case.margin, watcher)
        ran = _trials(database, place, task, stage.testing, PATHS, watcher)
        evaluation = keep_evaluation(database, task, ran, ruler_of(task, None, None, ""))
        routed = list(trials.items(database, ran[TrialPath.ROUTED].id))
        started = [item for item in routed if any(call.model == task.tiers[0].model for call in item.calls)]
        return Replayed(
            case=case,
            tuned_on=_count(stage.tuning) if case.learns or case.margin is not None else 0,
            evaluation=evaluation,
            straight=len(routed) - len(started),
            escalated=sum(item.tier != task.tiers[0].name for item in started),
            calibration=calibration,
            normalised=_normalised(database, case, task, ran) if case.normalised else None,
            classified=_classified(database, task, ran[TrialPath.CHEAP]) if case.learns else None,
        )


def _learn(database: Database, place: Place, stage: Stage, tell: Callable[[str], None]) -> None:
    """Run the tuning half as a job, train on its outcomes, and let the version decide; once for a ledger."""
    learning = load_task(stage.learning)
    if classifiers.listing(database, learning.name):
        return
    tell("outcomes to learn from")
    submitted = submit(database, Order(learning, [str(stage.tuning)]), place.settings.home)
    _require_done(run_job(database, place, submitted.job, lambda _: None))
    training.activate(database, learning, training.train_classifier(database, learning).version)


def _calibrate(
    database: Database, place: Place, task: FrozenTask, stage: Stage, margin: float, watcher: Watcher
) -> dict[str, Any]:
    """Calibrate on the tuning half, and let what is shown hold. What was calibrated before is undone first."""
    if current(database, task).calibration is not None:
        calibrating.roll_back(database, task)
    signals = calibrating.signals_of(database, task, place.deployment)
    ran = _trials(database, place, task, stage.tuning, calibrating.PATHS, watcher)
    told = calibrating.keep_calibration(database, task, signals, ran, ruler_of(task, margin, None, ""))
    if told["everywhere"]["chosen"] is not None:
        calibrating.activate(database, task, told["calibration"])
    return told


def _trials(
    database: Database, place: Place, task: FrozenTask, rows: Path, paths: Sequence[TrialPath], watcher: Watcher
) -> dict[TrialPath, JobRecord]:
    ran = run_trials(database, place, task, LabelledSet(rows), paths, watcher)
    for job in ran.values():
        _require_done(job)
    return ran


def _require_done(job: JobRecord) -> None:
    if job.state is not JobState.DONE:
        raise UsageError(f"The replay of {job.name} stopped: {job.stop_detail or job.state}.")


def _normalised(database: Database, case: Case, task: FrozenTask, ran: Mapping[TrialPath, JobRecord]) -> Assessment:
    comparison = Comparison({**task.compare, **case.normalised}, task.comparator_sources)
    routed, expensive = (
        _items(trials.items(database, ran[path].id), task, comparison)
        for path in (TrialPath.ROUTED, TrialPath.EXPENSIVE)
    )
    ruler = ruler_of(task, None, None, "")
    counts = PairedCounts.of((item.right, expensive[name].right) for name, item in routed.items())
    return assess(counts, ruler.margin, ruler.confidence)


def _classified(database: Database, task: FrozenTask, cheap: JobRecord) -> Metrics:
    """Return how the active version tells right first answers from wrong ones in the testing half."""
    version = current(database, task).classifier
    assert version is not None
    measured = list(trials.items(database, cheap.id))
    right = _items(measured, task, Comparison.of_task(task))
    outcomes = [Outcome(item.custom_id, item.text, item.pages, right[item.custom_id].right, 0, 0) for item in measured]
    kept = next(one for one in classifiers.listing(database, task.name) if one.version == version)
    trained_on: int = json.loads(kept.metrics)["trained_on"]
    return measure(classifiers.model(database, task.name, version), outcomes, trained_on)


def _items(items: Any, task: FrozenTask, comparison: Comparison) -> dict[str, PathItem]:  # noqa: ANN401
    return path_items(items, task.name, comparison, "", {})


def _count(rows: Path) -> int:
    return len(rows.read_text(encoding="utf-8").splitlines())
