"""The log of a job holds every decision and every call, by item and in their order."""

from __future__ import annotations

import uuid

from storage import decision_log, recording
from storage.database import Database
from storage.records import Accepted, DecisionRecord, Escalated, ItemRecord
from tests.support.ledgers import attempt, claim, running_job


def decision(at_ms: int, tier: str = "cheap", layer: str = "default") -> DecisionRecord:
    """Return a decision made at that time."""
    return DecisionRecord(uuid.uuid4(), at_ms, tier, "small", layer, "first_tier", version="task:1", signals='{"n":1}')


def test_items_come_in_order_with_what_happened_to_them(ledger: Database) -> None:
    """Several turns of an item are one story; answers are left out."""
    job = running_job(ledger, 3)
    claim(ledger, job.id, [1, 2], token="a")
    recording.write(
        ledger,
        [
            ItemRecord(
                job.id,
                1,
                "cheap",
                "a",
                Escalated("expensive", "verdict_failed"),
                (attempt(cost=3),),
                decisions=(decision(5), decision(9, "expensive", "escalation")),
            ),
            ItemRecord(job.id, 2, "cheap", "a", Accepted("{}"), (attempt(cost=4),), decisions=(decision(6),)),
        ],
    )
    first, second, third = decision_log.read(ledger, job.id)
    assert [(made.tier, made.layer, made.decided_ms) for made in first.decisions] == [
        ("cheap", "default", 5),
        ("expensive", "escalation", 9),
    ]
    assert (first.position, first.custom_id, first.state) == (1, "item-1", "queued")
    assert [call.cost_nano_usd for call in second.attempts] == [4]
    assert (second.state, second.attempts[0].answer) == ("done", None)
    assert (third.decisions, third.attempts) == ((), ())


def test_writing_a_decision_twice_keeps_one(ledger: Database) -> None:
    """A commit of unknown outcome can be repeated, also where nothing was called."""
    from storage.records import Routed

    job = running_job(ledger, 1)
    claim(ledger, job.id, [1], token="a")
    record = ItemRecord(job.id, 1, "cheap", "a", Routed("expensive", "rule", "x"), (), decisions=(decision(1),))
    assert recording.write(ledger, [record]) == {(job.id, 1)}
    assert recording.write(ledger, [record]) == frozenset()
    (item,) = decision_log.read(ledger, job.id)
    assert len(item.decisions) == 1
