"""Point 3: kill -9 of PostgreSQL, a restart, and connections that are cut, while workers run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from routing.errors import ServiceUnreachableError
from tests.faults.scene import Scene, wait_until
from tests.faults.trial import Trial
from tests.support.postgres_server import PostgresServer

TIERS = ("cheap", "expensive")
FAULTS = ("kill -9", "restart", "connections cut")
GOES_ON = 20
"""More items than are in flight: some of them were claimed after the ledger came back."""
GOES_ON_WITHIN_S = 60.0
LEASE_S = 3.0
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"


@pytest.mark.timeout(3600)
def test_a_ledger_that_was_away_costs_no_call(
    make_scene: Callable[..., Scene], postgres_server: PostgresServer, trial: Trial
) -> None:
    """What was paid for meanwhile is kept and written; nothing is bought again, though every lease has run out."""
    scene = make_scene(latency_ms=trial.size(300, 500), lease_s=LEASE_S, cheap=(10, 2), expensive=(5, 1))
    faults = FAULTS * trial.size(1, 20)
    for tier in TIERS:
        scene.serve(tier)
    scene.submit(trial.size(240, 8000))
    recoveries = []
    for fault in faults:
        assert wait_until(lambda: all(scene.leases(tier) for tier in TIERS), 60) is not None
        threading.Event().wait(trial.random.uniform(0.0, trial.size(0.5, 5.0)))
        ended = scene.ended()
        _strike(postgres_server, fault, trial.random.uniform(LEASE_S, trial.size(2, 5) * LEASE_S))
        took = wait_until(lambda ended=ended: _goes_on(scene, ended), 3 * GOES_ON_WITHIN_S)
        assert took is not None
        recoveries.append(took)
    scene.place.run("scale", "cheap", "100")
    scene.place.run("scale", "expensive", "50")
    assert scene.wait_for_the_end(trial.size(120.0, 900.0))
    findings = scene.examine(recovered_s=max(recoveries))
    trial.report(3, f"PostgreSQL: {', '.join(FAULTS)}", findings, times=len(faults), lease_s=LEASE_S)
    assert (findings.lost, findings.duplicate_results, findings.unexpected) == (0, 0, ())
    assert findings.duplicate_paid_calls == 0, "no worker died"
    assert max(recoveries) <= GOES_ON_WITHIN_S


def _goes_on(scene: Scene, ended: int) -> bool:
    """Tell whether so many more have ended; this process's own connections may be cut as it asks."""
    try:
        return scene.ended() > ended + GOES_ON
    except ServiceUnreachableError:
        return False


def _strike(server: PostgresServer, fault: str, away_s: float) -> None:
    if fault == "connections cut":
        with closing(psycopg.connect(server.url("postgres"), autocommit=True)) as connection:
            connection.execute(CUT)
        return
    if fault == "kill -9":
        server.kill()
    else:
        server.stop()
    threading.Event().wait(away_s)
    server.start()
