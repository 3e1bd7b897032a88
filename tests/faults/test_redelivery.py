"""Every message delivered three times and shuffled: results and costs as if it had come once."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from storage import claims, jobs, progress, recording, results, sweeping
from storage.claims import MAX_CLAIMS, ClaimedItem
from storage.database import Database
from storage.records import Accepted, AttemptRecord, Escalated, Failed, ItemRecord, Next, Released
from storage.states import AttemptOutcome, FailReason, ItemState, JobState
from tests.faults.oracle import Findings
from tests.faults.trial import Trial
from tests.support.ledgers import TIERS, claim, running_job

ITEMS = 5
DELIVERIES = 3
CHUNK = 2
BOUND = 1_000
BUDGET = 10_000_000

Message = tuple[str, tuple[int, ...]]
Path = tuple[Next, ...]

_troubles = st.lists(st.just(Released(0, clean=True)), max_size=1)
_ends = st.one_of(
    st.builds(Accepted, st.just("{}")), st.builds(Failed, st.just(FailReason.VERDICT), st.just("{}"), st.just("[]"))
)
_escalates = st.builds(Escalated, st.just("expensive"), st.just("verdict_failed"))
paths: st.SearchStrategy[Path] = st.one_of(
    st.tuples(_troubles, _ends).map(lambda drawn: (*drawn[0], drawn[1])),
    st.tuples(_troubles, _escalates, _troubles, _ends).map(lambda drawn: (*drawn[0], drawn[1], *drawn[2], drawn[3])),
)
"""What each call for an item brings, in order, however often it has to be made."""

picks = st.integers(0, 1_000_000)


def cost_of(position: int, step: int) -> int:
    """Return what the call at a step of an item's path costs: no two cost the same."""
    return position * 10 + step + 1


