"""A finished job of which some items ran on both tiers: a real ledger, a real worker's engine, real HTTP."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

from routing.rollout import Rollout
from routing.task import (
    ChecksSpec,
    ClassifierSpec,
    FrozenTask,
    JsonSchema,
    RolloutSpec,
    RouteSpec,
    TierSpec,
)
from storage import classifiers, jobs, rollouts
from storage.states import JobState
from tests.routing.classifier.test_classifier import model
from tests.support.engine_room import engine_room
from tests.support.ledgers import TIERS
from tests.support.loopback import loopback

if TYPE_CHECKING:
    from evaluation.model_server.engine import EngineRequest
    from routing.deployment import ServerSpec
    from storage.database import Database
    from storage.jobs import JobRecord

HOSTILE = '<script>alert("x")</script>&|`'
"""A name nobody means well with: of the field that differs, of items, and in answers."""
COUNT, DIFFERING, ESCALATED = 40, 8, 4


def measured_job(ledger: Database, name: str = "measured", answered_by: ServerSpec | None = None) -> JobRecord:
    """Return a job of 40 items: 4 escalate, the others are accepted cheap and measured, 8 of which differ.

    With `answered_by`, its deployment says that this loopback server answers for both models.
    """
    task = FrozenTask(
        name="totals",
        output=JsonSchema(
            json_schema={
                "type": "object",
                "properties": {"total": {"type": "number"}, HOSTILE: {"type": "string"}},
                "required": ["total"],
            }
        ),
        tiers=(
            TierSpec(name="cheap", model="small", system="", user="{{ text }}"),
            TierSpec(name="expensive", model="large", system="", user="{{ text }}"),
        ),
        checks=ChecksSpec(grounded=("total",)),
        route=RouteSpec(classifier=ClassifierSpec(threshold=0.1)),
        rollout=RolloutSpec(holdout=100),
    )
    version = classifiers.add(ledger, task.name, model(), "{}", "a test")
    rollouts.change(
        ledger,
        task.name,
        action="classifier",
        changed_by="a test",
        reason="",
        following=lambda _: Rollout(holdout=100, classifier=version),
    )
    job = jobs.create(ledger, name=name, task=task, content_hash="c", items_total=COUNT, budget=None, item_budget=None)
    items = [
        jobs.NewItem(f"{number} {HOSTILE}", "cheap", f"number {number} TOTAL 9.00", "{}", _text(9, "last"), None)
        for number in range(COUNT)
    ]
    jobs.add_items(ledger, job.id, 1, items)
    jobs.open_job(ledger, job.id, TIERS)
    engines = {"small": _small, "large": lambda _request: _text(9, "last")}
    with loopback(engines) as server, ExitStack() as stack:
        deployment = server.deployment(small="small", large="large")
        if answered_by is not None:
            models = {
                name: spec.model_copy(update={"server": answered_by.name}) for name, spec in deployment.models.items()
            }
            deployment = deployment.model_copy(update={"models": models, "servers": {answered_by.name: answered_by}})
        room = stack.enter_context(engine_room(ledger, deployment))
        for tier in TIERS:
            room.pipeline.run_chunk(tier, job.id, range(1, COUNT + 1))
    ended = jobs.find(ledger, job.name)
    assert ended.state is JobState.DONE
    return ended


def _small(request: EngineRequest) -> str:
    number = int(request.messages[-1].content.split()[1])
    if number < ESCALATED:
        return _text(4711, "last")
    return _text(9, HOSTILE if number < ESCALATED + DIFFERING else "last")


def _text(total: int, note: str) -> str:
    return json.dumps({"total": total, HOSTILE: note})
