"""The heartbeat of a worker process: it says how it stands, keeps its leases, and hears what a person has set."""

from __future__ import annotations

import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from routing.errors import CheapfirstError, ServiceUnreachableError
from storage import workers
from workers.outage_log import OutageLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.database import Database
    from workers.concurrency import Concurrency
    from workers.fair_share import FairShare
    from workers.leases import Leases

log = logging.getLogger(__name__)

BEAT_S = 1.0


class Vitals(Protocol):
    """What a heartbeat tells of the process it belongs to."""

    @property
    def idle_s(self) -> float:
        """Seconds since something was last claimed or settled."""
        ...

    @property
    def blocked(self) -> bool:
        """Whether everything in hand waits for a provider whose circuit is open."""
        ...


class Heartbeat:
    """Beats once a second from a thread of its own, until it is closed; short leases are extended in between, too.

    `on_beat` is called each time as well, `fair_share` where the process tunes itself. A ledger that cannot
    be reached is told to `outages` and tried again.
    """

    def __init__(
        self,
        *,
        database: Database,
        name: str,
        leases: Leases,
        concurrency: Concurrency,
        vitals: Vitals,
        on_beat: Callable[[], None],
        fair_share: FairShare | None = None,
        outages: OutageLog | None = None,
    ) -> None:
        self._database = database
        self._name = name
        self._leases = leases
        self._concurrency = concurrency
        self._vitals = vitals
        self._on_beat = on_beat
        self._fair_share = fair_share
        self._outages = outages or OutageLog()
        self._extended = monotonic()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop beating, and take the process off the list of workers."""
        self._closing.set()
        self._thread.join()
        try:
            workers.forget(self._database, self._name)
        except CheapfirstError as error:
            log.warning("%s", error)

    def _run(self) -> None:
        while True:
            self._on_beat()
            self._try(self._beat)
            beat_at = monotonic() + BEAT_S
            while (left_s := beat_at - monotonic()) > 0:
                if self._closing.wait(min(left_s, self._leases.extend_every_s)):
                    return
                self._try(self._keep_leases)

    def _try(self, duty: Callable[[], None]) -> None:
        try:
            duty()
        except ServiceUnreachableError as error:
            self._outages.away("The heartbeat is missed", error)
        except Exception as error:  # noqa: BLE001 - a process that lives must go on saying so
            log.warning("Heartbeat missed: %s", error if isinstance(error, CheapfirstError) else type(error).__name__)
        else:
            if duty == self._beat:  # the other does not always ask
                self._outages.back()

    def _keep_leases(self) -> None:
        # From before they are extended: what that took is no time they have.
        now = monotonic()
        if now - self._extended >= self._leases.extend_every_s:
            self._leases.extend(self._database)
            self._extended = now

    def _beat(self) -> None:
        self._keep_leases()
        self._concurrency.follow(workers.settings(self._database))
        for queue in self._concurrency.queues:
            workers.report(
                self._database,
                name=self._name,
                queue=queue,
                concurrency=self._concurrency.limit,
                in_flight=self._concurrency.in_flight,
                blocked=self._vitals.blocked,
                idle_ms=round(self._vitals.idle_s * 1000),
            )
        if self._fair_share is not None:
            self._fair_share.beat()
