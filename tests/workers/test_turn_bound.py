"""No budget is exceeded by what a turn really sends, and whoever really answers: real ledgers, real HTTP."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from evaluation.model_server.engine import Engine
from evaluation.model_server.server import ModelServer
from routing.deployment import DeploymentSpec, PriceSpec
from routing.rollout import Rollout
from routing.rollout_changes import ramped
from routing.task import (
    ChecksSpec,
    ClassifierSpec,
    FrozenTask,
    JsonSchema,
    JudgeSpec,
    RolloutSpec,
    RouteSpec,
    TierSpec,
)
from storage import jobs, results, rollouts
from storage.database import Database
from storage.states import JobState
from tests.support.engine_room import EngineRoom, engine_room
from tests.support.ledgers import TIERS
from tests.support.loopback import answering, loopback

RIGHT = '{"total": 9}'
TEXT = "TOTAL 9.00 " + "and so on " * 200
MODELS = {name: name for name in ("small", "large", "judge")}
SIX_TIMES = "{{ text }}" * 6


def _task(*, user: str = "{{ text }}", judged_by: str = "", **changes: object) -> FrozenTask:
    judge = JudgeSpec(model="judge", system="", user=judged_by) if judged_by else None
    classifier = None if judge is None else ClassifierSpec(judge=judge, threshold=0.5)
    task = FrozenTask(
        name=uuid.uuid4().hex,
        output=JsonSchema(json_schema={"type": "object", "properties": {"total": {"type": "number"}}}),
        tiers=(
            TierSpec(name="cheap", model="small", system="", user=user),
            TierSpec(name="expensive", model="large", system="", user="{{ text }}"),
        ),
        route=RouteSpec(classifier=classifier),
        max_output_tokens=5,
    )
    return task.model_copy(update=changes)


def _job(
    ledger: Database,
    task: FrozenTask,
    *,
    budget: int | None = None,
    item_budget: int | None = None,
    tier: str = TIERS[0],
) -> int:
    job = jobs.create(
        ledger,
        name=uuid.uuid4().hex,
        task=task,
        content_hash="c",
        items_total=1,
        budget=budget,
        item_budget=item_budget,
    )
    metadata = json.dumps({"note": "as a rule, " * 200})
    jobs.add_items(ledger, job.id, 1, [jobs.NewItem("doc", "cheap", TEXT, metadata, None, None)])
    jobs.open_job(ledger, job.id, TIERS)
    return job.id


def _run(room: EngineRoom, job: int) -> None:
    for tier in TIERS:
        room.pipeline.run_chunk(tier, job, [1])


def _priced(deployment: DeploymentSpec, model: str, price: PriceSpec, **changes: object) -> DeploymentSpec:
    spec = deployment.models[model].model_copy(update={"price": price, **changes})
    return deployment.model_copy(update={"models": deployment.models | {model: spec}})


@contextmanager
def _at_work(ledger: Database, **engines: Engine) -> Iterator[tuple[ModelServer, EngineRoom]]:
    with loopback(engines) as server, engine_room(ledger, server.deployment(**MODELS)) as room:
        yield server.server, room


def _refuse_or_pay(ledger: Database, task: FrozenTask, budget: int, **engines: Engine) -> None:
    """Assert that a budget the calls do not fit in stops the job before them, and that a large one pays for them."""
    with _at_work(ledger, **engines) as (server, room):
        small, large = (_job(ledger, task, budget=budget), _job(ledger, task, budget=10 * budget))
        _run(room, small)
        assert (jobs.find(ledger, str(small)).state, server.ledger.answered) == (JobState.STOPPED, {})
        _run(room, large)
        assert server.ledger.answered == dict.fromkeys(engines, 1)
    paid = jobs.find(ledger, str(large))
    assert (paid.state, paid.reserved_nano_usd) == (JobState.DONE, 0)
    assert budget < paid.cost_nano_usd <= 10 * budget, "the calls do not fit in the small budget"


def test_a_fallback_that_costs_more_is_reserved_for(ledger: Database) -> None:
    """A cap that pays for the model and not for the one that answers in its place stops the job before the call."""
    with loopback({"large": answering(RIGHT)}) as server:
        deployment = _priced(server.deployment(**MODELS), "large", PriceSpec(input=100, output=1000))
        nobody = {"fallback": ("large",), "base_url": "http://127.0.0.1:9/v1"}
        deployment = _priced(deployment, "small", PriceSpec(input=1, output=10), **nobody)
        with engine_room(ledger, deployment) as room:
            job = _job(ledger, _task(), budget=20_000_000)
            _run(room, job)
            assert not server.server.ledger.answered
            paid = _job(ledger, _task(), budget=2_000_000_000)
            _run(room, paid)
    assert jobs.find(ledger, str(job)).state is JobState.STOPPED
    assert 20_000_000 < jobs.find(ledger, str(paid)).cost_nano_usd < 2_000_000_000


@pytest.mark.parametrize(
    "user",
    [SIX_TIMES, "{% for n in range(6) %}{{ text }}{% endfor %}", "{{ metadata.note }}" * 6],
    ids=["text", "loop", "metadata"],
)
def test_a_template_that_repeats_itself_is_reserved_for(ledger: Database, user: str) -> None:
    """What counts is the prompt as it is sent."""
    _refuse_or_pay(ledger, _task(user=user), 3_000_000, small=answering(RIGHT))


def test_a_judge_whose_template_repeats_itself_is_reserved_for(ledger: Database) -> None:
    """Its prompt is bounded as it is sent, as the tier's is."""
    task = _task(judged_by="{{ text }}" * 30)
    _refuse_or_pay(ledger, task, 10_000_000, small=answering(RIGHT), judge=answering('{"probability": 0.9}'))


