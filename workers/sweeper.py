"""The sweeper: what dead workers held comes back, and what the ledger says is queued gets its message.

One process sweeps at a time; any may be it. Messages may be lost at any moment (a killed Redis, a killed worker), so
nothing but the ledger decides what is left to do.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from routing.errors import CheapfirstError, ServiceUnreachableError
from storage import roles, sweeping
from workers.outage_grace import OutageGrace
from workers.outage_log import OutageLog
from workers.watches import ROLE_LEASE_MS, WATCH_S, Watches

if TYPE_CHECKING:
    from storage.database import Database
    from workers.broker import Broker
    from workers.publishing import Publisher

log = logging.getLogger(__name__)

IDLE_MS = 2_000
"""How long an item must have been due before its message is taken for lost."""
PUBLISH_AT_ONCE = 10_000
"""Items published in one sweep of a tier; the next sweep goes on once these are consumed."""


class Sweeper:
    """Sweeps every two seconds from a thread of its own, until it is closed."""

    def __init__(
        self, database: Database, broker: Broker, publisher: Publisher, name: str, outages: OutageLog | None = None
    ) -> None:
        self._database = database
        self._broker = broker
        self._publisher = publisher
        self._name = name
        self._watches = Watches(database, name)
        self._grace = OutageGrace()
        self._outages = outages or OutageLog()
        self._own_outages = OutageLog(of="What sweeping needs")
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop sweeping; another process takes over within seconds."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(WATCH_S):
            for duty in (self._watches.look, self._sweep):
                try:
                    duty()
                except ServiceUnreachableError as error:
                    self._grace.begin()
                    if not self._outages.is_away:  # else that is told already
                        self._own_outages.away("Nothing is swept", error)
                except Exception as error:  # noqa: BLE001 - whatever it is, the next round may succeed
                    told = error if isinstance(error, CheapfirstError) else type(error).__name__
                    log.warning("%s failed: %s", duty.__qualname__, told)
                else:
                    if duty == self._sweep:
                        self._own_outages.back()

    def _sweep(self) -> None:
        if roles.hold(self._database, "sweeper", self._name, ROLE_LEASE_MS):
            sweep(self._database, self._broker, self._publisher, take_back=self._grace.is_over)


def sweep(database: Database, broker: Broker, publisher: Publisher, *, take_back: bool = True) -> int:
    """Release expired leases where asked, publish what waits without a message, and return the number of messages.

    What comes back from a dead worker has no message and is known by name, so that it goes to the front of its queue at
    once; what came back twice already goes to the end. Otherwise a tier is left alone while its queue holds messages,
    so that a long backlog is never published twice; behind a drained queue, what is published once more is at most what
    workers fetched and have not claimed yet.
    """
    broker.ping()  # or nothing is taken back: what has no message yet is best left where it is found
    published = _release(database, broker, publisher) if take_back else 0
    for tier in sorted(sweeping.waiting_tiers(database)):
        if broker.queue_length(tier) == 0:
            keys = sweeping.claimable(database, tier, IDLE_MS, PUBLISH_AT_ONCE)
            if keys:
                log.info("Publishing %d items of %s that wait without a message", len(keys), tier)
                published += publisher.publish(tier, keys)
    return published


def _release(database: Database, broker: Broker, publisher: Publisher) -> int:
    published = 0
    while (released := sweeping.release_expired(database)).requeued or released.quarantined:
        for tier, keys in released.requeued.items():
            # What may end a third worker waits until the rest has been worked off: it takes less with it then.
            published += publisher.publish(tier, [key for key in keys if key in released.doubtful])
            messages = publisher.publish(tier, [key for key in keys if key not in released.doubtful])
            broker.bring_forward(tier, messages)
            published += messages
        requeued = sum(map(len, released.requeued.values()))
        log.info("Leases ran out: %d items requeued, %d quarantined", requeued, released.quarantined)
    return published
