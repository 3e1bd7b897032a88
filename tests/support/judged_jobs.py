"""Jobs whose first answers were judged, written as workers write them, many at once."""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import TYPE_CHECKING

from storage import jobs, recording
from storage.records import Accepted, AttemptRecord, DecisionRecord, Escalated, HeldOut, ItemRecord, Measured
from storage.states import AttemptOutcome
from tests.support.ledgers import TIERS, claim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.task import FrozenTask
    from storage.database import Database
    from storage.jobs import JobRecord

RULES_FAILED = json.dumps([{"check": "rules", "field": "total", "reason": "total > 0"}])
BEGAN_MS = 1_700_000_000_000


@dataclasses.dataclass(frozen=True)
class Judged:
    """A first answer: its output, whether it passed, how sure the model was, and what a classifier had said.

    `last` is what the last tier answered to the same document, where it was held out.
    """

    output: str = '{"total": 1}'
    passed: bool = True
    confidence: float | None = None
    probability: float | None = None
    last: str | None = None


def open_job(ledger: Database, task: FrozenTask, name: str, count: int) -> JobRecord:
    """Return a job of documents named `NAME-1` and so on, ready to be claimed."""
    job = jobs.create(ledger, name=name, task=task, content_hash="c", items_total=count, budget=None, item_budget=None)
    items = [
        jobs.NewItem(f"{name}-{number}", "cheap", f"text of {name}-{number}", "{}", None, None)
        for number in range(1, count + 1)
    ]
    jobs.add_items(ledger, job.id, 1, items)
    jobs.open_job(ledger, job.id, TIERS)
    return jobs.find(ledger, name)


def judge(ledger: Database, job: JobRecord, first: int, answers: Sequence[Judged]) -> None:
    """Let the cheap tier answer about the items from a position on; those held out are measured as well."""
    positions = range(first, first + len(answers))
    claim(ledger, job.id, positions, token=f"cheap-{first}")
    recording.write(
        ledger,
        [
            _first(job.id, position, f"cheap-{first}", answer)
            for position, answer in zip(positions, answers, strict=True)
        ],
    )
    held = {position: one.last for position, one in zip(positions, answers, strict=True) if one.last is not None}
    if held:
        claim(ledger, job.id, list(held), tier="expensive", token=f"last-{first}")
        recording.write(ledger, [_measured(job.id, position, f"last-{first}", last) for position, last in held.items()])


def _first(job_id: int, position: int, token: str, answer: Judged) -> ItemRecord:
    call = _call(position, "cheap", passed=answer.passed)
    call = call._replace(confidence=answer.confidence, answer=answer.output)
    following = (
        Escalated("expensive", "verdict_failed", answer.output, RULES_FAILED)
        if not answer.passed
        else Accepted(answer.output)
        if answer.last is None
        else HeldOut("expensive", answer.output)
    )
    decisions = () if answer.probability is None else (_decision(answer.probability),)
    return ItemRecord(job_id, position, "cheap", token, following, (call,), decisions=decisions)


def _measured(job_id: int, position: int, token: str, last: str) -> ItemRecord:
    call = _call(position, "expensive", passed=True)._replace(holdout=True, answer=last, cause="holdout")
    return ItemRecord(job_id, position, "expensive", token, Measured("cheap"), (call,))


def _call(position: int, tier: str, *, passed: bool) -> AttemptRecord:
    cheap = tier == "cheap"
    return AttemptRecord(
        uid=uuid.uuid4(),
        tier=tier,
        model="small" if cheap else "large",
        layer="default",
        cause="first_tier",
        outcome=AttemptOutcome.ACCEPTED if passed else AttemptOutcome.REJECTED,
        started_ms=BEGAN_MS + position,
        provider_ms=20 if cheap else 100,
        input_tokens=100,
        output_tokens=10,
        cost_nano_usd=1_000_000 if cheap else 10_000_000,
        failures="[]" if passed else RULES_FAILED,
    )


def _decision(probability: float) -> DecisionRecord:
    return DecisionRecord(
        uid=uuid.uuid4(),
        decided_ms=BEGAN_MS,
        tier="cheap",
        model="small",
        layer="classifier",
        cause="likely_to_pass",
        probability=probability,
    )
