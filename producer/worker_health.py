"""Whether a worker runs on this host, for the health check of its container: `python -m producer.worker_health`.

A worker tells the ledger once a second that it is alive. Whether it makes progress is its supervisor's business.
"""

from __future__ import annotations

import socket
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from routing.errors import CheapfirstError
from storage.database import Database
from storage.workers import running
from workers.settings import read_settings

if TYPE_CHECKING:
    from storage.workers import WorkerReport


def workers_of_host(database: Database, host: str) -> list[WorkerReport]:
    """Return what the workers of one host said of themselves lately. Names of workers end with `@host`."""
    return [report for report in running(database) if report.name.endswith(f"@{host}")]


def main() -> int:
    """Print what the workers of this host said; return 0 where there is one, 1 where not, 3 without a ledger."""
    try:
        with closing(Database(read_settings().database_url, pool_size=1)) as database:
            reports = workers_of_host(database, socket.gethostname())
    except CheapfirstError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    for report in reports:
        sys.stdout.write(f"{report.name} {report.queue}: {report.in_flight} of {report.concurrency} calls in flight\n")
    return 0 if reports else 1


if __name__ == "__main__":
    sys.exit(main())
