"""One worker at a time has an item, for as long as its lease lives."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

from routing.money import NanoUsd
from storage import claims, jobs, recording, sweeping
from storage.database import Database
from storage.records import Accepted, ItemRecord, Released
from storage.states import JobState, StopReason
from storage.taking import READ
from tests.support.ledgers import attempt, claim, running_job
from tests.support.plans import plans


def test_an_item_is_claimed_once(ledger: Database) -> None:
    """A message that is delivered twice costs nothing."""
    job = running_job(ledger, 3)
    first = claim(ledger, job.id, [1, 2])
    second = claim(ledger, job.id, [1, 2, 3], token="other")
    assert first is not None
    assert [item.custom_id for item in first.items] == ["item-1", "item-2"]
    assert first.items[0].text == "text 1"
    assert second is not None
    assert [item.position for item in second.items] == [3]


def test_chunks_are_claimed_together_each_under_its_token(ledger: Database) -> None:
    """What two of them name is one's alone, and where nothing is free there is no claim."""
    job = running_job(ledger, 6)
    claim(ledger, job.id, [6], token="earlier")
    chunks = {"one": [1, 2, 3], "other": [3, 4, 5], "late": [6], "empty": []}
    found = claims.claim_chunks(ledger, job_id=job.id, tier="cheap", chunks=chunks, lease_ms=60_000)
    assert set(found) == {"one", "other"}
    positions = {token: {item.position for item in found[token].items} for token in found}
    assert positions["one"] | positions["other"] == {1, 2, 3, 4, 5}
    assert positions["one"].isdisjoint(positions["other"])
    assert all(item.lease_token == token for token in found for item in found[token].items)
    assert claims.extend(ledger, list(found), 60_000) == positions
    assert claims.claim_chunks(ledger, job_id=job.id, tier="cheap", chunks={"empty": []}, lease_ms=60_000) == {}


def test_only_the_tier_an_item_waits_in_claims_it(ledger: Database) -> None:
    """A message on the wrong queue is skipped."""
    assert claim(ledger, running_job(ledger, 1).id, [1], tier="expensive") is None


def test_a_lease_that_ran_out_can_be_claimed(ledger: Database) -> None:
    """A dead worker's items are free once their lease is over, by the database's clock."""
    job = running_job(ledger, 1)
    claim(ledger, job.id, [1], lease_ms=-1)
    sweeping.release_expired(ledger)
    assert claim(ledger, job.id, [1], token="other") is not None


def test_an_extended_lease_holds(ledger: Database) -> None:
    """A worker that lives keeps what it has."""
    job = running_job(ledger, 1)
    claim(ledger, job.id, [1], lease_ms=-1)
    claims.extend(ledger, ["token"], 60_000)
    sweeping.release_expired(ledger)
    assert claim(ledger, job.id, [1], token="other") is None


def test_extending_tells_what_is_still_held(ledger: Database) -> None:
    """By token: a worker learns of what it lost, and of a claim that is not there."""
    job = running_job(ledger, 4)
    claim(ledger, job.id, [1, 2], token="one")
    claim(ledger, job.id, [3], token="other")
    claim(ledger, job.id, [4], token="lost", lease_ms=-1)
    sweeping.release_expired(ledger)
    assert claims.extend(ledger, ["one", "other", "lost", "unknown"], 60_000) == {"one": {1, 2}, "other": {3}}


def test_a_released_item_rests(ledger: Database) -> None:
    """An item whose provider had trouble is not due before its delay is over."""
    job = running_job(ledger, 2)
    claim(ledger, job.id, [1, 2])
    recording.write(
        ledger,
        [
            ItemRecord(job.id, 1, "cheap", "token", Released(60_000, clean=True), (attempt(),)),
            ItemRecord(job.id, 2, "cheap", "token", Released(0, clean=True), (attempt(),)),
        ],
    )
    again = claim(ledger, job.id, [1, 2], token="other")
    assert again is not None
    assert [item.position for item in again.items] == [2]


def test_many_workers_share_out_items_without_overlap(ledger: Database) -> None:
    """Eight workers that claim the same message at once each get their own items or none."""
    job = running_job(ledger, 40)
    ready = threading.Barrier(8)

    def work(number: int) -> list[int]:
        ready.wait()
        got = claim(ledger, job.id, list(range(1, 41)), token=f"worker-{number}")
        return [] if got is None else [item.position for item in got.items]

    with ThreadPoolExecutor(8) as pool:
        claimed = sorted(position for positions in pool.map(work, range(8)) for position in positions)
    assert claimed == sorted(set(claimed))
    rest = claim(ledger, job.id, list(range(1, 41)), token="last")
    claimed += [] if rest is None else [item.position for item in rest.items]
    assert sorted(claimed) == list(range(1, 41))


def test_a_budget_is_reserved_before_calls_and_settled_after(ledger: Database) -> None:
    """What is in flight counts against the budget at its upper bound, what is finished at its cost."""
    job = running_job(ledger, 5, budget=100)
    first = claim(ledger, job.id, [1, 2, 3], bound=40)
    assert first is not None
    assert [item.position for item in first.items] == [1, 2]
    assert claim(ledger, job.id, [3], bound=40) is None
    assert jobs.find(ledger, job.name).state == JobState.RUNNING
    recording.write(ledger, [ItemRecord(job.id, 1, "cheap", "token", Accepted("{}"), (attempt(cost=10),))])
    settled = jobs.find(ledger, job.name)
    assert (settled.cost_nano_usd, settled.reserved_nano_usd) == (10, 40)
    assert claim(ledger, job.id, [3], bound=40) is not None


def test_a_job_that_cannot_pay_for_another_call_stops(ledger: Database) -> None:
    """Once nothing is in flight and the budget covers no call, the job says why it ends."""
    job = running_job(ledger, 2, budget=50)
    claim(ledger, job.id, [1], bound=40)
    recording.write(ledger, [ItemRecord(job.id, 1, "cheap", "token", Accepted("{}"), (attempt(cost=40),))])
    assert claim(ledger, job.id, [2], bound=40) is None
    stopped = jobs.find(ledger, job.name)
    assert (stopped.state, stopped.stop_reason) == (JobState.STOPPED, StopReason.BUDGET)
    jobs.set_budget(ledger, job.id, NanoUsd(100), None)
    jobs.resume(ledger, job.id)
    assert claim(ledger, job.id, [2], bound=40) is not None


def test_a_lease_that_runs_out_gives_its_reserve_back(ledger: Database) -> None:
    """A killed worker does not keep the budget."""
    job = running_job(ledger, 1, budget=50)
    claim(ledger, job.id, [1], bound=40, lease_ms=-1)
    sweeping.release_expired(ledger)
    assert jobs.find(ledger, job.name).reserved_nano_usd == 0


def test_a_claim_looks_at_no_more_than_it_asks_for(ledger: Database) -> None:
    """Items and documents are found by job and position, though nobody has told PostgreSQL yet how many there are."""
    job = running_job(ledger, 10_000)
    steps = plans(ledger, lambda: claim(ledger, job.id, range(1, 17)))
    found = [
        step + (steps[number + 1] if "Index Scan" in step else "")
        for number, step in enumerate(steps)
        if re.search(r"\b(Scan|SCAN|SEARCH)\b.* (items|documents)\b", step)
    ]
    assert len(found) >= 2
    assert not [step for step in found if "job_id" not in step or "position" not in step]


def test_what_is_read_fits_a_claimed_item() -> None:
    """Rows become items by position, and what the job says comes after that."""
    assert (*claims.ClaimedItem._fields, "item_budget", "has_budget") == READ
