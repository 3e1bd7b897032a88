"""The recorder: what has finished goes to the ledger four times a second, many items in one transaction.

Sooner where that is what the process waits for: chunks are claimed as others end, which they do once they are written.
"""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from routing.errors import ServiceUnreachableError
from routing.immutable import immutable
from storage import recording
from storage.database import kind_of
from storage.records import MOVES_ON
from workers.in_hand import InHand
from workers.pace import Pace
from workers.telemetry_setup import tell
from workers.told_item import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.database import Database
    from storage.records import ItemRecord
    from workers.publishing import Publisher
    from workers.telemetry import Telemetry

log = logging.getLogger(__name__)

GROUP_SIZE = 500
HURRYING_SHARE = 7 / 8
"""Where so much of what a process has in hand waits to be written, it has next to nothing else to do."""
HAND_ON_WAIT_S = 0.1
"""How long an escalated item waits for others to share its message."""
_RETRY_S = (0.1, 0.5, 1.0, 2.0, 5.0)


@immutable
class Finished:
    """A record on its way to the ledger, and what to call once it is there, or can never be."""

    record: ItemRecord
    on_settled: Callable[[], None]


class Recorder:
    """Writes records in groups from a thread of its own, and then publishes what was escalated.

    While the ledger cannot be reached, records are kept and tried again: what was paid for is written later, not
    bought again. A record that the ledger refuses by itself is given up with an error in the log; its lease runs out,
    and the item is claimed again.

    What the process has `in_hand` is counted by whoever claims and settles it.
    """

    def __init__(self, database: Database, publisher: Publisher, telemetry: Telemetry | None = None) -> None:
        self.in_hand = InHand()
        self._database = database
        self._publisher = publisher
        self._telemetry = telemetry
        self._queue: queue.SimpleQueue[Finished | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._hurry = threading.Event()
        self._to_hand_on: dict[str, list[tuple[int, int]]] = {}
        self._hand_on_at = 0.0
        self._pace = Pace()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def put(self, finished: Finished) -> None:
        """Take a record. Returns at once; safe from any thread."""
        self._queue.put(finished)
        if self._is_hurried():
            self._hurry.set()

    def close(self) -> None:
        """Write and publish what is left, then end. What cannot be written within one try is left to the sweeper."""
        self._closing.set()
        self._queue.put(None)
        self._hurry.set()
        self._thread.join()
        if self._telemetry is not None:
            self._telemetry.close()

    def _run(self) -> None:
        open_ = True
        while open_:
            group, open_ = self._next_group()
            if group:
                self._write(group)
                self._pace.wrote(monotonic())
            self._hand_on(at_once=not open_)

    def _next_group(self) -> tuple[list[Finished], bool]:
        """Return what is to be written together, and whether more may come."""
        try:
            first = self._queue.get(timeout=HAND_ON_WAIT_S)
        except queue.Empty:
            return [], True
        if first is None:
            return [], False
        # One by one they would wake this thread for each, beside the one that everything else runs in.
        self._wait_until(self._pace.due_at(monotonic()))
        return self._gathered([first])

    def _wait_until(self, due_at: float) -> None:
        self._hurry.clear()
        if not self._is_hurried():
            self._hurry.wait(max(0.0, due_at - monotonic()))

    def _is_hurried(self) -> bool:
        waiting = self._queue.qsize() + 1  # the first has been taken
        return self._closing.is_set() or waiting >= min(GROUP_SIZE, HURRYING_SHARE * self.in_hand.items)

    def _gathered(self, group: list[Finished]) -> tuple[list[Finished], bool]:
        with suppress(queue.Empty):
            while len(group) < GROUP_SIZE:
                finished = self._queue.get_nowait()
                if finished is None:
                    return group, False
                group.append(finished)
        return group, True

    def _write(self, group: list[Finished]) -> None:
        waits = iter(_RETRY_S)
        while True:
            try:
                changed = recording.write(self._database, [finished.record for finished in group])
            except ServiceUnreachableError as error:
                wait_s = next(waits, _RETRY_S[-1])
                log.warning("%d records wait for the ledger: %s", len(group), error)
                if self._closing.wait(wait_s):
                    break
            except Exception as error:  # noqa: BLE001 - anything the database refuses; one record must not block the rest
                self._write_apart(group, error)
                return
            else:
                self._settle(group, changed)
                return
        for finished in group:
            finished.on_settled()

    def _write_apart(self, group: list[Finished], error: Exception) -> None:
        if len(group) > 1:
            for finished in group:
                self._write([finished])
            return
        record = group[0].record
        # The message may quote values, so only the kind of error is told, and what is left of a database's own.
        log.error("The ledger refuses %s: %s", told(record.job_id, record.position), kind_of(error))
        group[0].on_settled()

    def _settle(self, group: list[Finished], changed: frozenset[tuple[int, int]]) -> None:
        for finished in group:
            record = finished.record
            if isinstance(record.next, MOVES_ON) and record.key in changed:
                if not self._to_hand_on:
                    self._hand_on_at = monotonic() + HAND_ON_WAIT_S
                self._to_hand_on.setdefault(record.next.tier, []).append(record.key)
            finished.on_settled()
        if self._telemetry is not None:
            tell(self._telemetry, [finished.record for finished in group])

    def _hand_on(self, *, at_once: bool) -> None:
        due = at_once or monotonic() >= self._hand_on_at
        for tier, keys in list(self._to_hand_on.items()):
            if due or len(keys) >= self._publisher.chunk(tier):
                del self._to_hand_on[tier]
                try:
                    self._publisher.publish(tier, sorted(keys))
                except ServiceUnreachableError as error:
                    log.warning("%d items of %s wait for the sweeper: %s", len(keys), tier, error)
