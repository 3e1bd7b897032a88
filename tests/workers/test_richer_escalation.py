"""Asking for failed fields only, and escalating only where it helps: real ledgers, real HTTP."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from evaluation.model_server.engine import Engine, EngineRequest
from evaluation.model_server.faults import Fault, FaultPlan
from evaluation.model_server.server import ModelServer
from routing.rollout_changes import held_out
from routing.task import AgreementSpec, BenefitSpec, ChecksSpec, FrozenTask, JsonSchema, TierSpec
from storage import fixes, jobs, progress, results, rollouts
from storage.database import Database
from storage.states import ItemState, JobState
from tests.support.engine_room import EngineRoom, engine_room
from tests.support.ledgers import TIERS
from tests.support.loopback import loopback
from workers import fix_rates_watch

SCHEMA = {
    "type": "object",
    "properties": {"shop": {"type": "string"}, "total": {"type": "number"}},
    "required": ["shop", "total"],
    "additionalProperties": False,
}
TEXT = "ACME STORE TOTAL 9.00"
MISREAD = json.dumps({"shop": "ACME", "total": 4711})


def _task(**last: object) -> FrozenTask:
    return FrozenTask(
        name="totals",
        output=JsonSchema(json_schema=SCHEMA),
        tiers=(
            TierSpec(name="cheap", model="small", system="", user="{{ text }}"),
            TierSpec(name="expensive", model="large", system="With care.", user="{{ text }}", **last),
        ),
        checks=ChecksSpec(grounded=("shop", "total")),
    )


def _obliging(shop: str, total: float) -> Engine:
    """Return an engine that gives the fields it is asked for, and no others."""
    whole = {"shop": shop, "total": total}

    def answer(request: EngineRequest) -> str:
        assert request.schema is not None
        return json.dumps({name: whole[name] for name in request.schema["properties"]})

    return answer


def _misreading(_: EngineRequest) -> str:
    return MISREAD


@contextmanager
def _at_work(
    ledger: Database, large: Engine, faults: FaultPlan | None = None
) -> Iterator[tuple[ModelServer, EngineRoom]]:
    with (
        loopback({"small": _misreading, "large": large}, faults=faults) as server,
        engine_room(ledger, server.deployment(small="small", large="large")) as room,
    ):
        yield server.server, room


def _job(ledger: Database, task: FrozenTask, count: int = 1) -> int:
    job = jobs.create(
        ledger, name=uuid.uuid4().hex, task=task, content_hash="c", items_total=count, budget=None, item_budget=None
    )
    items = [jobs.NewItem(f"doc-{n}", "cheap", TEXT, "{}", None, None) for n in range(count)]
    jobs.add_items(ledger, job.id, 1, items)
    jobs.open_job(ledger, job.id, TIERS)
    return job.id


def _run(room: EngineRoom, job: int, count: int = 1) -> None:
    room.pipeline.run_chunk("cheap", job, range(1, count + 1))
    room.pipeline.run_chunk("expensive", job, range(1, count + 1))


def test_only_the_failed_field_is_asked_and_the_merged_object_accepted(ledger: Database) -> None:
    """The shop of the cheap answer and the total of the expensive one; every check ran on both."""
    with _at_work(ledger, _obliging("WRONG SHOP", 9)) as (_, room):
        job = _job(ledger, _task(ask="failed_fields"))
        _run(room, job)
    trail = results.trail(ledger, job, "1")
    assert json.loads(trail.item.output or "") == {"shop": "ACME", "total": 9}
    asked = trail.attempts[-1]
    assert (asked.cause, json.loads(asked.answer or "")) == ("failed_fields", {"total": 9})
    assert set(json.loads(asked.spans)) == {"shop", "total"}
    assert json.loads(trail.decisions[-1].signals)["fields"] == "total"
    assert trail.item.baseline_nano_usd > asked.cost_nano_usd - 1, "the baseline is a whole answer, not the part"


def test_the_whole_is_asked_where_the_merged_object_fails(ledger: Database) -> None:
    """A first answer for the field alone that is no better, then the whole object, in one turn."""

    def large(request: EngineRequest) -> str:
        assert request.schema is not None
        alone = len(request.schema["properties"]) == 1
        return json.dumps({"total": 1234} if alone else {"shop": "STORE", "total": 9})

    with _at_work(ledger, large) as (_, room):
        job = _job(ledger, _task(ask="failed_fields"))
        _run(room, job)
    trail = results.trail(ledger, job, "1")
    assert trail.item.state is ItemState.DONE
    assert json.loads(trail.item.output or "") == {"shop": "STORE", "total": 9}
    assert [attempt.cause for attempt in trail.attempts] == ["first_tier", "failed_fields", "fields_not_enough"]
    assert progress.read(ledger, str(job)).tiers[1].accepted == 1


def test_trouble_between_the_part_and_the_whole_pays_for_neither_twice(ledger: Database) -> None:
    """What was asked for alone is not asked again once it has failed."""

    class _OnceInTrouble(FaultPlan):
        calls = 0

        def next_fault(self, request: bytes) -> Fault | None:
            whole = b"With care." in request and b"Give these fields only" not in request
            self.calls += whole
            return Fault.UNAVAILABLE if whole and self.calls <= 4 else None

    def large(request: EngineRequest) -> str:
        return json.dumps(
            {"total": 1234} if len((request.schema or {})["properties"]) == 1 else {"shop": "STORE", "total": 9}
        )

    with _at_work(ledger, large, _OnceInTrouble({})) as (server, room):
        job = _job(ledger, _task(ask="failed_fields"))
        _run(room, job)
        for _ in range(40):
            if jobs.find(ledger, str(job)).state is JobState.DONE:
                break
            room.loop.wait_for(_a_moment())
            room.pipeline.run_chunk("expensive", job, [1])
        assert server.ledger.answered["large"] == 2
    causes = [attempt.cause for attempt in results.trail(ledger, job, "1").attempts]
    assert causes[:2] == ["first_tier", "failed_fields"]
    assert set(causes[2:]) == {"fields_not_enough"}


async def _a_moment() -> None:
    import asyncio

    await asyncio.sleep(0.25)


def test_a_tier_with_a_second_opinion_is_asked_whole(ledger: Database) -> None:
    """Two parts cannot be compared with a whole; the check wins over the saving."""
    task = _task(ask="failed_fields")
    agreement = AgreementSpec(model="large", fields=("total",), tiers=("expensive",))
    task = task.model_copy(update={"checks": task.checks.model_copy(update={"agreement": agreement})})
    with _at_work(ledger, _obliging("STORE", 9)) as (_, room):
        job = _job(ledger, task)
        _run(room, job)
    causes = {attempt.cause for attempt in results.trail(ledger, job, "1").attempts}
    assert causes == {"first_tier", "verdict_failed", "agreement"}


def test_what_the_next_tier_never_mends_is_accepted_for_review(ledger: Database) -> None:
    """Learned from earlier escalations of the task; then the cheap answer stays, marked, and nothing more is paid."""
    task = _task(benefit=BenefitSpec(least=0.2, min_pairs=20))
    with _at_work(ledger, _misreading) as (server, room):
        _run(room, _job(ledger, task, 40), 40)
        assert fixes.fix_rates(ledger, "totals")["small", "large"]["grounding", "total"].tried == 40
        asked = server.ledger.answered["large"]
    with _at_work(ledger, _misreading) as (server, room):
        job = _job(ledger, task, 10)
        _run(room, job, 10)
        assert server.ledger.answered["large"] == 0
    assert asked == 40
    item = results.trail(ledger, job, "1")
    assert (item.item.state, item.item.needs_review) == (ItemState.DONE, True)
    assert json.loads(item.item.output or "") == json.loads(MISREAD)
    assert "grounding" in (item.item.failures or "")
    assert item.decisions[-1].cause == "no_benefit"
    standing = progress.read(ledger, str(job))
    assert (standing.tiers[0].accepted, standing.tiers[0].review) == (10, 10)


def test_the_holdout_share_is_escalated_all_the_same(ledger: Database) -> None:
    """So that a tier that has become better is noticed."""
    task = _task(benefit=BenefitSpec(least=0.2, min_pairs=20))
    with _at_work(ledger, _misreading) as (_, room):
        _run(room, _job(ledger, task, 40), 40)
    rollouts.change(
        ledger,
        "totals",
        action="holdout",
        changed_by="a test",
        reason="",
        following=lambda _: held_out(rollouts.Rollout(), 100),
    )
    with _at_work(ledger, _misreading) as (server, room):
        _run(room, _job(ledger, task, 5), 5)
        assert server.ledger.answered["large"] == 5
    assert fixes.fix_rates(ledger, "totals")["small", "large"]["grounding", "total"].tried == 45


def test_a_next_tier_that_helps_is_always_asked(ledger: Database) -> None:
    """What it mends is counted as mended, over jobs."""
    task = _task(benefit=BenefitSpec(least=0.2, min_pairs=20))
    for _ in range(2):
        with _at_work(ledger, _obliging("STORE", 9)) as (server, room):
            _run(room, _job(ledger, task, 25), 25)
            assert server.ledger.answered["large"] == 25
    rate = fixes.fix_rates(ledger, "totals")["small", "large"]["grounding", "total"]
    assert (rate.tried, rate.fixed) == (50, 50)


def test_rates_are_looked_up_again_after_seconds(ledger: Database) -> None:
    """Not for every chunk."""
    now = [0.0]
    watch = fix_rates_watch.FixRatesWatch(ledger, lambda: now[0])
    assert watch.get("totals") == {}
    with _at_work(ledger, _misreading) as (_, room):
        _run(room, _job(ledger, _task(benefit=BenefitSpec(least=0.2)), 1))
    assert watch.get("totals") == {}
    now[0] = fix_rates_watch.LOOK_EVERY_S
    assert set(watch.get("totals")) == {("small", "large")}
