"""`cancel`, `pause`, `resume`, `retry` and `scale`: changing what runs."""

from __future__ import annotations

import threading
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from producer.cli.output import print_text, say
from producer.cli.parameters import BudgetOption, JobArgument  # noqa: TC001 - typer reads annotations at run time
from routing.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from storage.database import Database

IN_FORCE_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.1


def cancel(job: JobArgument = None) -> None:
    """Let no further item of a job be called.

    Calls in flight end and are paid, and what is done stays. When this returns, no other call begins.
    """
    from producer.halting import cancel_job
    from producer.ledger import find_job, open_ledger
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        found = find_job(database, job)
        if not cancel_job(database, found.id):
            raise UsageError(f"{found.name} cannot be cancelled: it is {found.state}.")
        print_text(f"{found.name} is cancelled. `cheapfirst retry {found.name}` lets it go on.")


def pause(job: JobArgument = None) -> None:
    """Let no further item of a job be called until it is resumed.

    Calls in flight end and are paid. When this returns, no other call begins.
    """
    from producer.halting import pause_job
    from producer.ledger import find_job, open_ledger
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        found = find_job(database, job)
        if not pause_job(database, found.id):
            raise UsageError(f"{found.name} cannot be paused: it is {found.state}.")
        print_text(f"{found.name} is paused. `cheapfirst resume {found.name}` lets it go on.")


def resume(job: JobArgument = None) -> None:
    """Let a paused job go on.

    One that was stopped or cancelled goes on as well. Workers that run take it up within seconds; where none runs,
    repeat the `cheapfirst run` of this job.
    """
    from producer.ledger import find_job, open_ledger
    from storage import jobs
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        found = find_job(database, job)
        if not jobs.resume(database, found.id):
            raise UsageError(f"{found.name} cannot be resumed: it is {found.state}.")
        print_text(f"{found.name} is {jobs.find(database, found.name).state}.")
        _say_where_no_worker_runs(database)


def retry(job: JobArgument = None, *, budget: BudgetOption = None) -> None:
    """Queue the failed items of a job again.

    A job that was stopped or cancelled goes on. Workers that run take them up within seconds; where none runs, repeat
    the `cheapfirst run` of this job.
    """
    from producer.ledger import find_job, open_ledger
    from producer.retry import retry_job
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        found = find_job(database, job)
        retried = retry_job(database, found, budget)
        if not (retried.requeued or retried.resumed):
            raise UsageError(f"{found.name} has nothing to retry: it is {found.state}, and no item failed.")
        print_text(f"{found.name} runs again; {retried.requeued} failed items are queued.")
        _say_where_no_worker_runs(database)


def _say_where_no_worker_runs(database: Database) -> None:
    from storage import workers

    if not workers.running(database):
        say("No worker runs now: repeat the `cheapfirst run` of this job, or start `cheapfirst worker`.")


def scale(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="The queue, which is named after its tier.")],
    concurrency: Annotated[int, typer.Argument(metavar="N", min=1, max=10_000, help="Calls in flight per worker.")],
) -> None:
    """Change a queue's concurrency while it runs.

    Sets how many calls each worker of the queue keeps in flight, now and when it starts again.
    """
    from producer.ledger import open_ledger
    from storage import workers
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        before = _in_force(database, queue)
        if not before:
            raise NotFoundError(
                f"No worker of the queue `{queue}` runs now.", "`cheapfirst status` shows those that do."
            )
        workers.set_concurrency(database, queue, concurrency)
        deadline = monotonic() + IN_FORCE_WITHIN_S
        wait = threading.Event().wait
        shared = _of_several_queues(database)
        while not _followed(before, _in_force(database, queue), concurrency, shared) and monotonic() < deadline:
            wait(_LOOK_EVERY_S)
        after = _in_force(database, queue)
        print_text("\n".join(f"{name}: {before[name]} -> {after.get(name, 'gone')}" for name in before))


def _followed(before: Mapping[str, int], now: Mapping[str, int], wanted: int, shared: Collection[str]) -> bool:
    """Tell whether each worker has changed; one of several queues adds them up, so that the number says nothing."""
    return all(
        now.get(name) != concurrency or (concurrency == wanted and name not in shared)
        for name, concurrency in before.items()
    )


def _of_several_queues(database: Database) -> set[str]:
    from storage import workers

    queues = Counter(worker.name for worker in workers.running(database))
    return {name for name, count in queues.items() if count > 1}


def _in_force(database: Database, queue: str) -> dict[str, int]:
    from storage import workers

    return {worker.name: worker.concurrency for worker in workers.running(database) if worker.queue == queue}
