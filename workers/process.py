"""One worker process: Celery's own worker on our application, without Celery's command line.

`celery -A workers.app worker` runs the same worker; it loads all of its commands first, Flower's among them, which are
14 MB that a worker never uses.
"""

from __future__ import annotations

import argparse
import sys


def main() -> None:
    """Work until the process is told to stop, and exit with the worker's status."""
    options = _options()
    from workers.app import app

    worker = app.Worker(
        queues=options.queues.split(","),
        hostname=options.name,
        concurrency=options.concurrency,
        loglevel="INFO",
        task_events=True,
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    sys.exit(worker.exitcode)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="workers.process", description=main.__doc__)
    parser.add_argument("--queues", required=True, help="their names, with commas between")
    parser.add_argument("--name", required=True, help="what the worker is called, @ and the host after it")
    parser.add_argument("--concurrency", type=int, help="calls in flight; the deployment's where it is left out")
    return parser.parse_args()


if __name__ == "__main__":
    main()
