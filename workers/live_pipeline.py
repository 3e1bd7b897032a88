"""The life of one item inside an application: the steps of a worker's pipeline, without queues between its tiers."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from routing.errors import CheapfirstError, ServiceUnreachableError, Trouble
from storage import claims, live_items, paying, recording
from storage.claims import Claim
from storage.paying import Payment
from storage.records import Escalated, Released, Routed
from storage.reserving import SpendingRules
from workers.event_wait import is_set_within
from workers.pipeline import untouched
from workers.telemetry_setup import tell
from workers.told_item import told

if TYPE_CHECKING:
    from storage.claims import ClaimedItem
    from storage.database import Database
    from storage.records import ItemRecord, Next
    from storage.reserving import DayBudget
    from workers.item_handler import ItemHandler
    from workers.leases import Leases
    from workers.steered_task import SteeredTask
    from workers.task_cache import TaskCache
    from workers.telemetry import Telemetry

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 0.05
"""How long an item waits that cannot be claimed just now: what other calls reserved may come back."""
_WRITE_AGAIN_S = (0.1, 0.5, 1.0, 2.0, 5.0)


@dataclass(slots=True)
class LiveItem:
    """An item in the hands of this process. `given_up` is set once nobody waits for it any more.

    `trouble` is why its last call brought no answer, None where there was none.
    """

    job_id: int
    position: int
    tier: str
    given_up: asyncio.Event = field(repr=False)
    trouble: Trouble | None = None
    lease_token: str | None = None


class LivePipeline:
    """Takes items through their tiers. Lives on one event loop; the ledger is asked in threads."""

    def __init__(
        self,
        *,
        database: Database,
        tasks: TaskCache,
        handler: ItemHandler,
        leases: Leases,
        day_budget: DayBudget | None,
        telemetry: Telemetry | None,
    ) -> None:
        self._database = database
        self._tasks = tasks
        self._handler = handler
        self._leases = leases
        self._day_budget = day_budget
        self._telemetry = telemetry

    async def run(self, item: LiveItem) -> bool:
        """Return True once the item is answered, False where nobody waits for it any more or its job does not run.

        A turn that has begun is finished and recorded, whoever waits: it is paid for. Raises ServiceUnreachableError
        where the ledger cannot be reached, a CheapfirstError where the task does not compile here.
        """
        while not item.given_up.is_set():
            match await self._turn(item):
                case Routed(tier=tier) | Escalated(tier=tier):
                    item.tier = tier
                case Released(delay_ms=delay_ms):
                    await is_set_within(delay_ms / 1000, item.given_up)
                case None:
                    standing = await asyncio.to_thread(live_items.standing, self._database, item.job_id, item.position)
                    if standing.is_answered or not standing.job_runs:
                        return standing.is_answered
                    item.tier = standing.tier
                    await is_set_within(LOOK_AGAIN_S, item.given_up)
                case _:
                    return True
        return False

    async def abandon(self, item: LiveItem) -> None:
        """End an item that nobody waits for any more. What the ledger cannot be told is left to the sweeper."""
        try:
            await asyncio.to_thread(live_items.abandon, self._database, item.job_id, item.position, item.lease_token)
        except CheapfirstError as error:
            log.warning("Stays queued: %s: %s", told(item.job_id, item.position), error)

    async def _turn(self, item: LiveItem) -> Next | None:
        """Return what came of one turn, None where the item could not be claimed or was lost meanwhile."""
        task = await asyncio.to_thread(self._tasks.get, item.job_id)
        if task is None:
            return None
        token = item.lease_token = self._leases.take()
        try:
            claim, payment = await asyncio.to_thread(self._claim, task, item, token)
            if payment.items:
                record = await self._handled(item, payment.items[0], task, claim.item_budget_nano_usd)
            elif payment.unpaid:
                record = self._handler.unpaid(task, payment.unpaid[0])
            else:
                return None
            if record.attempts:
                item.trouble = _trouble_of(record)
            is_ours = await self._write(record)
            if self._telemetry is not None:
                tell(self._telemetry, [record])
            return record.next if is_ours else None
        finally:
            self._leases.drop(token)

    async def _handled(
        self, item: LiveItem, claimed: ClaimedItem, task: SteeredTask, item_budget_nano_usd: int | None
    ) -> ItemRecord:
        """Handle an item once its models may be called; let go of it where nobody waits for it any more."""
        while True:
            if not await self._leases.holds(self._database, claimed):
                return untouched(claimed)
            record = await self._handler.handle(claimed, task, item_budget_nano_usd, 0)
            if record is not None:
                return record
            item.trouble = Trouble.CIRCUIT_OPEN
            available = asyncio.ensure_future(self._handler.wait_until_available(task, claimed))
            given_up = asyncio.ensure_future(item.given_up.wait())
            await asyncio.wait((available, given_up), return_when=asyncio.FIRST_COMPLETED)
            available.cancel()
            given_up.cancel()
            if item.given_up.is_set():
                return untouched(claimed)

    def _claim(self, task: SteeredTask, item: LiveItem, token: str) -> tuple[Claim, Payment]:
        """Claim an item, and reserve for it where there is a budget."""
        claim = claims.claim(
            self._database,
            job_id=item.job_id,
            tier=item.tier,
            positions=[item.position],
            lease_token=token,
            lease_ms=self._leases.lease_ms,
            has_day_budget=self._day_budget is not None,
        )
        if claim is None:
            return Claim(None, ()), Payment(())
        if not claim.to_be_paid:
            return claim, Payment(claim.items)
        bounds = {claimed.position: self._handler.upper_bound(task, claimed) for claimed in claim.items}
        spending = SpendingRules(on_exceed=task.frozen.budget.on_exceed, day=self._day_budget)
        return claim, paying.pay(self._database, claim, bounds, spending)

    async def _write(self, record: ItemRecord) -> bool:
        """Write down what was paid for, and say whether the item was still ours."""
        for wait_s in _WRITE_AGAIN_S:
            with suppress(ServiceUnreachableError):
                return record.key in await asyncio.to_thread(recording.write, self._database, [record])
            await asyncio.sleep(wait_s)
        return record.key in await asyncio.to_thread(recording.write, self._database, [record])


def _trouble_of(record: ItemRecord) -> Trouble | None:
    last = record.attempts[-1].trouble if record.attempts else None
    return Trouble(last) if last in set(Trouble) else None