def test_an_item_budget_that_does_not_pay_for_a_repeating_judge_leaves_it_aside(ledger: Database) -> None:
    """The tier is asked; the item costs no more than its budget."""
    with _at_work(ledger, small=answering(RIGHT), judge=answering('{"probability": 0.9}')) as (server, room):
        job = _job(ledger, _task(judged_by="{{ text }}" * 30), item_budget=10_000_000)
        _run(room, job)
        assert dict(server.ledger.answered) == {"small": 1}
    assert results.trail(ledger, job, "1").item.cost_nano_usd <= 10_000_000


def test_a_prompt_that_cannot_be_written_needs_no_budget(ledger: Database) -> None:
    """The item fails for what its template names, not for money; nothing is called."""
    with _at_work(ledger, small=answering(RIGHT)) as (server, room):
        job = _job(ledger, _task(user="{{ metadata.absent }}"), budget=1, item_budget=1)
        _run(room, job)
        assert not server.ledger.answered
    assert results.trail(ledger, job, "1").item.fail_reason == "prompt"


def test_a_repair_is_bounded_by_what_it_sends(ledger: Database) -> None:
    """An item's budget that pays for a first call again, and not for the long answer with it, buys no repair."""
    wrong = json.dumps({"total": 4711, "said": "word " * 3_900})
    tiers = (TierSpec(name="cheap", model="small", system="", user="{{ text }}", repair=1),)
    task = _task(tiers=tiers, checks=ChecksSpec(rules=("total < 10",)), max_output_tokens=10)
    with loopback({"small": answering(wrong)}) as server:
        free = PriceSpec(input=1, output=0)
        with engine_room(ledger, _priced(server.deployment(**MODELS), "small", free)) as room:
            job = _job(ledger, task, item_budget=4_000_000)
            _run(room, job)
            assert server.server.ledger.answered["small"] == 1
            paid = _job(ledger, task, item_budget=40_000_000)
            _run(room, paid)
            assert server.server.ledger.answered["small"] == 3
    trail = results.trail(ledger, job, "1")
    assert [decision.cause for decision in trail.decisions] == ["first_tier"], "a repair nobody pays for is not decided"
    assert results.trail(ledger, paid, "1").item.cost_nano_usd > 4_000_000


def test_the_judge_of_an_item_that_a_raised_ramp_recalls_is_reserved_for(ledger: Database) -> None:
    """It is asked after all, so the budget has to pay for that as well."""
    task = _task(judged_by="{{ text }}" * 60, rollout=RolloutSpec(ramp=0))
    judge = answering('{"probability": 0.1}')
    with _at_work(ledger, small=answering(RIGHT), large=answering(RIGHT), judge=judge) as (server, room):
        job = _job(ledger, task, budget=1_000_000_000)
        room.pipeline.run_chunk("cheap", job, [1])  # the ramp sends it up
        with ledger.write() as connection:
            connection.exec_driver_sql("UPDATE jobs SET budget_nano_usd = 10000000")
    rollouts.change(
        ledger, task.name, action="t", changed_by="t", reason="", following=lambda _: ramped(Rollout(), 100)
    )
    with _at_work(ledger, small=answering(RIGHT), large=answering(RIGHT), judge=judge) as (server, room):
        room.pipeline.run_chunk("expensive", job, [1])
        assert not server.ledger.answered
    assert jobs.find(ledger, str(job)).state is JobState.STOPPED
