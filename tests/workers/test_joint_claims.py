"""Chunks that are asked for while others are being claimed go together, and each thread gets its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from sqlalchemy.exc import DBAPIError

from routing.errors import ServiceUnreachableError
from storage import claims
from storage.claims import Claim
from storage.database import Database
from tests.faults.scene import wait_until
from tests.support.ledgers import running_job
from workers import joint_claims
from workers.joint_claims import JointClaims
from workers.leases import Leases


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


@dataclass(frozen=True, slots=True)
class Scene:
    """A statement that is under way, and threads to ask for others."""

    job: int
    joint: JointClaims
    threads: ThreadPoolExecutor
    statements: Statements
    first: Future[Claim | None]

    def ask(
        self, positions: list[int], token: str, tier: str = "cheap", job: int | None = None
    ) -> Future[Claim | None]:
        """Ask for a chunk from another thread."""
        return self.threads.submit(self.joint.claim, job or self.job, tier, positions, token)

    def wait_for(self, waiting: int) -> None:
        """Return once so many chunks wait for the statement."""
        assert wait_until(lambda: sum(map(len, self.joint._waiting.values())) == waiting, 10) is not None


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


@pytest.fixture
def scene(ledger: Database, statements: Statements, threads: ThreadPoolExecutor) -> Scene:
    """A job of nine items, whose first one is being claimed."""
    job, joint = running_job(ledger, 9).id, JointClaims(ledger, Leases(60_000), has_day_budget=False)
    first = threads.submit(joint.claim, job, "cheap", [1], "first")
    assert wait_until(lambda: len(statements.tokens) == 1, 10) is not None
    return Scene(job, joint, threads, statements, first)


def test_what_is_asked_for_meanwhile_goes_together(scene: Scene) -> None:
    """Three chunks behind one take one statement more, and each thread gets what is its own."""
    later = [scene.ask([n, n + 1], f"t{n}") for n in (3, 5, 7)]
    scene.wait_for(3)
    scene.statements.may_go.release(2)
    assert [_positions(found) for found in (scene.first, *later)] == [[1], [3, 4], [5, 6], [7, 8]]
    assert [set(tokens) for tokens in scene.statements.tokens] == [{"first"}, {"t3", "t5", "t7"}]


@pytest.mark.parametrize(("in_hand", "statements_made"), [(1, 2), (2, 1)])
def test_a_claim_waits_for_others_only_where_there_are_some(
    ledger: Database,
    statements: Statements,
    threads: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    in_hand: int,
    statements_made: int,
) -> None:
    """A chunk that is alone in its process goes at once: somebody may wait for its only document."""
    monkeypatch.setattr(joint_claims, "GATHER_S", 1.0)
    job, leases = running_job(ledger, 4).id, Leases(60_000)
    joint = JointClaims(ledger, leases, has_day_budget=False)
    for _ in range(in_hand):
        leases.take()
    first = threads.submit(joint.claim, job, "cheap", [1, 2], "first")
    assert wait_until(lambda: len(statements.tokens) == 2 - in_hand and joint._waiting, 10) is not None
    second = threads.submit(joint.claim, job, "cheap", [3, 4], "second")
    assert wait_until(lambda: sum(map(len, joint._waiting.values())) == in_hand, 10) is not None
    statements.may_go.release(2)
    assert [_positions(first), _positions(second)] == [[1, 2], [3, 4]]
    assert len(statements.tokens) == statements_made


def test_chunks_of_another_kind_go_by_themselves(scene: Scene) -> None:
    """A statement is of one job and one tier; where nothing is free there, that is the answer."""
    other_tier = scene.ask([2], "dear", tier="expensive")
    other_job = scene.ask([3], "strange", job=scene.job + 1)
    assert wait_until(lambda: len(scene.statements.tokens) == 3, 10) is not None  # nobody waits for another kind
    scene.statements.may_go.release(3)
    assert _positions(scene.first) == [1]
    assert other_tier.result(10) is None
    assert other_job.result(10) is None
    assert sorted(map(len, scene.statements.tokens)) == [1, 1, 1]


def test_no_statement_takes_more_than_its_share(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk that is larger goes alone; none is forgotten."""
    monkeypatch.setattr(joint_claims, "MOST_ITEMS", 3)
    later = [scene.ask(at, f"t{at[0]}") for at in ([3, 4, 5, 6], [7, 8], [9])]
    scene.wait_for(3)
    scene.statements.may_go.release(9)
    assert [_positions(found) for found in (scene.first, *later)] == [[1], [3, 4, 5, 6], [7, 8], [9]]
    assert ["t3"] in scene.statements.tokens


def test_an_outage_is_told_to_everybody_who_waits(scene: Scene) -> None:
    """Nobody waits out the same outage by himself, one after the other."""
    scene.statements.error = ServiceUnreachableError("away", "wait")
    later = [scene.ask([n], f"t{n}") for n in (2, 3)]
    scene.wait_for(2)
    scene.statements.may_go.release(2)
    for found in (scene.first, *later):
        with pytest.raises(ServiceUnreachableError, match="away"):
            found.result(10)
    assert len(scene.statements.tokens) == 2


def test_who_is_answered_waits_for_no_other_statement(scene: Scene) -> None:
    """The one that came meanwhile makes the next statement."""
    second = scene.ask([2], "second")
    scene.wait_for(1)
    scene.statements.may_go.release()
    assert _positions(scene.first) == [1]
    assert wait_until(lambda: len(scene.statements.tokens) == 2, 10) is not None
    assert not second.done()
    scene.statements.may_go.release()
    assert _positions(second) == [2]


def test_a_chunk_that_cannot_be_claimed_fails_alone(scene: Scene) -> None:
    """The others of its statement are claimed each by itself."""
    good, bad = scene.ask([2], "good"), scene.ask([1 << 70], "bad")
    scene.wait_for(2)
    scene.statements.may_go.release(4)
    assert _positions(scene.first) == [1]
    assert _positions(good) == [2]
    with pytest.raises((DBAPIError, OverflowError)):
        bad.result(10)


def _positions(found: Future[Claim | None]) -> list[int]:
    claim = found.result(10)
    assert claim is not None
    return [item.position for item in claim.items]
