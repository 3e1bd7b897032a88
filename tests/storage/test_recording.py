"""What came of items is written all or none, once, and only by whoever still has them."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from storage import jobs, progress, recording, results, sweeping
from storage.database import Database
from storage.item_changes import change_items
from storage.records import Accepted, Escalated, Failed, ItemRecord, Released
from storage.states import AttemptOutcome, FailReason, ItemState, JobState
from tests.support.ledgers import attempt, claim, running_job
from tests.support.plans import plans


def _accepted(job_id: int, position: int, token: str = "token", cost: int = 7) -> ItemRecord:
    return ItemRecord(
        job_id, position, "cheap", token, Accepted('{"total":1}'), (attempt(cost=cost),), 12, baseline_nano_usd=90
    )


def test_an_accepted_item_is_done_with_its_output(ledger: Database) -> None:
    """The item, its attempt, the tallies and the bill change together."""
    job = running_job(ledger, 2)
    claim(ledger, job.id, [1])
    assert recording.write(ledger, [_accepted(job.id, 1)]) == {(job.id, 1)}
    trail = results.trail(ledger, job.id, "item-1")
    assert (trail.item.state, trail.item.output, trail.item.latency_ms) == (ItemState.DONE, '{"total":1}', 12)
    assert [call.cost_nano_usd for call in trail.attempts] == [7]
    stands = progress.read(ledger, job.name)
    assert (stands.job.items_done, stands.job.cost_nano_usd, stands.job.baseline_nano_usd) == (1, 7, 90)
    assert (stands.tiers[0].queued, stands.tiers[0].accepted, stands.tiers[0].attempts) == (1, 1, 1)


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_group_looks_up_its_own_items_and_no_others(ledger: Database) -> None:
    """Of a few thousand items PostgreSQL would rather read all, twice for each group."""
    job = running_job(ledger, 4_000)
    claim(ledger, job.id, range(1, 193))
    records = [_accepted(job.id, position) for position in range(1, 193)]

    def change() -> None:
        with ledger.write() as connection:
            assert len(change_items(connection, records)) == 192

    steps = [step for step in plans(ledger, change) if re.search(r"Scan .*\bitems\b", step)]
    assert len(steps) == 2
    assert all("Index Scan using items_pkey" in step for step in steps)


def test_writing_twice_changes_nothing(ledger: Database) -> None:
    """A commit of unknown outcome can be repeated: nothing is counted or paid twice."""
    job = running_job(ledger, 2)
    claim(ledger, job.id, [1])
    record = _accepted(job.id, 1)
    recording.write(ledger, [record])
    before = progress.read(ledger, job.name).tiers
    assert recording.write(ledger, [record]) == frozenset()
    assert progress.read(ledger, job.name).tiers == before
    assert jobs.find(ledger, job.name).cost_nano_usd == 7


def test_a_lost_lease_adds_to_the_bill_and_to_nothing_else(ledger: Database) -> None:
    """A call that was paid for is kept, though another worker has the item by now."""
    job = running_job(ledger, 1)
    claim(ledger, job.id, [1], token="slow", lease_ms=-1)
    sweeping.release_expired(ledger)
    claim(ledger, job.id, [1], token="token")
    assert recording.write(ledger, [_accepted(job.id, 1, token="slow", cost=3)]) == frozenset()
    assert jobs.find(ledger, job.name).items_done == 0
    recording.write(ledger, [_accepted(job.id, 1)])
    stands = jobs.find(ledger, job.name)
    assert (stands.items_done, stands.cost_nano_usd, stands.state) == (1, 10, JobState.DONE)


def test_of_two_claims_of_an_item_in_one_group_only_the_one_that_holds_it_moves_it(ledger: Database) -> None:
    """A worker that lost an item and took it again may have both on their way to the ledger."""
    job = running_job(ledger, 2)
    claim(ledger, job.id, [1], token="slow", lease_ms=-1)
    sweeping.release_expired(ledger)
    claim(ledger, job.id, [1], token="token")
    lost, held = _accepted(job.id, 1, token="slow", cost=3), _accepted(job.id, 1)
    assert recording.write(ledger, [held, lost]) == {(job.id, 1)}
    stands = progress.read(ledger, job.name)
    assert (stands.job.items_done, stands.job.cost_nano_usd, stands.job.baseline_nano_usd) == (1, 10, 90)
    assert (stands.tiers[0].queued, stands.tiers[0].accepted, stands.tiers[0].attempts) == (1, 1, 2)


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_groups_items_are_locked_in_order(ledger: Database) -> None:
    """Whoever locks several, as for a process that is gone, takes them in that order as well."""
    job = running_job(ledger, 30)
    claim(ledger, job.id, range(1, 31))
    with ledger.write() as connection:
        connection.execute(
            text("""
                CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN INSERT INTO changed (position) VALUES (NEW.position); RETURN NEW; END $$;
                CREATE TABLE changed (number serial, position bigint);
                CREATE TRIGGER tell BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION tell();
            """)
        )
    recording.write(ledger, [_accepted(job.id, position) for position in range(30, 0, -1)])
    with ledger.read() as connection:
        assert [*connection.scalars(text("SELECT position FROM changed ORDER BY number"))] == [*range(1, 31)]


def test_an_escalated_item_waits_in_the_next_tier_with_its_cause(ledger: Database) -> None:
    """The recorded row already says where the item is, before any message does."""
    job = running_job(ledger, 1)
    claim(ledger, job.id, [1])
    call = attempt(outcome=AttemptOutcome.REJECTED)
    failed = (("schema", "total"), ("rules", ""))
    recording.write(
        ledger,
        [ItemRecord(job.id, 1, "cheap", "token", Escalated("expensive", "verdict_failed"), (call,), 0, 0, failed)],
    )
    cheap, expensive = progress.read(ledger, job.name).tiers
    assert (cheap.queued, cheap.escalated, expensive.queued) == (0, 1, 1)
    assert {(count.check, count.field, count.count) for count in progress.failures(ledger, job.id)} == {
        ("schema", "total", 1),
        ("rules", "", 1),
    }
    up = claim(ledger, job.id, [1], tier="expensive")
    assert up is not None
    assert (up.items[0].cause, up.items[0].attempts) == ("verdict_failed", 1)


def test_a_failed_item_keeps_its_best_output_and_reasons(ledger: Database) -> None:
    """What nobody could accept is kept for a person, and ends the job."""
    job = running_job(ledger, 1)
    claim(ledger, job.id, [1])
    failed = Failed(FailReason.VERDICT, '{"total":2}', '[{"check":"rules"}]')
    recording.write(ledger, [ItemRecord(job.id, 1, "cheap", "token", failed, (attempt(),))])
    item = results.trail(ledger, job.id, "1").item
    assert (item.state, item.fail_reason, item.output) == (ItemState.FAILED, FailReason.VERDICT, '{"total":2}')
    assert jobs.find(ledger, job.name).state == JobState.DONE


def test_provider_trouble_burns_no_tries(ledger: Database) -> None:
    """However often the provider has no answer, the item is never taken for poison."""
    job = running_job(ledger, 1)
    for number in range(5):
        assert claim(ledger, job.id, [1], token=f"try-{number}") is not None
        trouble = attempt(outcome=AttemptOutcome.PROVIDER_TROUBLE)
        recording.write(ledger, [ItemRecord(job.id, 1, "cheap", f"try-{number}", Released(0, clean=True), (trouble,))])
    assert progress.read(ledger, job.name).tiers[0].troubles == 5


def test_a_group_of_several_jobs_is_counted_job_by_job(ledger: Database) -> None:
    """One transaction may hold items of many jobs."""
    first, second = running_job(ledger, 2), running_job(ledger, 1)
    claim(ledger, first.id, [1, 2])
    claim(ledger, second.id, [1])
    recording.write(ledger, [_accepted(first.id, 1), _accepted(second.id, 1), _accepted(first.id, 2)])
    assert [jobs.find(ledger, job.name).items_done for job in (first, second)] == [2, 1]
