"""What a worker compiles of a job's task, and what it does not compile again."""

from __future__ import annotations

from routing.deployment import ModelSpec, PriceSpec
from routing.price import PriceList
from routing.rollout import Rollout
from storage import rollouts
from storage.database import Database
from tests.support.ledgers import TASK, running_job
from workers.rollout_watch import LOOK_EVERY_S, RolloutWatch
from workers.task_cache import TaskCache

PRICES = PriceList(
    {
        name: ModelSpec(name=name, provider="openai", model=name, price=PriceSpec(input=1, output=10))
        for name in ("small", "large")
    }
)


class _Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_jobs_of_the_same_task_share_what_is_compiled(ledger: Database) -> None:
    """An application that submits job after job does not fill its workers with copies; another task is another."""
    cache = TaskCache(ledger, RolloutWatch(ledger), PRICES)
    other = TASK.model_copy(update={"max_output_tokens": 7})
    first, second, third = (cache.get(running_job(ledger, 1, task=task).id) for task in (TASK, TASK, other))
    assert (second.usual, second.router, second.frozen) == (first.usual, first.router, first.frozen)
    assert second.usual is first.usual
    assert third.usual is not first.usual
    assert third.frozen.max_output_tokens == 7


def test_jobs_of_the_same_task_follow_its_rollout_together(ledger: Database) -> None:
    """Each of them is steered by the newest revision, which is compiled once."""
    clock = _Clock()
    cache = TaskCache(ledger, RolloutWatch(ledger, clock), PRICES)
    jobs = [running_job(ledger, 1).id for _ in range(3)]
    before = [cache.get(job) for job in jobs[:2]]
    rollouts.change(ledger, TASK.name, action="ramp", changed_by="", reason="", following=lambda _: Rollout(ramp=40))
    clock.now_s = LOOK_EVERY_S
    after = [cache.get(job) for job in jobs]
    assert [task.rollout.ramp for task in (*before, *after)] == [100, 100, 40, 40, 40]
    assert {id(task.usual) for task in before} == {id(before[0].usual)}
    assert {id(task.usual) for task in after} == {id(after[0].usual)} != {id(before[0].usual)}
