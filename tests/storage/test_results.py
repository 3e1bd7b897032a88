"""Items are read in their order, in pages, and one by one with their whole trail."""

from __future__ import annotations

import pytest

from routing.errors import NotFoundError
from storage import progress, recording, results
from storage.database import Database
from storage.ended_items import ended_items
from storage.records import Accepted, ItemRecord
from storage.states import AttemptOutcome, ItemState
from tests.support.ledgers import attempt, claim, running_job


def test_items_come_by_position_across_pages(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streaming a job gives each item once, in order, whatever the page."""
    monkeypatch.setattr(results, "_PAGE", 2)
    job = running_job(ledger, 5)
    assert [item.position for item in results.items(ledger, job.id)] == [1, 2, 3, 4, 5]
    assert [item.position for item in results.items(ledger, job.id, limit=3)] == [1, 2, 3]
    assert [item.position for item in results.items(ledger, job.id, after=4)] == [5]


def test_items_can_be_asked_for_by_state(ledger: Database) -> None:
    """Only what stands as asked is given."""
    job = running_job(ledger, 3)
    claim(ledger, job.id, [2])
    recording.write(ledger, [ItemRecord(job.id, 2, "cheap", "token", Accepted("{}"), (attempt(),), 5)])
    assert [item.position for item in results.items(ledger, job.id, ItemState.DONE)] == [2]
    assert progress.latency_ms(ledger, job.id, 0.5) == 5
    assert progress.latency_ms(ledger, running_job(ledger, 1).id, 0.5) is None


def test_an_unknown_item_is_told(ledger: Database) -> None:
    """A name that means nothing says how to list those that do."""
    with pytest.raises(NotFoundError, match="cheapfirst items"):
        results.trail(ledger, running_job(ledger, 1).id, "nobody")


def test_what_an_export_tells_of_models_comes_from_the_attempts_that_were_judged(ledger: Database) -> None:
    """Oldest first, without opinions; what has not ended is left out."""
    job = running_job(ledger, 2)
    claim(ledger, job.id, [1])
    calls = (attempt(outcome=AttemptOutcome.REJECTED), attempt(), attempt(outcome=AttemptOutcome.OPINION))
    recording.write(ledger, [ItemRecord(job.id, 1, "cheap", "token", Accepted("{}"), calls)])
    [(item, judgements)] = ended_items(ledger, job.id)
    assert (item.position, item.state, item.output, item.needs_review) == (1, ItemState.DONE, "{}", False)
    assert [judgement.tier for judgement in judgements] == ["cheap", "cheap"]
