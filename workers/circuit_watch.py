"""Stops jobs whose cheap model seems broken, as the sweeper goes round."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from routing.escalation_circuit import EscalationCircuit
from storage import jobs, sweeping
from storage.states import StopReason

if TYPE_CHECKING:
    from routing.escalation_circuit import Opened
    from storage.database import Database
    from storage.sweeping import EscalationCount

log = logging.getLogger(__name__)


class CircuitWatch:
    """One circuit for each tier of each active job that has escalated anything."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._circuits: dict[tuple[int, str], EscalationCircuit] = {}

    def look(self) -> None:
        """Look at every active job, and stop those whose circuit opens.

        A window begins with the job; that of one which was stopped, and let go on, where it is first seen here again.
        """
        counts = {(count.job_id, count.tier): count for count in sweeping.escalation_counts(self._database)}
        self._circuits = {key: circuit for key, circuit in self._circuits.items() if key in counts}
        for key, count in counts.items():
            circuit = self._circuits.get(key)
            if circuit is None:
                circuit = self._circuits[key] = self._begun(count)
            opened = circuit.look(count.verdicts, count.escalated)
            if opened is not None:
                del self._circuits[key]
                self._stop(count, opened)

    def _begun(self, count: EscalationCount) -> EscalationCircuit:
        spec = jobs.frozen_task(self._database, count.job_id).circuit
        verdicts, escalated = (count.verdicts, count.escalated) if count.was_stopped else (0, 0)
        return EscalationCircuit(spec, verdicts, escalated)

    def _stop(self, count: EscalationCount, opened: Opened) -> None:
        detail = (
            f"{opened.escalated} of the last {opened.verdicts} verdicts of {count.tier} sent items up: its model may be"
            " broken. `cheapfirst report` shows what failed, `cheapfirst retry` lets the job go on."
        )
        log.warning("Job %d stops: %s", count.job_id, detail)
        jobs.stop(self._database, count.job_id, StopReason.ESCALATIONS, detail)
