"""Whatever workers do, in whatever order and however often: items end once, and the bill is the sum of the calls."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from routing.decision import Layer
from storage import dead_workers, jobs, migrate, progress, recording, results, sweeping
from storage.claims import ClaimedItem
from storage.database import Database
from storage.records import Accepted, Escalated, Failed, HeldOut, ItemRecord, Measured, Next, Released, Routed
from storage.states import FailReason, ItemState, JobState
from tests.support.ledgers import TIERS, attempt, claim, running_job

ITEMS = 4
BUDGET = 10_000
BOUND = 100

steps: st.SearchStrategy[Next] = st.one_of(
    st.builds(Accepted, st.just("{}")),
    st.builds(Failed, st.just(FailReason.VERDICT), st.none(), st.just("[]")),
    st.builds(Escalated, st.just("expensive"), st.just("verdict_failed")),
    st.builds(Routed, st.just("expensive"), st.just("rule"), st.just("rule_matched")),
    st.builds(HeldOut, st.just("expensive"), st.just("{}")),
    st.builds(Released, st.just(0), st.booleans()),
)


def _measured(step: Next) -> Next:
    """Return what can follow on the measuring call of a held-out item."""
    return step if isinstance(step, Released) else Measured("cheap")


@cache
def empty_ledger() -> Path:
    """Return the file of a migrated ledger without jobs, made once."""
    directory = Path(tempfile.mkdtemp(prefix="cheapfirst-life-"))
    atexit.register(shutil.rmtree, directory)
    ledger = Database(f"sqlite:///{directory / 'ledger.db'}")
    migrate.upgrade(ledger)
    ledger.close()
    return directory / "ledger.db"


class ItemLife(RuleBasedStateMachine):
    """Workers claim, record (once, twice or too late), die, and are swept, while a person pauses and resumes."""

    held = Bundle("held")
    written = Bundle("written")

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="cheapfirst-life-"))
        shutil.copy(empty_ledger(), self.directory / "ledger.db")
        self.ledger = Database(f"sqlite:///{self.directory / 'ledger.db'}")
        self.job = running_job(self.ledger, ITEMS, budget=BUDGET)
        self.tokens = 0
        self.paid: dict[object, int] = {}
        self.ended: dict[int, ItemState] = {}

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.directory)

    @rule(
        target=held,
        tier=st.sampled_from(TIERS),
        positions=st.lists(st.integers(1, ITEMS + 1), min_size=1, unique=True),
        dead=st.booleans(),
    )
    def deliver(self, tier: str, positions: list[int], *, dead: bool) -> list[ClaimedItem]:
        """A message arrives, perhaps a second time; a dead worker's lease is over at once."""
        self.tokens += 1
        got = claim(
            self.ledger,
            self.job.id,
            positions,
            tier=tier,
            token=f"token{self.tokens}-1",
            lease_ms=-1 if dead else 600_000,
            bound=BOUND,
        )
        items = [] if got is None else list(got.items)
        assert all(item.position not in self.ended for item in items)
        return items

    @rule(items=consumes(held), blamed=st.booleans())
    def die(self, items: list[ClaimedItem], *, blamed: bool) -> None:
        """A worker dies before somebody's eyes: what it held is free for the sweeper, and one of it may be to blame."""
        for item in items[:1]:
            culprit = (item.job_id, item.position) if blamed else None
            dead_workers.acquit(self.ledger, item.lease_token.partition("-")[0], culprit)

    @rule(target=written, items=consumes(held), step=steps, cost=st.integers(0, BOUND))
    def record(self, items: list[ClaimedItem], step: Next, cost: int) -> list[ItemRecord]:
        """A worker writes what came of its chunk, however late."""
        group = [
            ItemRecord(
                item.job_id,
                item.position,
                item.tier,
                item.lease_token,
                _measured(step) if item.layer == Layer.HOLDOUT else step,
                (attempt(cost=cost, tier=item.tier),),
            )
            for item in items
        ]
        self._write(group)
        return group

    @rule(group=written)
    def record_again(self, group: list[ItemRecord]) -> None:
        """A commit of unknown outcome is repeated."""
        self._write(group)

    def _write(self, group: list[ItemRecord]) -> None:
        changed = recording.write(self.ledger, group)
        for record in group:
            self.paid |= {call.uid: call.cost_nano_usd for call in record.attempts}
            if record.key in changed and isinstance(record.next, Accepted | Failed | Measured):
                assert record.position not in self.ended, "an item ended twice"
                self.ended[record.position] = ItemState.FAILED if isinstance(record.next, Failed) else ItemState.DONE

    @rule()
    def sweep(self) -> None:
        """The sweeper takes back what dead workers held, and puts poison aside."""
        sweeping.release_expired(self.ledger)
        for item in results.items(self.ledger, self.job.id, ItemState.FAILED):
            if item.fail_reason == FailReason.QUARANTINED:
                self.ended[item.position] = ItemState.FAILED
        for item in results.items(self.ledger, self.job.id, ItemState.DONE):  # held out, then given up on
            self.ended[item.position] = ItemState.DONE
            assert item.output is not None

    @rule(halt=st.sampled_from([jobs.pause, jobs.cancel, jobs.resume]))
    def steer(self, halt: object) -> None:
        """A person pauses, cancels or resumes the job."""
        assert callable(halt)
        halt(self.ledger, self.job.id)

    @precondition(lambda self: jobs.find(self.ledger, self.job.name).state == JobState.DONE)
    @rule()
    def retry(self) -> None:
        """A person has the failed items tried again."""
        jobs.requeue_failed(self.ledger, self.job.id)
        self.ended = {position: state for position, state in self.ended.items() if state is ItemState.DONE}

    @invariant()
    def the_ledger_adds_up(self) -> None:
        """Counts equal rows, the bill equals the calls, and the reserve equals what is in hand."""
        stands = progress.read(self.ledger, self.job.name)
        items = list(results.items(self.ledger, self.job.id))
        ended = {item.position: item.state for item in items if item.state is not ItemState.QUEUED}
        assert ended == self.ended
        assert stands.job.items_done == sum(item.state is ItemState.DONE for item in items)
        assert stands.job.items_failed == sum(item.state is ItemState.FAILED for item in items)
        assert stands.job.cost_nano_usd == sum(self.paid.values())
        assert sum(tier.cost_nano_usd for tier in stands.tiers) == sum(self.paid.values())
        assert {tier.tier: tier.queued for tier in stands.tiers} == {
            tier: sum(item.state is ItemState.QUEUED and item.tier == tier for item in items) for tier in TIERS
        }
        assert stands.job.reserved_nano_usd == BOUND * sum(item.in_flight for item in items)


TestItemLife = ItemLife.TestCase
TestItemLife.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
