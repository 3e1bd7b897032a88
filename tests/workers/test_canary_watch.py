"""A canary's conditions act by themselves: real ledgers, real HTTP."""

from __future__ import annotations

import json
import uuid

import pytest

from evaluation.model_server.engine import Engine, EngineRequest, RefusedError
from producer.rollouts import roll_back
from routing.rollout import Rollout
from routing.rollout_changes import ramped, rolled_back, with_canary
from routing.task import CacheSpec, CanarySpec, ChecksSpec, ConditionSpec, FrozenTask, JsonSchema, RolloutSpec, TierSpec
from storage import jobs, rollouts
from storage.canary_tallies import canary_arms
from storage.database import Database
from storage.rollouts import RolloutChange
from tests.support.engine_room import engine_room
from tests.support.ledgers import TIERS
from tests.support.loopback import answering, loopback
from workers.canary_watch import CanaryWatch

RIGHT, WRONG = '{"total": 9}', '{"total": 4711}'
WORSE = ConditionSpec(pass_rate_drop=0.05)
AS_GOOD = ConditionSpec(pass_rate_drop=0.2, cost_rise=0.1)
COUNT = 300


def _canary(**conditions: ConditionSpec) -> CanarySpec:
    return CanarySpec(tier="cheap", model="new", share=50, **conditions)


def _task(canary: CanarySpec | None = None) -> FrozenTask:
    return FrozenTask(
        name="totals",
        output=JsonSchema(json_schema={"type": "object", "properties": {"total": {"type": "number"}}}),
        tiers=(
            TierSpec(name="cheap", model="small", system="", user="{{ text }}"),
            TierSpec(name="expensive", model="large", system="", user="{{ text }}"),
        ),
        checks=ChecksSpec(grounded=("total",)),
        rollout=RolloutSpec(canary=canary),
    )


def _run(ledger: Database, task: FrozenTask, new: Engine, small: Engine, count: int = COUNT, jobs_run: int = 1) -> None:
    """Let the cheap tier of jobs alike work; they go on running, because what escalated waits."""
    engines = {"small": small, "large": answering(RIGHT), "new": new}
    with (
        loopback(engines) as server,
        engine_room(ledger, server.deployment(small="small", large="large", new="new")) as room,
    ):
        for _ in range(jobs_run):
            room.pipeline.run_chunk("cheap", _open(ledger, task, count), range(1, count + 1))


def _refusing(_: EngineRequest) -> str:
    raise RefusedError(400)


def _open(ledger: Database, task: FrozenTask, count: int) -> int:
    job = jobs.create(
        ledger, name=uuid.uuid4().hex, task=task, content_hash="c", items_total=count + 1, budget=None, item_budget=None
    )
    items = [jobs.NewItem(f"doc-{n}", "cheap", f"{n} TOTAL 9.00", "{}", None, None) for n in range(count + 1)]
    jobs.add_items(ledger, job.id, 1, items)
    jobs.open_job(ledger, job.id, TIERS)
    return job.id


def _set(ledger: Database, canary: CanarySpec) -> Rollout:
    def following(changes: object) -> Rollout:
        assert isinstance(changes, list)
        return with_canary(changes[-1].rollout if changes else Rollout(), canary)

    return rollouts.change(ledger, "totals", action="canary", changed_by="ann", reason="", following=following)


def _last(ledger: Database) -> RolloutChange:
    return rollouts.history(ledger, "totals")[-1]


def test_a_canary_that_fails_more_is_rolled_back_by_itself(ledger: Database) -> None:
    """The change says who did it and why, with both intervals and counts."""
    _set(ledger, _canary(rollback_if=WORSE))
    _run(ledger, _task(), answering(WRONG), answering(RIGHT))
    CanaryWatch(ledger).look()
    change = _last(ledger)
    assert (change.action, change.changed_by, change.rollout.canary) == ("canary rolled back", "cheapfirst", None)
    assert change.reason.startswith("pass rate fell by ")
    assert "more than 5 allowed" in change.reason
    CanaryWatch(ledger).look()
    assert len(rollouts.history(ledger, "totals")) == 2
    undone = rolled_back([(one.action, one.rollout) for one in rollouts.history(ledger, "totals")], Rollout())
    assert undone.canary is not None, "a person may undo it"


def test_an_item_that_comes_alone_is_counted(ledger: Database) -> None:
    """As where traffic is light: it is written down by itself, in its arm."""
    _set(ledger, _canary(rollback_if=WORSE))
    _run(ledger, _task(), answering(WRONG), answering(RIGHT), 1)
    tried, usual = canary_arms(ledger, "totals", 1)
    assert tried.items + usual.items == 1


def test_a_canary_that_refuses_everything_is_rolled_back(ledger: Database) -> None:
    """What a model refuses it has not passed, though the item goes up without an answer to judge."""
    _set(ledger, _canary(rollback_if=WORSE))
    _run(ledger, _task(), _refusing, answering(RIGHT))
    tried, usual = canary_arms(ledger, "totals", 1)
    assert (tried.items + usual.items, tried.passed, usual.passed) == (COUNT, 0, usual.items)
    CanaryWatch(ledger).look()
    assert _last(ledger).action == "canary rolled back"


def test_what_the_usual_model_refuses_it_has_not_passed_either(ledger: Database) -> None:
    """Both arms are counted alike; a canary that refuses no more than that is left alone."""
    _set(ledger, _canary(rollback_if=WORSE))
    _run(ledger, _task(), _refusing, _refusing)
    tried, usual = canary_arms(ledger, "totals", 1)
    assert (tried.items + usual.items, tried.passed, usual.passed) == (COUNT, 0, 0)
    CanaryWatch(ledger).look()
    assert _last(ledger).action == "canary"


