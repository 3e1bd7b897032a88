"""A judge inside a worker: real ledgers, real HTTP."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from evaluation.model_server.engine import Engine
from evaluation.model_server.faults import Fault, FaultPlan
from evaluation.model_server.server import ModelServer
from routing.classifier.judge import INSTRUCTIONS
from routing.rollout import Rollout
from routing.rollout_changes import classified
from routing.task import (
    ChecksSpec,
    ClassifierSpec,
    FrozenTask,
    JsonSchema,
    JudgeSpec,
    RolloutSpec,
    RouteRuleSpec,
    RouteSpec,
    TierSpec,
)
from storage import classifiers, jobs, outcomes, results, rollouts
from storage.database import Database
from storage.states import ItemState, JobState
from tests.routing.classifier.test_classifier import model
from tests.support.engine_room import EngineRoom, engine_room
from tests.support.ledgers import TIERS
from tests.support.loopback import answering, loopback

RIGHT = '{"total": 9}'
JUDGE = JudgeSpec(model="tiny", system=INSTRUCTIONS, user="{{ text }}")


def _task(*, trained: bool = False, rules: tuple[RouteRuleSpec, ...] = (), **changes: object) -> FrozenTask:
    classifier = ClassifierSpec(trained=trained, judge=JUDGE, threshold=0.5)
    task = FrozenTask(
        name="totals",
        output=JsonSchema(json_schema={"type": "object", "properties": {"total": {"type": "number"}}}),
        tiers=(
            TierSpec(name="cheap", model="small", system="", user="{{ text }}"),
            TierSpec(name="expensive", model="large", system="", user="{{ text }}"),
        ),
        checks=ChecksSpec(grounded=("total",)),
        route=RouteSpec(rules=rules, classifier=classifier),
    )
    return task.model_copy(update=changes)


def _doubting(text: str) -> str:
    return json.dumps({"probability": 0.1 if "odd" in text else 0.9})


@contextmanager
def _at_work(
    ledger: Database, tiny: Engine | None = None, faults: FaultPlan | None = None
) -> Iterator[tuple[ModelServer, EngineRoom]]:
    engines = {"small": answering(RIGHT), "large": answering(RIGHT), "tiny": tiny or answering(_doubting)}
    with (
        loopback(engines, faults=faults) as server,
        engine_room(ledger, server.deployment(small="small", large="large", tiny="tiny")) as room,
    ):
        yield server.server, room


def _job(ledger: Database, task: FrozenTask, *, item_budget: int | None = None) -> int:
    job = jobs.create(
        ledger, name=uuid.uuid4().hex, task=task, content_hash="c", items_total=2, budget=None, item_budget=item_budget
    )
    texts = ("even TOTAL 9.00", "odd TOTAL 9.00")
    jobs.add_items(ledger, job.id, 1, [jobs.NewItem(text[:4], "cheap", text, "{}", None, None) for text in texts])
    jobs.open_job(ledger, job.id, TIERS)
    return job.id


def _run(room: EngineRoom, job: int) -> None:
    for tier in TIERS:
        room.pipeline.run_chunk(tier, job, [1, 2])


def test_a_judge_decides_before_the_first_tier_is_asked(ledger: Database) -> None:
    """Its call is an attempt of its own, paid for by the item; its probability stands with the decision."""
    with _at_work(ledger) as (server, room):
        job = _job(ledger, _task())
        _run(room, job)
        assert dict(server.ledger.answered) == {"tiny": 2, "small": 1, "large": 1}
    even, odd = results.trail(ledger, job, "1"), results.trail(ledger, job, "2")
    assert (even.item.tier, odd.item.tier) == ("cheap", "expensive")
    assert [(call.model, call.cause, call.outcome) for call in odd.attempts] == [
        ("tiny", "judge", "prediction"),
        ("large", "unlikely_to_pass", "accepted"),
    ]
    judged = odd.attempts[0]
    assert judged.cost_nano_usd > 0
    assert odd.item.cost_nano_usd == sum(call.cost_nano_usd for call in odd.attempts)
    assert odd.item.baseline_nano_usd == odd.attempts[1].cost_nano_usd, "the judge is no part of the baseline"
    (decision,) = odd.decisions
    assert (decision.layer, decision.probability, decision.threshold) == ("classifier", 0.1, 0.5)
    assert (decision.threshold_source, decision.version[:6]) == ("typed", "judge:")


def test_a_judge_is_asked_once_for_the_same_content(ledger: Database) -> None:
    """Another job takes its word from the cache, whatever the task says of its own answers."""
    with _at_work(ledger) as (server, room):
        _run(room, _job(ledger, _task()))
        job = _job(ledger, _task())
        _run(room, job)
        assert (server.ledger.answered["tiny"], server.ledger.answered["small"]) == (2, 2)
    hit = results.trail(ledger, job, "2").attempts[0]
    assert (hit.cause, hit.cache_hit, hit.cost_nano_usd) == ("judge", True, 0)


def test_rules_and_ramp_come_before_the_judge(ledger: Database) -> None:
    """It is asked only what nothing before it has decided."""
    rule = RouteRuleSpec(id="even", condition="characters == 15", tier="expensive")
    with _at_work(ledger) as (server, room):
        _run(room, _job(ledger, _task(rules=(rule,))))
        assert server.ledger.answered["tiny"] == 1
        _run(room, _job(ledger, _task(rollout=RolloutSpec(ramp=0))))
        assert server.ledger.answered["tiny"] == 1


@pytest.mark.parametrize(("intercept", "asked"), [(4.0, 0), (0.2, 2), (-4.0, 0)])
def test_a_hybrid_asks_the_judge_near_the_threshold_only(ledger: Database, intercept: float, asked: int) -> None:
    """A trained classifier that is sure decides alone."""
    version = classifiers.add(ledger, "totals", model(intercept=intercept), "{}", "a test")
    rollouts.change(
        ledger, "totals", action="t", changed_by="t", reason="", following=lambda _: classified(Rollout(), version)
    )
    with _at_work(ledger) as (server, room):
        job = _job(ledger, _task(trained=True))
        _run(room, job)
        assert server.ledger.answered["tiny"] == asked
    decision = results.trail(ledger, job, "2").decisions[0]
    assert decision.version.startswith("classifier:1")
    assert ("judge" in decision.version) == bool(asked)


def test_a_judge_that_says_nothing_useful_is_left_aside(ledger: Database) -> None:
    """The document starts on the first tier; what was asked was paid for."""
    with _at_work(ledger, answering("I would rather not")) as (server, room):
        job = _job(ledger, _task())
        _run(room, job)
        _run(room, _job(ledger, _task()))
        assert server.ledger.answered["tiny"] == 4, "such an answer is not kept"
    trail = results.trail(ledger, job, "2")
    assert (trail.item.tier, trail.decisions[0].layer) == ("cheap", "default")
    assert trail.attempts[0].outcome == "prediction"


def test_a_judge_in_trouble_is_waited_for(ledger: Database) -> None:
    """The item comes back undecided, and no tier was asked."""
    with _at_work(ledger, faults=FaultPlan({Fault.UNAVAILABLE: 1.0})) as (server, room):
        job = _job(ledger, _task())
        _run(room, job)
        assert not server.ledger.answered
    item = results.trail(ledger, job, "1")
    assert (item.item.state, item.item.tier, item.decisions) == (ItemState.QUEUED, "cheap", ())
    assert {(call.model, call.cause, call.outcome) for call in item.attempts} == {("tiny", "judge", "provider_trouble")}
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE items SET available_ms = 0")
    with _at_work(ledger) as (_, room):
        _run(room, job)
    assert jobs.find(ledger, str(job)).state is JobState.DONE
    assert results.trail(ledger, job, "2").item.tier == "expensive", "it was decided by the judge in the end"


def test_an_items_budget_too_small_for_a_judge_leaves_it_aside(ledger: Database) -> None:
    """What pays for a tier's call pays for that first."""
    with _at_work(ledger) as (server, room):
        _run(room, _job(ledger, _task(max_output_tokens=5), item_budget=200_000))
        assert (server.ledger.answered["tiny"], server.ledger.answered["small"]) == (0, 2)


def test_a_holdout_leaves_pairs_to_learn_a_threshold_from(ledger: Database) -> None:
    """What both tiers answered is found again, with both answers."""
    with _at_work(ledger) as (_, room):
        _run(room, _job(ledger, _task(rollout=RolloutSpec(holdout=100))))
    (pair,) = outcomes.measured_pairs(ledger, "totals", "cheap", 10)
    assert (pair.custom_id, json.loads(pair.output), json.loads(pair.answer)) == ("even", {"total": 9}, {"total": 9})
    assert outcomes.mean_usage(ledger, "totals", "cheap") is not None
    assert outcomes.mean_usage(ledger, "other", "cheap") is None
