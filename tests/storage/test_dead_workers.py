"""What a process held whose death somebody saw comes back at once, and its death counts against the culprit alone."""

from __future__ import annotations

from storage import claims, dead_workers, results, sweeping
from storage.claims import MAX_CLAIMS
from storage.database import Database
from storage.states import FailReason, ItemState
from tests.support.ledgers import claim, running_job


def test_what_it_held_comes_back_at_once(ledger: Database) -> None:
    """What others hold stays theirs, whatever their names begin with."""
    job = running_job(ledger, 4)
    claim(ledger, job.id, [1], token="dead-1")
    claim(ledger, job.id, [2, 3], token="dead-22")
    claim(ledger, job.id, [4], token="dead2-1")
    assert dead_workers.acquit(ledger, "dead", None) == 3
    assert sweeping.release_expired(ledger).requeued == {"cheap": [(job.id, position) for position in (1, 2, 3)]}


def test_deaths_count_against_the_culprit_alone(ledger: Database) -> None:
    """It is quarantined after its third; what was in hand each time beside it is as good as new."""
    job = running_job(ledger, 3)
    for death in range(MAX_CLAIMS):
        assert claim(ledger, job.id, [1, 2, 3], token=f"dead{death}-1") is not None
        dead_workers.acquit(ledger, f"dead{death}", (job.id, 2))
        released = sweeping.release_expired(ledger)
    assert released == sweeping.Released({"cheap": [(job.id, 1), (job.id, 3)]}, 1)
    failed = list(results.items(ledger, job.id, ItemState.FAILED))
    assert [(item.position, item.fail_reason) for item in failed] == [(2, FailReason.QUARANTINED)]


def test_whoever_else_dies_with_claims_of_its_own_keeps_them(ledger: Database) -> None:
    """Only the claim that this death ended is taken back."""
    job = running_job(ledger, 2)
    for number in range(MAX_CLAIMS - 1):
        claim(ledger, job.id, [1], token=f"lost-{number}", lease_ms=-1)
        sweeping.release_expired(ledger)
    claim(ledger, job.id, [1, 2], token="dead-1")
    dead_workers.acquit(ledger, "dead", (job.id, 2))
    assert sweeping.release_expired(ledger).quarantined == 0
    claim(ledger, job.id, [1], token="lost-9", lease_ms=-1)
    assert sweeping.release_expired(ledger).quarantined == 1


def test_telling_it_twice_ends_nothing_more(ledger: Database) -> None:
    """A commit of unknown outcome is repeated; by then the items may be in another's hands."""
    job = running_job(ledger, 1)
    claim(ledger, job.id, [1], token="dead-1")
    dead_workers.acquit(ledger, "dead", None)
    dead_workers.acquit(ledger, "dead", None)
    sweeping.release_expired(ledger)
    claim(ledger, job.id, [1], token="next-1")
    assert dead_workers.acquit(ledger, "dead", None) == 0
    claims.extend(ledger, ["next-1"], 60_000)
    assert sweeping.release_expired(ledger) == sweeping.Released({}, 0)
