"""The router inside a worker: rules, ramp, canary, holdout and repair, on real ledgers and real HTTP."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select
from sqlmodel import col

from evaluation.model_server.engine import Engine, EngineRequest
from evaluation.model_server.faults import Fault, FaultPlan
from routing.rollout_changes import classified, held_out, ramped, with_canary
from routing.task import (
    CanarySpec,
    ChecksSpec,
    ClassifierSpec,
    FrozenTask,
    JsonSchema,
    RolloutSpec,
    RouteRuleSpec,
    RouteSpec,
    TierSpec,
)
from storage import classifiers, jobs, progress, results, rollouts
from storage.database import Database
from storage.router_tables import DecisionRow
from storage.states import ItemState, JobState
from tests.routing.classifier.test_classifier import model
from tests.support.engine_room import EngineRoom, engine_room
from tests.support.ledgers import TIERS
from tests.support.loopback import answering, loopback

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
RIGHT = '{"total": 9}'
WRONG = '{"total": 4711}'
TASK = FrozenTask(
    name="totals",
    output=JsonSchema(json_schema=SCHEMA),
    tiers=(
        TierSpec(name="cheap", model="small", system="Extract.", user="{{ text }}"),
        TierSpec(name="expensive", model="large", system="Extract with care.", user="{{ text }}"),
    ),
    checks=ChecksSpec(grounded=("total",)),
)
FLAGGED = RouteSpec(rules=(RouteRuleSpec(id="gold", condition="metadata.user == 'gold'", tier="expensive"),))


class _NoRepairs(FaultPlan):
    """A provider that is in trouble whenever a conversation goes on."""

    def next_fault(self, request: bytes) -> Fault | None:
        return Fault.UNAVAILABLE if b"assistant" in request else None


@contextmanager
def at_work(
    ledger: Database, small: Engine, large: Engine | None = None, faults: FaultPlan | None = None
) -> Iterator[EngineRoom]:
    """Run the engine with two models and a third, `new`, which answers right."""
    engines = {"small": small, "large": large or answering(RIGHT), "new": answering(RIGHT)}
    with (
        loopback(engines, faults=faults) as server,
        engine_room(ledger, server.deployment(small="small", large="large", new="new")) as room,
    ):
        yield room


def _job(ledger: Database, count: int, task: FrozenTask, metadata: str = "{}") -> int:
    job = jobs.create(
        ledger, name=uuid.uuid4().hex, task=task, content_hash="c", items_total=count, budget=None, item_budget=None
    )
    items = [jobs.NewItem(f"doc-{n}", "cheap", f"number {n} TOTAL 9.00", metadata, None, None) for n in range(count)]
    jobs.add_items(ledger, job.id, 1, items)
    jobs.open_job(ledger, job.id, TIERS)
    return job.id


def _run(room: EngineRoom, ledger: Database, job: int, count: int) -> None:
    room.pipeline.run_chunk("cheap", job, range(1, count + 1))
    room.pipeline.run_chunk("expensive", job, range(1, count + 1))
    assert jobs.find(ledger, str(job)).state is JobState.DONE


def _decisions(ledger: Database, job: int, position: int = 1) -> list[DecisionRow]:
    columns = DecisionRow.__table__.columns  # type: ignore[attr-defined]
    with ledger.read() as connection:
        rows = connection.execute(
            select(*columns)
            .where(col(DecisionRow.job_id) == job, col(DecisionRow.position) == position)
            .order_by(col(DecisionRow.decided_ms), col(DecisionRow.uid))
        ).mappings()
        return [DecisionRow(**row) for row in rows]


def _change(ledger: Database, changed: object) -> None:
    assert callable(changed)
    rollouts.change(
        ledger,
        "totals",
        action="test",
        changed_by="a test",
        reason="",
        following=lambda changes: changed(changes[-1].rollout if changes else rollouts.Rollout()),
    )


def test_a_rule_sends_an_item_to_its_tier_without_a_cheap_call(ledger: Database) -> None:
    """The decision names the rule, the facts and the version; the cheap tier is never asked."""
    with at_work(ledger, answering(RIGHT)) as room:
        job = _job(ledger, 1, TASK.model_copy(update={"route": FLAGGED}), '{"user": "gold"}')
        _run(room, ledger, job, 1)
    assert room.published.keys == {"expensive": [(job, 1)]}
    (call,) = results.trail(ledger, job, "1").attempts
    assert (call.tier, call.model, call.layer, call.cause) == ("expensive", "large", "rule", "rule_matched")
    (decision,) = _decisions(ledger, job)
    assert (decision.tier, decision.model, decision.rule) == ("expensive", "large", "gold")
    assert decision.version.startswith("task:")
    assert json.loads(decision.signals) == {"metadata.user": "gold"}
    cheap, expensive = progress.read(ledger, str(job)).tiers
    assert (cheap.attempts, cheap.routed, cheap.escalated, expensive.accepted) == (0, 1, 0, 1)


def test_no_free_text_of_an_item_is_in_the_decision_log(ledger: Database) -> None:
    """A note a rule merely excludes is told by its length."""
    rule = RouteRuleSpec(id="noted", condition="metadata.note != 'x'", tier="expensive")
    with at_work(ledger, answering(RIGHT)) as room:
        task = TASK.model_copy(update={"route": RouteSpec(rules=(rule,))})
        job = _job(ledger, 1, task, '{"note": "Patient John Smith, HIV positive"}')
        _run(room, ledger, job, 1)
    (decision,) = _decisions(ledger, job)
    assert (decision.rule, json.loads(decision.signals)) == ("noted", {"metadata.note.characters": 32})


def test_every_decision_of_a_finished_job_says_why(ledger: Database) -> None:
    """The first tier by default, then the escalation: each has its layer, cause, model and version."""
    with at_work(ledger, answering(WRONG)) as room:
        job = _job(ledger, 1, TASK)
        _run(room, ledger, job, 1)
    told = [(row.tier, row.model, row.layer, row.cause) for row in _decisions(ledger, job)]
    assert told == [
        ("cheap", "small", "default", "first_tier"),
        ("expensive", "large", "escalation", "verdict_failed"),
    ]
    assert all(row.version.startswith("task:") for row in _decisions(ledger, job))


def test_a_ramp_changed_meanwhile_holds_for_the_rest_of_a_running_job(ledger: Database) -> None:
    """Items outside the ramp go straight up; once it is raised, those of the new share start cheap."""
    with at_work(ledger, answering(RIGHT)) as room:
        job = _job(ledger, 40, TASK.model_copy(update={"rollout": RolloutSpec(ramp=0)}))
        room.pipeline.run_chunk("cheap", job, range(1, 21))
        room.pipeline.run_chunk("expensive", job, range(1, 21))
        assert progress.read(ledger, str(job)).tiers[0].routed == 20
        _change(ledger, lambda rollout: ramped(rollout, 100))
        threading.Event().wait(1.1)  # what a worker may be late by
        room.pipeline.run_chunk("cheap", job, range(21, 41))
    cheap, expensive = progress.read(ledger, str(job)).tiers
    assert (cheap.accepted, cheap.routed, expensive.accepted) == (20, 20, 20)
    (decision,) = _decisions(ledger, job, 1)
    assert (decision.layer, decision.cause, decision.version) == ("ramp", "outside_ramp", "rollout:0")


def test_a_raised_ramp_calls_back_what_still_waits_for_the_last_tier(ledger: Database) -> None:
    """An item that was sent up only because of the ramp starts cheap after all, as long as nobody was asked."""
    with at_work(ledger, answering(RIGHT)) as room:
        job = _job(ledger, 2, TASK.model_copy(update={"rollout": RolloutSpec(ramp=0)}))
        room.pipeline.run_chunk("cheap", job, [1, 2])
        room.pipeline.run_chunk("expensive", job, [1])
        _change(ledger, lambda rollout: ramped(rollout, 100))
        threading.Event().wait(1.1)  # what a worker may be late by
        room.pipeline.run_chunk("expensive", job, [2])
        room.pipeline.run_chunk("cheap", job, [2])
    assert [call.tier for call in results.trail(ledger, job, "1").attempts] == ["expensive"]
    assert [call.tier for call in results.trail(ledger, job, "2").attempts] == ["cheap"]
    told = [(row.tier, row.layer) for row in _decisions(ledger, job, 2)]
    assert told == [("expensive", "ramp"), ("cheap", "default")]
    cheap, expensive = progress.read(ledger, str(job)).tiers
    assert (cheap.routed, cheap.accepted, expensive.routed, expensive.accepted) == (2, 1, 1, 1)


def test_a_held_out_item_keeps_its_cheap_answer_and_is_measured(ledger: Database) -> None:
    """It also runs on the last tier; that call is marked, paid for, and changes nothing of the result."""
    with at_work(ledger, answering(RIGHT), answering('{"total": 9.00, "extra": 1}')) as room:
        job = _job(ledger, 1, TASK)
        _change(ledger, lambda rollout: held_out(rollout, 100))
        _run(room, ledger, job, 1)
    trail = results.trail(ledger, job, "1")
    assert (trail.item.state, trail.item.tier, trail.item.output) == (ItemState.DONE, "cheap", '{"total":9}')
    cheap, measured = trail.attempts
    assert (cheap.holdout, measured.holdout, measured.layer, measured.cause) == (False, True, "holdout", "holdout")
    assert trail.item.baseline_nano_usd == measured.cost_nano_usd
    stands = progress.read(ledger, str(job))
    assert (stands.job.items_done, stands.tiers[0].accepted, stands.tiers[1].accepted) == (1, 1, 0)
    assert stands.job.cost_nano_usd == cheap.cost_nano_usd + measured.cost_nano_usd


def test_a_canary_takes_its_tiers_items_and_is_marked(ledger: Database) -> None:
    """Its model and prompt are used; calls and decisions say so."""
    asked: list[str] = []

    def small(request: EngineRequest) -> str:
        asked.append(request.messages[0].content)
        return RIGHT

    with at_work(ledger, small) as room:
        job = _job(ledger, 1, TASK)
        canary = CanarySpec(tier="cheap", model="new", share=100, system="Be new.")
        _change(ledger, lambda rollout: with_canary(rollout, canary))
        room.pipeline.run_chunk("cheap", job, [1])
    (call,) = results.trail(ledger, job, "1").attempts
    assert (call.model, call.canary, asked) == ("new", True, [])
    assert _decisions(ledger, job)[0].canary is True


def test_a_repair_tells_what_failed_and_saves_the_escalation(ledger: Database) -> None:
    """The same tier is asked again with its answer and the failed checks; each call is an attempt of its own."""
    conversations: list[list[tuple[str, str]]] = []

    def small(request: EngineRequest) -> str:
        conversations.append([(message.role, message.content) for message in request.messages])
        return WRONG if len(conversations) == 1 else RIGHT

    with at_work(ledger, small) as room:
        job = _job(ledger, 1, _with_repairs(1))
        room.pipeline.run_chunk("cheap", job, [1])
    first, second = conversations
    assert [role for role, _ in second] == ["system", "user", "assistant", "user"]
    assert second[: len(first)] == first
    assert second[2][1] == WRONG
    assert "total" in second[3][1]
    trail = results.trail(ledger, job, "1")
    assert (trail.item.state, trail.item.tier) == (ItemState.DONE, "cheap")
    assert [(call.cause, call.outcome) for call in trail.attempts] == [
        ("first_tier", "rejected"),
        ("repair", "accepted"),
    ]
    assert [row.cause for row in _decisions(ledger, job)] == ["first_tier", "repair"]


def test_repairs_are_bounded_and_then_the_item_goes_up(ledger: Database) -> None:
    """A model that never mends its answer is asked again as often as the task says, and no more."""
    with at_work(ledger, answering(WRONG)) as room:
        job = _job(ledger, 1, _with_repairs(2))
        _run(room, ledger, job, 1)
    calls = results.trail(ledger, job, "1").attempts
    assert [(call.tier, call.cause) for call in calls] == [
        ("cheap", "first_tier"),
        ("cheap", "repair"),
        ("cheap", "repair"),
        ("expensive", "verdict_failed"),
    ]


def test_a_repair_cut_off_by_its_provider_goes_on_where_it_was(ledger: Database) -> None:
    """The first answer was paid for and is not bought again: the item comes back for its repair."""
    asked: list[int] = []

    def small(request: EngineRequest) -> str:
        asked.append(len(request.messages))
        return WRONG if len(request.messages) == 2 else RIGHT

    with at_work(ledger, small, faults=_NoRepairs({})) as room:
        job = _job(ledger, 1, _with_repairs(1))
        room.pipeline.run_chunk("cheap", job, [1])
        item = results.trail(ledger, job, "1").item
        assert (item.state, item.tier) == (ItemState.QUEUED, "cheap")
    with at_work(ledger, small) as room:
        for _ in range(100):
            if room.pipeline.run_chunk("cheap", job, [1]):
                break
            threading.Event().wait(0.1)
    assert results.trail(ledger, job, "1").item.state is ItemState.DONE
    assert asked.count(2) == 1


def _with_repairs(times: int) -> FrozenTask:
    cheap, expensive = TASK.tiers
    return TASK.model_copy(update={"tiers": (cheap.model_copy(update={"repair": times}), expensive)})


def test_the_same_items_decide_alike_in_another_job(ledger: Database) -> None:
    """Shares are drawn from the task's name and the document's, not from the job or the hour."""
    with at_work(ledger, answering(RIGHT)) as room:
        routed = []
        for _ in range(2):
            job = _job(ledger, 30, TASK.model_copy(update={"rollout": RolloutSpec(ramp=30)}))
            room.pipeline.run_chunk("cheap", job, range(1, 31))
            routed.append({item.custom_id for item in results.items(ledger, job) if item.tier == "expensive"})
    assert routed[0] == routed[1]
    assert 0 < len(routed[0]) < 30


def test_an_active_classifier_decides_within_seconds(ledger: Database) -> None:
    """Its probability, the threshold from prices and its version stand with the decision."""
    task = TASK.model_copy(update={"route": RouteSpec(classifier=ClassifierSpec())})
    version = classifiers.add(ledger, "totals", model(intercept=-4.0), "{}", "a test")
    with at_work(ledger, answering(RIGHT)) as room:
        job = _job(ledger, 2, task)
        room.pipeline.run_chunk("cheap", job, [1])
        _change(ledger, lambda rollout: classified(rollout, version))
        threading.Event().wait(1.1)  # what a worker may be late by
        room.pipeline.run_chunk("cheap", job, [2])
    (before,), (after,) = _decisions(ledger, job, 1), _decisions(ledger, job, 2)
    assert (before.tier, before.layer) == ("cheap", "default")
    assert (after.tier, after.layer, after.cause) == ("expensive", "classifier", "unlikely_to_pass")
    assert (after.threshold, after.threshold_source, after.version) == (1.0, "cost", "classifier:1")
    assert after.probability == pytest.approx(0.018, abs=0.001)


def test_a_classifier_that_is_not_there_stops_the_job_with_a_reason(ledger: Database) -> None:
    """Rather than routing by something else than was asked for."""
    task = TASK.model_copy(update={"route": RouteSpec(classifier=ClassifierSpec())})
    _change(ledger, lambda rollout: classified(rollout, 9))
    with at_work(ledger, answering(RIGHT)) as room:
        job = _job(ledger, 1, task)
        assert room.pipeline.run_chunk("cheap", job, [1]) == 0
    stopped = jobs.find(ledger, str(job))
    assert (stopped.state, "no classifier 9" in stopped.stop_detail) == (JobState.STOPPED, True)


def test_a_canary_that_the_workers_do_not_know_stops_the_job_with_a_reason(ledger: Database) -> None:
    """Rather than failing its share of the items one by one."""
    canary = CanarySpec(tier="cheap", model="elsewhere", share=1)
    _change(ledger, lambda rollout: with_canary(rollout, canary))
    with at_work(ledger, answering(RIGHT)) as room:
        job = _job(ledger, 1, TASK)
        assert room.pipeline.run_chunk("cheap", job, [1]) == 0
    stopped = jobs.find(ledger, str(job))
    assert (stopped.state, "no model `elsewhere`" in stopped.stop_detail) == (JobState.STOPPED, True)
