"""What a worker compiles of a job's task, and what it does not compile again."""

from __future__ import annotations

import sys
import types
from contextlib import closing

import pytest

from routing.deployment import ModelSpec, PriceSpec
from routing.errors import InvalidFileError
from routing.price import PriceList
from routing.rollout import Rollout
from routing.task import PydanticSchema
from storage import jobs, rollouts
from storage.database import Database
from tests.support.ledgers import TASK, running_job
from workers.black_box import BlackBox, KeptBox
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
    cache = TaskCache(ledger, RolloutWatch(ledger), PRICES, BlackBox(None, ""))
    other = TASK.model_copy(update={"max_output_tokens": 7})
    first, second, third = (cache.get(running_job(ledger, 1, task=task).id) for task in (TASK, TASK, other))
    assert (second.usual, second.router, second.frozen) == (first.usual, first.router, first.frozen)
    assert second.usual is first.usual
    assert third.usual is not first.usual
    assert third.frozen.max_output_tokens == 7


def test_jobs_of_the_same_task_follow_its_rollout_together(ledger: Database) -> None:
    """Each of them is steered by the newest revision, which is compiled once."""
    clock = _Clock()
    cache = TaskCache(ledger, RolloutWatch(ledger, clock), PRICES, BlackBox(None, ""))
    jobs = [running_job(ledger, 1).id for _ in range(3)]
    before = [cache.get(job) for job in jobs[:2]]
    rollouts.change(ledger, TASK.name, action="ramp", changed_by="", reason="", following=lambda _: Rollout(ramp=40))
    clock.now_s = LOOK_EVERY_S
    after = [cache.get(job) for job in jobs]
    assert [task.rollout.ramp for task in (*before, *after)] == [100, 100, 40, 40, 40]
    assert {id(task.usual) for task in before} == {id(before[0].usual)}
    assert {id(task.usual) for task in after} == {id(after[0].usual)} != {id(before[0].usual)}


def test_the_box_names_the_job_whose_schema_is_imported(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its code runs then for the first time in this process; once it is compiled, none of it does."""
    seen: list[int | None] = []
    with closing(KeptBox()) as kept:
        look = types.ModuleType("look_at_the_box")
        look.__dict__["look"] = lambda: seen.append(kept.read().readied)
        monkeypatch.setitem(sys.modules, "look_at_the_box", look)
        source = "from pydantic import BaseModel\nimport look_at_the_box\n\nclass Total(BaseModel):\n    total: float\n"
        output = PydanticSchema(
            source=f"{source}\nlook_at_the_box.look()\n", class_name="Total", json_schema={"type": "object"}
        )
        job = running_job(ledger, 1, task=TASK.model_copy(update={"output": output}))
        cache = TaskCache(ledger, RolloutWatch(ledger), PRICES, BlackBox(kept.descriptor, "abc"))
        cache.get(job.id)
        assert seen == [job.id]
        assert kept.read().readied is None


def test_the_task_of_a_job_that_does_not_run_is_left_alone(ledger: Database) -> None:
    """Its messages are still queued: a schema that ends the process would end one for each of them."""
    output = PydanticSchema(source="raise ValueError\n", class_name="X", json_schema={"type": "object"})
    job = running_job(ledger, 1, task=TASK.model_copy(update={"output": output}))
    cache = TaskCache(ledger, RolloutWatch(ledger), PRICES, BlackBox(None, ""))
    jobs.pause(ledger, job.id)
    assert cache.get(job.id) is None
    jobs.resume(ledger, job.id)
    with pytest.raises(InvalidFileError):
        cache.get(job.id)
