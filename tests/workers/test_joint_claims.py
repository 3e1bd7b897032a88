"""Chunks that are asked for while others are being claimed go together, and each thread gets its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic

import pytest
from sqlalchemy.exc import DBAPIError

from routing.errors import ServiceUnreachableError
from storage import claims
from storage.claims import Claim
from storage.database import Database
from tests.support.ledgers import running_job
from workers import joint_claims
from workers.joint_claims import JointClaims


@dataclass(slots=True)
class Statements:
    """Stands before the ledger: lets statements through one at a time, and notes the tokens of each."""

    may_go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    tokens: list[list[str]] = field(default_factory=list)
    error: Exception | None = None

    def claim_chunks(self, database: Database, *, chunks: dict[str, list[int]], **given: object) -> dict[str, Claim]:
        """Wait, and then do what the ledger does."""
        self.tokens.append(list(chunks))
        assert self.may_go.acquire(timeout=10)
        if self.error is not None:
            raise self.error
        return claims.claim_chunks(database, chunks=chunks, **given)  # type: ignore[arg-type]


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    """The statements of all claims of a test."""
    standing = Statements()
    monkeypatch.setattr(joint_claims, "claims", standing)
    return standing


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Threads that claim."""
    with ThreadPoolExecutor(8) as executor:
        yield executor


def test_what_is_asked_for_meanwhile_goes_together(
    ledger: Database, statements: Statements, threads: ThreadPoolExecutor
) -> None:
    """Three chunks behind one take one statement more, and each thread gets what is its own."""
    job, joint = running_job(ledger, 8).id, JointClaims(ledger, 60_000, has_day_budget=False)
    first = threads.submit(joint.claim, job, "cheap", [1, 2], "first")
    _wait_until(lambda: len(statements.tokens) == 1)
    later = [threads.submit(joint.claim, job, "cheap", [n, n + 1], f"t{n}") for n in (3, 5, 7)]
    _wait_until(lambda: _waiting(joint) == 3)
    statements.may_go.release(2)
    assert [_positions(found) for found in (first, *later)] == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert [set(tokens) for tokens in statements.tokens] == [{"first"}, {"t3", "t5", "t7"}]


def test_chunks_of_another_kind_go_by_themselves(
    ledger: Database, statements: Statements, threads: ThreadPoolExecutor
) -> None:
    """A statement is of one job and one tier; where nothing is free there, that is the answer."""
    job, joint = running_job(ledger, 4).id, JointClaims(ledger, 60_000, has_day_budget=False)
    first = threads.submit(joint.claim, job, "cheap", [1], "first")
    _wait_until(lambda: len(statements.tokens) == 1)
    other_tier = threads.submit(joint.claim, job, "expensive", [2], "dear")
    other_job = threads.submit(joint.claim, job + 1, "cheap", [3], "strange")
    _wait_until(lambda: len(statements.tokens) == 3)  # nobody waits for another kind
    statements.may_go.release(3)
    assert _positions(first) == [1]
    assert other_tier.result(10) is None
    assert other_job.result(10) is None
    assert sorted(map(len, statements.tokens)) == [1, 1, 1]


def test_no_statement_takes_more_than_its_share(
    ledger: Database, statements: Statements, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chunk that is larger goes alone; none is forgotten."""
    monkeypatch.setattr(joint_claims, "MOST_ITEMS", 3)
    job, joint = running_job(ledger, 9).id, JointClaims(ledger, 60_000, has_day_budget=False)
    statements.may_go.release(9)
    joint.claim(job, "cheap", [1], "warm")
    statements.may_go = threading.Semaphore(0)
    first = threads.submit(joint.claim, job, "cheap", [2], "first")
    _wait_until(lambda: len(statements.tokens) == 2)
    later = [threads.submit(joint.claim, job, "cheap", at, f"t{at[0]}") for at in ([3, 4, 5, 6], [7, 8], [9])]
    _wait_until(lambda: _waiting(joint) == 3)
    statements.may_go.release(9)
    assert [_positions(found) for found in (first, *later)] == [[2], [3, 4, 5, 6], [7, 8], [9]]
    assert ["t3"] in statements.tokens


def test_an_outage_is_told_to_everybody_who_waits(
    ledger: Database, statements: Statements, threads: ThreadPoolExecutor
) -> None:
    """Nobody waits out the same outage by himself, one after the other."""
    job, joint = running_job(ledger, 4).id, JointClaims(ledger, 60_000, has_day_budget=False)
    statements.error = ServiceUnreachableError("away", "wait")
    first = threads.submit(joint.claim, job, "cheap", [1], "first")
    _wait_until(lambda: len(statements.tokens) == 1)
    later = [threads.submit(joint.claim, job, "cheap", [n], f"t{n}") for n in (2, 3)]
    _wait_until(lambda: _waiting(joint) == 2)
    statements.may_go.release(2)
    for found in (first, *later):
        with pytest.raises(ServiceUnreachableError, match="away"):
            found.result(10)
    assert len(statements.tokens) == 2


def test_who_is_answered_waits_for_no_other_statement(
    ledger: Database, statements: Statements, threads: ThreadPoolExecutor
) -> None:
    """The one that came meanwhile makes the next statement."""
    job, joint = running_job(ledger, 4).id, JointClaims(ledger, 60_000, has_day_budget=False)
    first = threads.submit(joint.claim, job, "cheap", [1], "first")
    _wait_until(lambda: len(statements.tokens) == 1)
    second = threads.submit(joint.claim, job, "cheap", [2], "second")
    _wait_until(lambda: _waiting(joint) == 1)
    statements.may_go.release()
    assert _positions(first) == [1]
    _wait_until(lambda: len(statements.tokens) == 2)
    assert not second.done()
    statements.may_go.release()
    assert _positions(second) == [2]


def test_a_chunk_that_cannot_be_claimed_fails_alone(
    ledger: Database, statements: Statements, threads: ThreadPoolExecutor
) -> None:
    """The others of its statement are claimed each by itself."""
    job, joint = running_job(ledger, 4).id, JointClaims(ledger, 60_000, has_day_budget=False)
    first = threads.submit(joint.claim, job, "cheap", [1], "first")
    _wait_until(lambda: len(statements.tokens) == 1)
    good = threads.submit(joint.claim, job, "cheap", [2], "good")
    bad = threads.submit(joint.claim, job, "cheap", [1 << 70], "bad")
    _wait_until(lambda: _waiting(joint) == 2)
    statements.may_go.release(4)
    assert _positions(first) == [1]
    assert _positions(good) == [2]
    with pytest.raises((DBAPIError, OverflowError)):
        bad.result(10)


def _positions(found: Future[Claim | None]) -> list[int]:
    claim = found.result(10)
    assert claim is not None
    return [item.position for item in claim.items]


def _waiting(joint: JointClaims) -> int:
    return sum(map(len, joint._waiting.values()))


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline, pause = monotonic() + 10, threading.Event()
    while not condition():
        assert monotonic() < deadline
        pause.wait(0.005)
