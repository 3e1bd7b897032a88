"""What a claim costs at most is reserved before anything of it is called, where there is a budget.

The most an item can cost is known by its prompts, which are written for that on the event loop with the item in the
black box, under its lease: a template that ends or holds the process there counts against its document alone.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from storage import paying
from storage.reserving import SpendingRules
from workers.chunk import Chunk
from workers.told_item import told

if TYPE_CHECKING:
    from storage.claims import Claim, ClaimedItem
    from storage.database import Database
    from storage.paying import Payment
    from storage.reserving import DayBudget
    from workers.item_handler import ItemHandler
    from workers.loop_thread import LoopThread
    from workers.steered_task import SteeredTask

log = logging.getLogger(__name__)


class Payments:
    """Reserves for what one worker process claims. Safe to share between threads, but for the loop's own."""

    def __init__(
        self, database: Database, handler: ItemHandler, loop: LoopThread, day_budget: DayBudget | None
    ) -> None:
        self._database = database
        self._handler = handler
        self._loop = loop
        self._day_budget = day_budget

    @property
    def has_day_budget(self) -> bool:
        """Whether the deployment has a budget of a day."""
        return self._day_budget is not None

    def bounds(self, claim: Claim, task: SteeredTask) -> dict[int, int]:
        """Return the most each item can cost, by position; without those of which that cannot be said."""
        found: dict[int, int] = {}
        chunk = Chunk(len(claim.items))
        around = self._loop.black_box.around
        self._loop.spawn(
            [around(item.job_id, item.position, self._bound(item, task, found, chunk)) for item in claim.items]
        )
        chunk.wait()
        return found

    def pay(self, claim: Claim, task: SteeredTask, bounds: dict[int, int]) -> Payment:
        """Reserve so much. Raises ServiceUnreachableError; it may be tried again then."""
        spending = SpendingRules(on_exceed=task.frozen.budget.on_exceed, day=self._day_budget)
        return paying.pay(self._database, claim, bounds, spending)

    async def _bound(self, item: ClaimedItem, task: SteeredTask, found: dict[int, int], chunk: Chunk) -> None:
        try:
            found[item.position] = self._handler.upper_bound(task, item)
        except BaseException as error:  # noqa: BLE001 - it costs one item, as where it is called: its lease runs out
            log.error("Not handled: %s: %s", told(item.job_id, item.position), type(error).__name__)  # noqa: TRY400
        finally:
            chunk.settle_one()
