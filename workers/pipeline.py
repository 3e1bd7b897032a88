"""The life of an item in a worker: claim, decide, call, check, record, hand on.

A Celery thread claims a chunk and waits for it. Each of its items runs as a coroutine on the process's event loop and
goes to the recorder by itself, so that a slow document holds back nobody but the thread that waits for its chunk. The
recorder hands escalated items on, once the ledger says where they are.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from time import monotonic
from typing import TYPE_CHECKING

from routing.errors import CheapfirstError, ServiceUnreachableError
from storage import jobs
from storage.paying import Payment
from storage.records import ItemRecord, Released
from storage.states import StopReason
from workers.chunk import Chunk
from workers.joint_claims import JointClaims
from workers.recorder import Finished
from workers.told_item import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.claims import Claim, ClaimedItem
    from storage.database import Database
    from workers.gate import Gate
    from workers.item_handler import ItemHandler
    from workers.leases import Leases
    from workers.loop_thread import LoopThread
    from workers.payments import Payments
    from workers.recorder import Recorder
    from workers.steered_task import SteeredTask
    from workers.task_cache import TaskCache

log = logging.getLogger(__name__)

LEDGER_AGAIN_S = 1.0
"""How long until a ledger that could not be reached is asked again."""
TELL_AGAIN_S = 30.0
"""How long until it is told again that chunks wait for the ledger: every one of them asks each second."""


class Pipeline:
    """Runs chunks of items. One per worker process."""

    def __init__(
        self,
        *,
        database: Database,
        tasks: TaskCache,
        handler: ItemHandler,
        leases: Leases,
        gate: Gate,
        loop: LoopThread,
        recorder: Recorder,
        payments: Payments,
    ) -> None:
        self._database = database
        self._tasks = tasks
        self._handler = handler
        self._leases = leases
        self._gate = gate
        self._loop = loop
        self._recorder = recorder
        self._payments = payments
        self._claims = JointClaims(database, leases, has_day_budget=payments.has_day_budget)
        self._stopping = threading.Event()
        self._last_progress = monotonic()
        self._waiting_for_provider = 0
        self._tell_at = -math.inf

    @property
    def blocked(self) -> bool:
        """Whether items in hand wait for a provider whose circuit is open."""
        return self._waiting_for_provider > 0

    @property
    def idle_s(self) -> float:
        """Seconds since something was last claimed or settled here."""
        return monotonic() - self._last_progress

    def run_chunk(self, tier: str, job_id: int, positions: Sequence[int]) -> int:
        """Work through those of these items that are free, and return how many; blocks until they are settled.

        Nothing is raised for what the items or their provider do: that is recorded. While the ledger cannot be reached,
        it waits.
        """
        while not self._stopping.is_set():
            try:
                return self._run_claimed(tier, job_id, positions)
            except ServiceUnreachableError as error:
                self._tell_waiting(job_id, error)
            self._stopping.wait(LEDGER_AGAIN_S)
        return 0

    def _tell_waiting(self, job_id: int, error: ServiceUnreachableError) -> None:
        if monotonic() >= self._tell_at:
            self._tell_at = monotonic() + TELL_AGAIN_S
            log.warning("Items of job %d and perhaps others wait for the ledger: %s", job_id, error)

    def _run_claimed(self, tier: str, job_id: int, positions: Sequence[int]) -> int:
        task = self._task(job_id)
        if task is None:
            return 0
        token = self._leases.take()
        try:
            asked_at = monotonic()  # before the ledger is, so that nobody trusts what it says for longer
            claim = self._claims.claim(job_id, tier, positions, token)
            if claim is None:
                return 0
            self._handler.job_ran(job_id, asked_at)
            self._last_progress = monotonic()
            payment = self._pay(claim, task, job_id) if claim.to_be_paid else Payment(claim.items)
            size = len(payment.items) + len(payment.unpaid)
            if not size:
                return 0
            chunk = Chunk(size)
            self._recorder.in_hand.add(size)
            for item in payment.unpaid:
                self._recorder.put(Finished(self._handler.unpaid(task, item), lambda: self._settled(chunk)))
            around = self._loop.black_box.around
            self._loop.spawn(
                [around(job_id, item.position, self._run_item(item, task, claim, chunk)) for item in payment.items]
            )
            chunk.wait()
            return size
        finally:
            self._leases.drop(token)

    def drain(self) -> None:
        """Begin nothing more: what waits goes back to its queue, what is being called is finished."""
        self._loop.call(self._drain)

    def _drain(self) -> None:
        self._stopping.set()
        self._handler.hurry()
        self._gate.open()

    def _task(self, job_id: int) -> SteeredTask | None:
        try:
            return self._tasks.get(job_id)
        except ServiceUnreachableError:
            raise  # it says nothing of the task
        except CheapfirstError as error:
            # What makes a task unusable here (a package its schema needs) makes it unusable for every item.
            log.error("Job %d cannot run here: %s", job_id, error)  # noqa: TRY400 - the message says it all
            jobs.stop(self._database, job_id, StopReason.TASK_UNUSABLE, str(error))
            return None

    def _pay(self, claim: Claim, task: SteeredTask, job_id: int) -> Payment:
        """Reserve for a claim; while the ledger cannot be reached, its items stay in hand."""
        bounds = self._payments.bounds(claim, task)
        while not self._stopping.is_set():
            try:
                return self._payments.pay(claim, task, bounds)
            except ServiceUnreachableError as error:
                self._tell_waiting(job_id, error)
            self._stopping.wait(LEDGER_AGAIN_S)
        return Payment(())

    async def _run_item(self, item: ClaimedItem, task: SteeredTask, claim: Claim, chunk: Chunk) -> None:
        try:
            record = await self._when_its_turn(item, task, claim)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - a fault, or `sys.exit` in a schema, costs one item, not the loop
            # Its lease runs out; claimed three times without a record, it is put aside. The message may quote values.
            log.error("Not handled: %s: %s", told(item.job_id, item.position), type(error).__name__)  # noqa: TRY400
            self._settled(chunk)
            return
        self._recorder.put(Finished(record, lambda: self._settled(chunk)))

    def _settled(self, chunk: Chunk) -> None:
        self._last_progress = monotonic()
        self._recorder.in_hand.settle_one()
        chunk.settle_one()

    async def _when_its_turn(self, item: ClaimedItem, task: SteeredTask, claim: Claim) -> ItemRecord:
        arrived = monotonic()
        while True:
            await self._wait_for_provider(item, task)
            async with self._gate:
                if not await self._may_call(item):
                    return untouched(item)
                gate_wait_ms = round((monotonic() - arrived) * 1000)
                record = await self._handler.handle(item, task, claim.item_budget_nano_usd, gate_wait_ms)
            if record is not None:
                return record

    async def _may_call(self, item: ClaimedItem) -> bool:
        """Tell whether a job still runs and its item is still ours.

        While nobody knows nothing is bought: it could not be written down.
        """
        while not self._stopping.is_set():
            runs = await self._handler.job_runs(item.job_id)
            may = runs and await self._leases.holds(self._database, item)
            if may is not None:
                return may
            await asyncio.sleep(LEDGER_AGAIN_S)
        return False

    async def _wait_for_provider(self, item: ClaimedItem, task: SteeredTask) -> None:
        if self._handler.is_available(task, item):
            return
        self._waiting_for_provider += 1
        try:
            await self._handler.wait_until_available(task, item)
        finally:
            self._waiting_for_provider -= 1


def untouched(item: ClaimedItem) -> ItemRecord:
    """Return the record of an item that goes back to its queue as it was."""
    back = Released(0, clean=False, carried=item.carried)
    return ItemRecord(item.job_id, item.position, item.tier, item.lease_token, back, (), decided=item.decided)
