"""A job's documents with every answered call about them."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from storage import recorded_calls, recording
from storage.records import Accepted, AttemptRecord, DecisionRecord, Escalated, ItemRecord
from storage.states import AttemptOutcome
from tests.support.ledgers import attempt, claim, running_job

if TYPE_CHECKING:
    import pytest

    from storage.database import Database


def _answered(text: str, started_ms: int, **changes: object) -> AttemptRecord:
    record = attempt()._replace(answer=text, started_ms=started_ms, input_tokens=9, output_tokens=3)
    return record._replace(**changes)  # type: ignore[arg-type]


def test_calls_come_in_order_with_the_fields_they_were_limited_to(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls without an answer are left out, and estimated tokens are not told; pages of any size give the same."""
    job = running_job(ledger, 3)
    claim(ledger, job.id, [1, 2, 3])
    sent_up = DecisionRecord(
        uuid.uuid4(), 5, "expensive", "large", "escalation", "failed_fields", signals=json.dumps({"fields": "b,a"})
    )
    trouble = attempt(outcome=AttemptOutcome.PROVIDER_TROUBLE)._replace(started_ms=1)
    first = _answered("first", 2, tokens_estimated=True)
    recording.write(
        ledger,
        [
            ItemRecord(
                job.id,
                1,
                "cheap",
                "token",
                Escalated("expensive", "failed_fields"),
                (trouble, first),
                decisions=(sent_up,),
            ),
            ItemRecord(job.id, 2, "cheap", "token", Accepted("{}"), (_answered("other", 3),)),
        ],
    )
    claim(ledger, job.id, [1], tier="expensive", token="up")
    part = _answered("part", 6, tier="expensive", model="large", cause="failed_fields")
    recording.write(ledger, [ItemRecord(job.id, 1, "expensive", "up", Accepted("{}"), (part,))])
    for page in (200, 1):
        monkeypatch.setattr(recorded_calls, "_PAGE", page)
        one, two, three = recorded_calls.read(ledger, job.id)
        assert (one.custom_id, one.text, one.metadata, one.expected, one.pages) == (
            "item-1",
            "text 1",
            "{}",
            None,
            None,
        )
        assert [(call.answer, call.fields, call.input_tokens, call.output_tokens) for call in one.calls] == [
            ("first", (), None, None),
            ("part", ("b", "a"), 9, 3),
        ]
        assert [call.answer for call in two.calls] == ["other"]
        assert (three.position, three.calls) == (3, ())
