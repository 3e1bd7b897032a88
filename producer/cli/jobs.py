"""`status` and `jobs`: how jobs stand."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from producer.cli.output import print_json, print_text, stdout
from producer.cli.parameters import AsJson, JobArgument  # noqa: TC001 - typer reads annotations at run time

if TYPE_CHECKING:
    from storage.database import Database
    from storage.jobs import JobRecord
    from storage.workers import WorkerStanding

WATCH_EVERY_S = 1.0
_NO_WORKER = "No worker runs: repeat the `cheapfirst run` of this job, or start `cheapfirst worker`."


def status(
    job: JobArgument = None,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Keep showing it until the job ends or stops.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how a job stands.

    Each tier's counts, pace and time left, cost and saving so far, and the workers with their calls in flight. With
    --watch, the exit code is the job's own; with --json as well, a line of JSON is printed each second. In JSON,
    `workers` has an entry for each worker process, with the `queues` it serves and the calls of all of them together.
    """
    from producer.ledger import find_job, open_ledger
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        found = find_job(database, job)
        if watch:
            _watch(database, found.name, as_json=as_json)
        else:
            _show(database, found.name, as_json=as_json)


def _show(database: Database, name: str, *, as_json: bool) -> None:
    from producer.cli.progress_view import line
    from producer.drift import drift_remarks
    from producer.progress import Look, average_pace, figures
    from storage import progress, workers
    from storage.states import JobState

    standing = progress.read(database, name)
    running = workers.running(database)
    look = Look(standing, average_pace(standing))
    if as_json:
        print_json(figures(standing, look.pace, running))
        return
    idle = not running and standing.job.state is JobState.RUNNING
    remarks = [_NO_WORKER] if idle else [standing.job.stop_detail] if standing.job.stop_detail else []
    remarks += drift_remarks(database, [standing.job.task_name])
    print_text("\n".join([line(look), *map(_worker_line, workers.by_process(running)), *remarks]))


def _worker_line(worker: WorkerStanding) -> str:
    waits = ", waits for its provider" if worker.blocked else ""
    queues = ", ".join(worker.queues)
    return f"{queues}: {worker.in_flight} of {worker.concurrency} calls in flight in {worker.name}{waits}"


def _watch(database: Database, name: str, *, as_json: bool) -> None:
    from producer.cli.ending import of_job
    from producer.cli.progress_view import ProgressView
    from producer.json_text import json_line
    from producer.progress import figures, watch
    from storage import jobs, workers

    with ProgressView() as view:
        for look in watch(database, name, WATCH_EVERY_S, threading.Event().wait, monotonic):
            running = workers.running(database)
            if as_json:
                with stdout() as stream:
                    stream.write(json_line(figures(look.progress, look.pace, running)))
            else:
                view.show(look, running)
    raise typer.Exit(of_job(jobs.find(database, name)))


def list_jobs(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many of the newest to list.")] = 20,
    *,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs."""
    from producer.drift import drift_remarks
    from producer.ledger import open_ledger
    from producer.progress import job_figures
    from storage import jobs
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        newest = jobs.listing(database, limit)
        remarks = drift_remarks(database, sorted({job.task_name for job in newest}))
    if as_json:
        print_json([job_figures(job) for job in newest])
    else:
        print_text("\n".join([*map(_job_line, newest), *remarks]) or "There is no job yet.")


def _job_line(job: JobRecord) -> str:
    from producer.cli.progress_view import headline, money

    failed = f", {job.items_failed} failed" if job.items_failed else ""
    return f"{job.id:>5}  {headline(job)}{failed}, {money(job)}"
