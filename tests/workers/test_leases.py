"""What a worker knows of its leases, and what it does where one may be over."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from evaluation.model_server.call_ledger import CallLedger
from routing.errors import ServiceUnreachableError
from storage import claims, results, sweeping
from storage.claims import ClaimedItem
from storage.database import Database
from storage.states import ItemState
from tests.support.engine_room import engine_room
from tests.support.late_claims import let_claims_come_late
from tests.support.ledgers import claim, running_job
from tests.support.loopback import answering, loopback
from workers.heartbeat import BEAT_S, Heartbeat
from workers.leases import Leases

LEASE_MS = 30_000
ANSWER = "{}"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def taken(ledger: Database, leases: Leases, count: int = 1) -> tuple[str, tuple[ClaimedItem, ...]]:
    """Claim the items of a new job under a lease of these, and return its token and the items."""
    token = leases.take()
    given = claim(ledger, running_job(ledger, count).id, range(1, count + 1), token=token, lease_ms=leases.lease_ms)
    assert given is not None
    return token, given.items


def run_out(ledger: Database, position: int) -> None:
    """Let the ledger take an item back, as where its lease is over."""
    with ledger.write() as connection:
        connection.exec_driver_sql(f"UPDATE items SET lease_until_ms = 0 WHERE position = {position}")
    assert [taken for _, taken in sweeping.release_expired(ledger).requeued["cheap"]] == [position]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the statements that extend leases."""
    asked: list[int] = []
    extend = claims.extend

    def counting(database: Database, tokens: list[str], lease_ms: int) -> dict[str, frozenset[int]]:
        asked.append(len(tokens))
        return extend(database, tokens, lease_ms)

    monkeypatch.setattr(claims, "extend", counting)
    return asked


async def test_a_young_lease_is_trusted(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the ordinary case no call costs a statement: the heartbeat extends leases before they are in doubt."""
    clock = Clock()
    leases = Leases(LEASE_MS, clock)
    _, (item,) = taken(ledger, leases)
    asked = counted(monkeypatch)
    clock.now_s += leases.extend_every_s
    assert await leases.holds(ledger, item)
    assert asked == []
    leases.extend(ledger)
    clock.now_s += 2 * leases.extend_every_s
    assert await leases.holds(ledger, item)
    assert asked == [1], "the heartbeat's"


async def test_a_lease_in_doubt_is_extended_first(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the claim took its time, or the heartbeat is late, one statement for all in hand settles it."""
    clock = Clock()
    leases = Leases(LEASE_MS, clock)
    first, second = (taken(ledger, leases)[1][0] for _ in range(2))
    asked = counted(monkeypatch)
    clock.now_s += 2 * leases.extend_every_s + 1
    assert all(await asyncio.gather(*(leases.holds(ledger, item) for item in (first, second))))
    assert asked == [2]


async def test_what_was_lost_is_not_held(ledger: Database) -> None:
    """An item that the sweeper took back is not called, whoever has it now; one of the same chunk that stayed, is."""
    clock = Clock()
    leases = Leases(LEASE_MS, clock)
    token, (lost, kept) = taken(ledger, leases, 2)
    run_out(ledger, 1)
    clock.now_s += LEASE_MS / 1000
    assert [await leases.holds(ledger, item) for item in (lost, kept)] == [False, True]
    leases.drop(token)
    assert not await leases.holds(ledger, kept), "a chunk that is finished"


async def test_an_extension_before_the_commit_says_nothing(ledger: Database) -> None:
    """A claim that is not committed yet is not taken for lost by the heartbeat that comes first."""
    leases = Leases(LEASE_MS)
    token = leases.take()
    leases.extend(ledger)
    given = claim(ledger, running_job(ledger, 1).id, [1], token=token, lease_ms=LEASE_MS)
    assert given is not None
    assert await leases.holds(ledger, given.items[0])


async def test_without_the_ledger_nobody_knows(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is neither held nor lost, and is asked for again."""
    clock = Clock()
    leases = Leases(LEASE_MS, clock)
    _, (item,) = taken(ledger, leases)

    def away(*_: object) -> None:
        raise ServiceUnreachableError("The ledger is away.")

    with monkeypatch.context() as patched:
        patched.setattr(claims, "extend", away)
        clock.now_s += LEASE_MS / 1000
        assert await leases.holds(ledger, item) is None
    assert await leases.holds(ledger, item)


def calls_after_a_slow_claim(
    ledger: Database, job_id: int, monkeypatch: pytest.MonkeyPatch, clock: Clock, meanwhile: Callable[[], None]
) -> CallLedger:
    """Let a worker claim the only item, with something happening before it hears of that; return the calls it made."""
    with (
        loopback({"small": answering(ANSWER)}) as server,
        engine_room(ledger, server.deployment(lease_s=LEASE_MS / 1000), lease_clock=clock) as room,
    ):
        with monkeypatch.context() as patched:
            let_claims_come_late(patched, meanwhile)
            assert room.pipeline.run_chunk("cheap", job_id, [1]) == 1
        return server.server.ledger


def test_what_a_slow_claim_lost_is_not_paid_for_twice(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lease ran out before the worker heard of it, and another worker has the item: it makes the only call."""
    job = running_job(ledger, 1)
    clock = Clock()

    def lose() -> None:
        clock.now_s += LEASE_MS / 1000
        run_out(ledger, 1)
        assert claim(ledger, job.id, [1], token="other", lease_ms=LEASE_MS) is not None

    calls = calls_after_a_slow_claim(ledger, job.id, monkeypatch, clock, lose)
    assert calls.asked_by_document == {}
    held = results.trail(ledger, job.id, "item-1").item
    assert (held.state, held.in_flight) == (ItemState.QUEUED, True), "the other one's lease is as it was"


def test_a_slow_claim_that_is_still_held_goes_on(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lease is extended before the call, so that it lives while the call is made."""
    job = running_job(ledger, 1)
    clock = Clock()
    asked = counted(monkeypatch)

    def pass_time() -> None:
        clock.now_s += LEASE_MS / 1000

    calls = calls_after_a_slow_claim(ledger, job.id, monkeypatch, clock, pass_time)
    assert calls.answered == {"small": 1}
    assert asked == [1]
    assert results.trail(ledger, job.id, "item-1").item.state == ItemState.DONE


class Still:
    """Stands for what a heartbeat tells of: nothing is served, nothing is blocked."""

    limit = in_flight = 0
    queues = ()
    idle_s = 0.0
    blocked = False

    def follow(self, _settings: object) -> None:
        """Hear of nothing."""


def test_short_leases_are_extended_between_beats(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease of a second lives for as long as its worker does, which beats once a second."""
    leases = Leases(round(BEAT_S * 1000))
    beats: list[float] = []
    extended: list[float] = []
    enough = threading.Event()

    def extending(*_: object) -> dict[str, frozenset[int]]:
        extended.append(time.monotonic())
        if len(extended) == 5:
            enough.set()
        return {}

    monkeypatch.setattr(claims, "extend", extending)
    leases.take()
    heartbeat = Heartbeat(
        database=ledger,
        name="worker",
        leases=leases,
        concurrency=Still(),  # type: ignore[arg-type]
        vitals=Still(),
        on_beat=lambda: beats.append(time.monotonic()),
    )
    assert enough.wait(30)
    heartbeat.close()
    assert len(beats) <= len(extended) // 2 + 1
