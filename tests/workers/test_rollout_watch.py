"""A worker sees a changed rollout within a second, and asks the ledger no more often."""

from __future__ import annotations

from pathlib import Path

from producer.rollouts import change, roll_back
from routing.rollout import Rollout
from routing.rollout_changes import held_out
from routing.task import RolloutSpec
from storage import migrate, rollouts
from storage.database import Database
from tests.support.ledgers import TASK
from workers.rollout_watch import RolloutWatch


class _Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _ramp(ledger: Database, percent: float) -> None:
    rollouts.change(
        ledger, TASK.name, action="ramp", changed_by="", reason="", following=lambda _: Rollout(ramp=percent)
    )


def test_a_change_is_seen_within_a_second(ledger: Database) -> None:
    """Until there is one, the job's own task says how it is rolled out."""
    clock = _Clock()
    watch = RolloutWatch(ledger, clock)
    task = TASK.model_copy(update={"rollout": RolloutSpec(ramp=30)})
    assert watch.get(task) == Rollout(ramp=30)
    _ramp(ledger, 60)
    assert watch.get(task).ramp == 30
    clock.now_s = 1.0
    assert watch.get(task) == Rollout(revision=1, ramp=60)


def test_once_everything_is_undone_the_task_says_again_how_it_is_rolled_out(ledger: Database) -> None:
    """As its file says by then, which may have changed meanwhile."""
    task = TASK.model_copy(update={"rollout": RolloutSpec(ramp=30)})
    _ramp(ledger, 60)
    undone = roll_back(ledger, task, by="ann")
    assert (undone.ramp, undone.revision) == (30, 2)
    later = TASK.model_copy(update={"rollout": RolloutSpec(ramp=20)})
    watched = RolloutWatch(ledger).get(later)
    assert (watched.ramp, watched.revision) == (20, 2)
    before, now = change(ledger, later, "holdout", lambda rollout: held_out(rollout, 5), by="ann")
    assert (before.ramp, now.ramp, now.holdout) == (20, 20, 5)
    assert RolloutWatch(ledger).get(task) == now, "what was changed again holds, whatever the file says"


def test_what_was_known_holds_while_the_ledger_is_away(tmp_path: Path) -> None:
    """A worker goes on as it was, rather than as the file says."""
    file = tmp_path / "ledger.db"
    ledger = Database(f"sqlite:///{file}")
    migrate.upgrade(ledger)
    _ramp(ledger, 60)
    clock = _Clock()
    watch = RolloutWatch(ledger, clock)
    assert watch.get(TASK).ramp == 60
    ledger.close()
    for part in tmp_path.iterdir():
        part.unlink()
    tmp_path.rmdir()
    clock.now_s = 5.0
    assert watch.get(TASK).ramp == 60
