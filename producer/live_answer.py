"""What an application gets for an item it asked for: an answer that passed, or an error that says why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from producer.client import JobStoppedError
from producer.items import failures_of
from routing.errors import AnswerRejectedError
from routing.money import NanoUsd, to_usd
from storage import jobs, results
from storage.states import AttemptOutcome, FailReason, ItemState

if TYPE_CHECKING:
    from decimal import Decimal

    from routing.errors import CheapfirstError
    from routing.json_value import JsonObject
    from storage.database import Database
    from storage.jobs import JobRecord
    from storage.results import AttemptResult, ItemResult, Trail

_JUDGED = frozenset({AttemptOutcome.ACCEPTED, AttemptOutcome.REJECTED})


@dataclass(frozen=True, slots=True)
class Answer:
    """An accepted output, and where it came from. `cheapfirst show JOB CUSTOM_ID` tells its whole story.

    `cost_usd` and `attempts` count every call up to this answer. One that `needs_review` failed checks that no tier is
    expected to mend.
    """

    output: JsonObject = field(repr=False)
    tier: str
    model: str
    cost_usd: Decimal
    attempts: int
    needs_review: bool
    job: str
    position: int
    custom_id: str


def read_answer(database: Database, job_name: str, custom_id: str) -> tuple[Answer, bool]:
    """Return an item's answer, and whether the item also waits to be measured.

    Raises AnswerRejectedError where it failed, JobStoppedError where no budget pays for it or its job does not run.
    """
    job = jobs.find(database, job_name)
    trail = results.trail(database, job.id, custom_id)
    item = trail.item
    if item.state is ItemState.FAILED:
        raise _failure(job, item)
    is_held_out = item.state is ItemState.QUEUED and any(decision.holdout for decision in trail.decisions)
    if item.state is ItemState.QUEUED and not is_held_out:
        raise stopped(job)
    return _answer(job, trail), is_held_out


def stopped(job: JobRecord) -> JobStoppedError:
    """Return the error for a live job that takes no items."""
    return JobStoppedError(f"{job.name} is {job.state}.", f"{job.stop_detail} {_going_on(job)}".strip())


def _going_on(job: JobRecord) -> str:
    return f"`cheapfirst retry {job.name}` lets it go on."


def _answer(job: JobRecord, trail: Trail) -> Answer:
    item, judged = trail.item, _last_judged(trail)
    assert item.output is not None
    return Answer(
        output=orjson.loads(item.output),
        tier=item.tier if judged is None else judged.tier,
        model="" if judged is None else judged.model,
        cost_usd=to_usd(NanoUsd(item.cost_nano_usd)),
        attempts=item.attempts,
        needs_review=item.needs_review,
        job=job.name,
        position=item.position,
        custom_id=item.custom_id,
    )


def _last_judged(trail: Trail) -> AttemptResult | None:
    judged = [attempt for attempt in trail.attempts if attempt.outcome in _JUDGED and not attempt.holdout]
    return judged[-1] if judged else None


def _failure(job: JobRecord, item: ItemResult) -> CheapfirstError:
    if item.fail_reason is FailReason.BUDGET:
        return JobStoppedError(
            f"No budget pays for another call for item {item.custom_id} of {job.name}.",
            "Raise the task's `budget`, or the deployment's.",
        )
    failed = dict.fromkeys(f"{failure['check']} {failure['field']}".rstrip() for failure in failures_of(item.failures))
    return AnswerRejectedError(
        f"Item {item.custom_id} of {job.name} failed ({item.fail_reason}){': ' if failed else ''}{', '.join(failed)}.",
        f"`cheapfirst show {item.custom_id} --job {job.name}` tells why.",
        job=job.name,
        custom_id=item.custom_id,
        fail_reason=str(item.fail_reason),
        rejected_output=None if item.output is None else orjson.loads(item.output),
    )