def test_a_canary_that_refuses_everything_is_not_promoted_for_costing_nothing(ledger: Database) -> None:
    """Where its cost alone was to be looked at."""
    _set(ledger, _canary(promote_if=ConditionSpec(cost_rise=-0.1)))
    _run(ledger, _task(), _refusing, answering(RIGHT))
    CanaryWatch(ledger).look()
    assert _last(ledger).action == "canary"


@pytest.mark.parametrize("from_file", [False, True])
def test_a_person_may_undo_what_happened_by_itself(ledger: Database, from_file: bool) -> None:  # noqa: FBT001
    """The canary is judged anew, by what it does from then on."""
    canary = _canary(rollback_if=WORSE)
    task = _task(canary if from_file else None)
    if not from_file:
        _set(ledger, canary)
    _run(ledger, task, answering(WRONG), answering(RIGHT))
    CanaryWatch(ledger).look()
    undone = roll_back(ledger, task, by="ann")
    assert (undone.canary, undone.canary_since) == (canary, undone.revision)
    CanaryWatch(ledger).look()
    assert _last(ledger).changed_by == "ann"
    _run(ledger, task, answering(WRONG), answering(RIGHT))
    CanaryWatch(ledger).look()
    assert _last(ledger).action == "canary rolled back", "what it does now is looked at"


def test_a_canary_of_the_task_file_is_rolled_back_too(ledger: Database) -> None:
    """Nobody has changed anything before: the ending is the first revision."""
    _run(ledger, _task(_canary(rollback_if=WORSE)), answering(WRONG), answering(RIGHT))
    CanaryWatch(ledger).look()
    assert (_last(ledger).action, _last(ledger).rollout.revision) == ("canary rolled back", 1)


def test_a_canary_that_does_as_well_is_promoted_by_itself(ledger: Database) -> None:
    """Here both pass everything and cost the same, and that is allowed."""
    _set(ledger, _canary(promote_if=AS_GOOD, rollback_if=WORSE))
    _run(ledger, _task(), answering(RIGHT), answering(RIGHT))
    CanaryWatch(ledger).look()
    change = _last(ledger)
    assert (change.action, change.rollout.promoted["cheap"].model) == ("canary promoted", "new")


@pytest.mark.parametrize("count", [1, 10])
def test_nothing_acts_on_a_few_items(ledger: Database, count: int) -> None:
    """Whatever they say."""
    _set(ledger, _canary(rollback_if=WORSE, promote_if=AS_GOOD))
    _run(ledger, _task(), answering(WRONG), answering(RIGHT), count)
    CanaryWatch(ledger).look()
    assert [change.action for change in rollouts.history(ledger, "totals")] == ["canary"]


def test_a_canary_set_anew_is_judged_anew(ledger: Database) -> None:
    """What an earlier one did is left aside; a change of the ramp is no new canary."""
    first = _set(ledger, _canary(rollback_if=WORSE))
    _run(ledger, _task(), answering(WRONG), answering(RIGHT), 20)
    again = _set(ledger, _canary(rollback_if=WORSE))
    assert (first.canary_since, again.canary_since) == (1, 2)
    ramp = rollouts.change(
        ledger, "totals", action="ramp", changed_by="a", reason="", following=lambda all_: ramped(all_[-1].rollout, 50)
    )
    assert ramp.canary_since == 2
    tried, usual = canary_arms(ledger, "totals", 1)
    assert (tried.items + usual.items, tried.passed, usual.passed) == (20, 0, usual.items)
    assert tried.cost_nano_usd > 0
    assert canary_arms(ledger, "totals", 2)[0].items == 0


def test_a_canary_changed_meanwhile_is_left_alone(ledger: Database) -> None:
    """A person who acts at the same moment wins."""
    _set(ledger, _canary(rollback_if=WORSE))
    _run(ledger, _task(), answering(WRONG), answering(RIGHT))
    watch = CanaryWatch(ledger)
    stale = rollouts.current(ledger, "totals")
    assert stale is not None
    _set(ledger, _canary(rollback_if=WORSE))
    tried, usual = canary_arms(ledger, "totals", 1)
    from routing.canary_conditions import judge_canary

    judged = judge_canary(tried, usual, WORSE, None)
    assert judged is not None
    watch._act(_task(), stale, judged)
    assert [change.action for change in rollouts.history(ledger, "totals")] == ["canary", "canary"]


def test_an_answer_given_again_is_no_new_evidence(ledger: Database) -> None:
    """The same documents in a second job, from the cache, count once."""
    _set(ledger, _canary(rollback_if=WORSE))
    task = _task().model_copy(update={"cache": CacheSpec(mode="write")})
    _run(ledger, task, answering(RIGHT), answering(RIGHT), 20, jobs_run=2)
    tried, usual = canary_arms(ledger, "totals", 1)
    assert tried.items + usual.items == 20


def test_a_canary_without_conditions_is_not_counted(ledger: Database) -> None:
    """Nothing would read it."""
    _set(ledger, _canary())
    _run(ledger, _task(), answering(WRONG), answering(RIGHT), 10)
    assert [arm.items for arm in canary_arms(ledger, "totals", 1)] == [0, 0]
    CanaryWatch(ledger).look()
    assert json.loads(rollouts.history(ledger, "totals")[0].rollout.model_dump_json())["canary"]["rollback_if"] is None
