"""Budgets under load: what the ledger says was spent is what the provider counted, and it is never too much."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from routing.deployment import DayBudgetSpec, PriceSpec
from routing.task import BudgetSpec, ChecksSpec, FrozenTask, JsonSchema, OnExceed, TierSpec
from storage import jobs, results
from storage.database import Database
from storage.reserving import spent_today
from storage.states import FailReason, JobState, StopReason
from tests.support.engine_room import EngineRoom, engine_room
from tests.support.ledgers import TIERS
from tests.support.loopback import answering, loopback

TASK = FrozenTask(
    name="totals",
    output=JsonSchema(json_schema={"type": "object", "properties": {"total": {"type": "number"}}}),
    tiers=(
        TierSpec(name="cheap", model="small", system="", user="{{ text }}"),
        TierSpec(name="expensive", model="large", system="", user="{{ text }}"),
    ),
    checks=ChecksSpec(rules=("total < 10",)),
    max_output_tokens=5,
)


def _job(ledger: Database, count: int, budget: int | None, on_exceed: OnExceed = OnExceed.PAUSE) -> int:
    task = TASK.model_copy(update={"budget": BudgetSpec(on_exceed=on_exceed)})
    job = jobs.create(
        ledger, name=uuid.uuid4().hex, task=task, content_hash="c", items_total=count, budget=budget, item_budget=None
    )
    items = [jobs.NewItem(f"doc-{n}", "cheap", f"{n} TOTAL 9.00", "{}", None, None) for n in range(count)]
    jobs.add_items(ledger, job.id, 1, items)
    jobs.open_job(ledger, job.id, TIERS)
    return job.id


def _run(room: EngineRoom, job: int, tier: str, count: int) -> None:
    chunks = [range(start, min(start + 50, count + 1)) for start in range(1, count + 1, 50)]
    with ThreadPoolExecutor(len(chunks)) as pool:
        list(pool.map(lambda chunk: room.pipeline.run_chunk(tier, job, chunk), chunks))


def test_a_day_budget_stops_every_job_of_the_deployment(ledger: Database) -> None:
    """Two jobs share what the deployment allows; both stop, and say that they go on tomorrow."""
    with loopback({"small": answering('{"total": 9}')}) as server:
        deployment = server.deployment(small="small", large="small").model_copy(
            update={"budget": DayBudgetSpec(usd_per_day=Decimal("0.005"))}
        )
        with engine_room(ledger, deployment, 50) as room:
            both = [_job(ledger, 200, None), _job(ledger, 200, None)]
            for _ in range(40):
                for job in both:
                    _run(room, job, "cheap", 200)
    ended = [jobs.find(ledger, str(job)) for job in both]
    assert {job.stop_reason for job in ended} == {StopReason.DAY_BUDGET}
    assert "00:00 UTC" in ended[0].stop_detail
    assert spent_today(ledger) == sum(job.cost_nano_usd for job in ended) <= 5_000_000


@pytest.mark.parametrize(("on_exceed", "done"), [(OnExceed.CHEAP_ONLY, 10), (OnExceed.FAIL, 10)])
def test_what_is_not_paid_for_ends_with_its_cheap_answer(ledger: Database, on_exceed: OnExceed, done: int) -> None:
    """Half the items need the expensive tier, and nothing is left for it: they fail by budget, the rest are done."""
    odd = answering(lambda text: '{"total": 4711}' if int(text.split()[0]) % 2 else '{"total": 9}')
    with loopback({"small": odd}) as server:
        deployment = server.deployment(small="small", large="small")
        dear = deployment.models["large"].model_copy(update={"price": PriceSpec(input=100, output=1000)})
        deployment = deployment.model_copy(update={"models": deployment.models | {"large": dear}})
        with engine_room(ledger, deployment, 50) as room:
            # Twenty cheap calls fit; what they leave never pays for an expensive one.
            job = _job(ledger, 20, 20 * 40_000 + 130_000, on_exceed)
            for _ in range(30):
                _run(room, job, "cheap", 20)
                _run(room, job, "expensive", 20)
                if jobs.find(ledger, str(job)).state is not JobState.RUNNING:
                    break
    standing = jobs.find(ledger, str(job))
    assert (standing.state, standing.items_done) == (JobState.DONE, done)
    failed = [item for item in results.items(ledger, job) if item.fail_reason is not None]
    assert {item.fail_reason for item in failed} == {FailReason.BUDGET}
    assert {item.output for item in failed} == {'{"total":4711}'}
    assert all("rules" in (item.failures or "") for item in failed)
