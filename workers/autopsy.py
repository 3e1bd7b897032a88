"""Whom the death of a worker process counts against, by what its black box says.

A death while one item's own code ran counts against that item alone. One by SIGKILL while none ran came from outside,
and counts against none. Of any other nobody knows the reason: it counts against everything the process held, as the
loss of a whole machine does.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.errors import CheapfirstError
from storage import dead_workers
from workers.told_item import told

if TYPE_CHECKING:
    from storage.database import Database
    from workers.black_box import LastWords


@dataclass(frozen=True, slots=True)
class Death:
    """A process that is gone: its name, its last words and its exit status (-9 where SIGKILL ended it)."""

    worker: str
    last_words: LastWords
    status: int

    @property
    def acquits(self) -> bool:
        """Whether it is known whom it counts against, so that the rest of what it held is clear of it."""
        return bool(self.last_words.process) and (self.last_words.item is not None or self.status == -signal.SIGKILL)

    def __str__(self) -> str:
        """Say it for the log."""
        said = f"Worker {self.worker} ended with status {self.status}"
        if self.last_words.item is None:
            return said
        return f"{said} while it handled {told(*self.last_words.item)}"


class Autopsies:
    """The deaths that the ledger has still to be told of; one that cannot be reached is told later."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._untold: list[Death] = []

    def add(self, death: Death) -> None:
        """Note a death."""
        if death.acquits:
            self._untold.append(death)

    def tell(self) -> None:
        """Tell the ledger of every death it does not know of."""
        while self._untold:
            words = self._untold[0].last_words
            try:
                dead_workers.acquit(self._database, words.process, culprit=words.item)
            except CheapfirstError:
                return
            del self._untold[0]