class Redelivery(RuleBasedStateMachine):
    """Workers that take up messages, call, record, are cut off and come back, while a person cancels and resumes."""

    ledger: Database
    seen: ClassVar[Counter[str]]
    """What happened in all runs together."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: dict[int, Path] = {}
        self.queue: list[Message] = []
        self.in_hand: list[list[ItemRecord]] = []
        self.cut_off: list[list[ItemRecord]] = []
        self.calls: Counter[tuple[int, int]] = Counter()
        self.lost: Counter[int] = Counter()
        self.paid: dict[uuid.UUID, int] = {}
        self.ended: set[int] = set()

    @initialize(drawn=st.lists(paths, min_size=ITEMS, max_size=ITEMS))
    def submit(self, drawn: list[Path]) -> None:
        """A job is submitted and published."""
        self.paths = dict(enumerate(drawn, 1))
        self.job = running_job(self.ledger, ITEMS, budget=BUDGET)
        self.publish("cheap", list(self.paths))

    def publish(self, tier: str, positions: list[int]) -> None:
        for start in range(0, len(positions), CHUNK):
            self.queue += [(tier, tuple(positions[start : start + CHUNK]))] * DELIVERIES

    @precondition(lambda self: self.queue)
    @rule(pick=picks)
    def deliver(self, pick: int) -> None:
        """Any of the messages arrives; whoever gets its items calls the model for each."""
        tier, positions = self.queue.pop(pick % len(self.queue))
        self.seen["messages"] += 1
        runs = jobs.find(self.ledger, self.job.name).state is JobState.RUNNING
        got = claim(self.ledger, self.job.id, positions, tier=tier, token=uuid.uuid4().hex, bound=BOUND)
        assert got is None or runs, "items of a job that does not run were given out"
        if got is not None:
            self.in_hand.append([self.call(item) for item in got.items])

    def call(self, item: ClaimedItem) -> ItemRecord:
        step = item.attempts
        assert item.position not in self.ended, "an item that has ended was called again"
        self.calls[item.position, step] += 1
        return ItemRecord(
            item.job_id,
            item.position,
            item.tier,
            item.lease_token,
            self.paths[item.position][step],
            (_attempt(item, step),),
        )

    @precondition(lambda self: self.in_hand)
    @rule(pick=picks, twice=st.booleans())
    def record(self, pick: int, *, twice: bool) -> None:
        """A chunk is recorded, twice where the first commit's outcome is unknown, and what escalated is published."""
        group = self.in_hand.pop(pick % len(self.in_hand))
        changed = self.write(group)
        assert changed == {record.key for record in group}
        if twice:
            assert self.write(group) == frozenset()
        self.publish("expensive", [record.position for record in group if isinstance(record.next, Escalated)])

    def write(self, group: list[ItemRecord]) -> frozenset[tuple[int, int]]:
        changed = recording.write(self.ledger, group)
        for record in group:
            self.paid |= {attempt.uid: attempt.cost_nano_usd for attempt in record.attempts}
            if record.key in changed and isinstance(record.next, Accepted | Failed):
                assert record.position not in self.ended, "an item ended twice"
                self.ended.add(record.position)
        return changed

    @precondition(lambda self: self.in_hand)
    @rule(pick=picks)
    def cut_off_worker(self, pick: int) -> None:
        """A worker is killed, or cut off so long that its lease runs out and is swept."""
        group = self.in_hand.pop(pick % len(self.in_hand))
        claims.extend(self.ledger, [group[0].lease_token], -1)
        self.cut_off.append(group)
        self.lost.update(record.position for record in group)
        sweeping.release_expired(self.ledger)
        quarantined = results.items(self.ledger, self.job.id, ItemState.FAILED)
        self.ended |= {item.position for item in quarantined if item.fail_reason is FailReason.QUARANTINED}

    @precondition(lambda self: self.cut_off)
    @rule(pick=picks)
    def come_back(self, pick: int) -> None:
        """What it had in hand is written after all: it is paid for, and changes no item."""
        assert self.write(self.cut_off.pop(pick % len(self.cut_off))) == frozenset()

    @rule()
    def sweep(self) -> None:
        """Behind a drained queue, what the ledger has queued is published again."""
        for tier in sorted(sweeping.waiting_tiers(self.ledger)):
            if not any(message[0] == tier for message in self.queue):
                keys = sweeping.claimable(self.ledger, tier, 0, 1_000)
                self.publish(tier, [position for job_id, position in keys if job_id == self.job.id])

    @rule(how=st.sampled_from([jobs.cancel, jobs.pause, jobs.resume]))
    def steer(self, how: Any) -> None:  # noqa: ANN401 - one of three functions of one form
        """A person cancels, pauses or resumes."""
        how(self.ledger, self.job.id)

    @invariant()
    def the_bill_is_the_calls(self) -> None:
        """What was recorded is paid once, and the reserve is what is in hand."""
        if not self.paths:
            return
        job = jobs.find(self.ledger, self.job.name)
        assert job.cost_nano_usd == sum(self.paid.values())
        assert job.reserved_nano_usd == BOUND * sum(map(len, self.in_hand))
        assert job.items_done + job.items_failed == len(self.ended)

    def teardown(self) -> None:
        """In the end, every item has what its path says, at the price of its path."""
        if not self.paths:
            return
        jobs.resume(self.ledger, self.job.id)
        while jobs.find(self.ledger, self.job.name).state is not JobState.DONE:
            while self.in_hand:
                self.record(0, twice=False)
            self.sweep()
            while self.queue:
                self.deliver(len(self.queue) // 2)
        while self.queue:
            self.deliver(0)
        assert not self.in_hand
        for item in results.items(self.ledger, self.job.id):
            self.check(item)
        repeated = sum(count - 1 for count in self.calls.values())
        assert repeated <= self.lost.total()
        self.seen.update(runs=1, lost_leases=self.lost.total(), repeated=repeated)
        tiers = progress.read(self.ledger, self.job.name).tiers
        assert [tier.queued for tier in tiers] == [0] * len(TIERS)

    def check(self, item: results.ItemResult) -> None:
        if item.fail_reason is FailReason.QUARANTINED:
            assert self.lost[item.position] >= MAX_CLAIMS
            return
        path = self.paths[item.position]
        assert item.state is (ItemState.DONE if isinstance(path[-1], Accepted) else ItemState.FAILED)
        assert item.attempts == len(path)
        assert item.cost_nano_usd == sum(cost_of(item.position, step) for step in range(len(path)))


def _attempt(item: ClaimedItem, step: int) -> AttemptRecord:
    return AttemptRecord(
        uid=uuid.uuid4(),
        tier=item.tier,
        model="small",
        layer="default",
        cause="first_tier",
        outcome=AttemptOutcome.ACCEPTED,
        started_ms=1,
        cost_nano_usd=cost_of(item.position, step),
    )


def test_messages_delivered_three_times_count_once(ledger: Database, trial: Trial) -> None:
    """In whatever order messages, records, deaths, sweeps and a person's commands come."""

    class OnThisLedger(Redelivery):
        pass

    OnThisLedger.ledger, OnThisLedger.seen = ledger, Counter()
    examples = trial.size(15, 1_000) if ledger.is_sqlite else trial.size(5, 250)
    run_state_machine_as_test(
        OnThisLedger,
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    seen = OnThisLedger.seen
    trial.report(
        6,
        f"each message three times, shuffled, on {ledger.engine.dialect.name}",
        Findings(0, 0, seen["repeated"]),
        times=seen["runs"],
        messages=seen["messages"],
        leases_that_ran_out=seen["lost_leases"],
    )
