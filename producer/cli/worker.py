"""`worker`: a supervised worker process in the foreground."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from producer.cli.output import say
from producer.cli.parameters import DeploymentOption  # noqa: TC001 - typer reads annotations at run time

QueuesArgument = Annotated[
    list[str], typer.Argument(metavar="QUEUE", help="The queues to serve; each is named after its tier.")
]


def worker(
    queues: QueuesArgument,
    *,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Calls in flight; otherwise as the deployment says.")
    ] = None,
    chunk: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Items per message; otherwise as the deployment says.")
    ] = None,
    deployment: DeploymentOption = None,
) -> None:
    """Serve queues until it is stopped.

    Ctrl-C and SIGTERM let calls in flight finish. Needs REDIS_URL, or a `cheapfirst run` in this folder. The worker
    process is replaced when it ends or stands still. `celery -A workers.app worker -Q QUEUE` runs the same process
    without that care.
    """
    from producer.worker import serving
    from workers.settings import read_settings

    stopped = threading.Event()
    with serving(read_settings(), deployment, tuple(queues), concurrency, chunk):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        say(f"Serving {', '.join(queues)}. Ctrl-C stops it.")
        stopped.wait()
        say("Stopping; calls in flight are finished first.")
