"""The Python API: the calls the command line makes, for programs."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Self

from producer.enqueue import enqueue
from producer.halting import cancel_job, pause_job
from producer.ledger import open_ledger
from producer.progress import average_pace, figures, watch
from producer.report import job_report
from producer.results import read_results
from producer.retry import retry_job
from producer.services import with_running_broker
from producer.submit import Order
from producer.task_folder import load_task
from routing.errors import CheapfirstError
from storage import jobs, progress, workers
from storage.states import JobState
from workers.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal
    from types import TracebackType

    from producer.results import ResultRow
    from producer.retry import Retried
    from storage.database import Database
    from workers.settings import Settings

LOOK_EVERY_S = 0.5


class WaitTimeoutError(CheapfirstError):
    """The job goes on, but not all of it ended within the time that was given."""


class JobStoppedError(CheapfirstError):
    """The job was stopped or cancelled before all of its items ended; the message says by what."""


class Client:
    """Submits jobs to the configured services and reads what comes of them. Close it, or use it as a context.

    It reads the same environment as the command line (REDIS_URL, DATABASE_URL, CHEAPFIRST_HOME, ...) and uses the
    broker of a `cheapfirst run` in this home where none is configured. It starts no workers: they run elsewhere, or
    beside it as `cheapfirst worker cheap expensive`. Raises what opening the ledger raises.
    """

    def __init__(self, settings: Settings | None = None, deployment: Path | str | None = None) -> None:
        self.settings = with_running_broker(settings or read_settings())
        self._deployment = None if deployment is None else Path(deployment)
        with ExitStack() as opening:
            self._database = opening.enter_context(open_ledger(self.settings, create=True))
            self._open = opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the ledger. Jobs go on."""
        self._open.close()

    def submit(
        self,
        task: Path | str,
        *inputs: Path | str,
        name: str | None = None,
        labels: Path | str | None = None,
        budget_usd: Decimal | None = None,
        strict: bool = False,
    ) -> Job:
        """Check every input, write the job down and put it on the queues; the same again is the same job.

        Raises InvalidFileError for a task or deployment file, InputsRefusedError, JobConflictError where the name is
        taken by other content, ServiceUnreachableError.
        """
        order = Order(load_task(Path(task)), inputs, name, strict, None if labels is None else Path(labels), budget_usd)
        submitted = enqueue(self._database, self.settings, order, deployment=self._deployment, task_path=Path(task))
        return Job(self._database, submitted.job.name)

    def job(self, reference: str) -> Job:
        """Return the job with this name or number. Raises NotFoundError."""
        return Job(self._database, jobs.find(self._database, reference).name)


class Job:
    """One job in the ledger. Every call reads how it stands at that moment."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self.name = name

    def wait(self, timeout_s: float | None = None) -> Self:
        """Return once every item has ended.

        Raises WaitTimeoutError, and JobStoppedError where the job was cancelled, paused or stopped by its budget or a
        provider's refusal.
        """
        deadline = None if timeout_s is None else monotonic() + timeout_s
        standing = None
        for look in watch(self._database, self.name, LOOK_EVERY_S, threading.Event().wait, monotonic):
            standing = look.progress.job
            if standing.items_open and deadline is not None and monotonic() >= deadline:
                raise WaitTimeoutError(
                    f"{self.name} has {standing.items_open} items open after {timeout_s} s.",
                    "Are workers running? `cheapfirst status` lists them.",
                )
        assert standing is not None
        if standing.state is not JobState.DONE:
            raise JobStoppedError(f"{self.name} is {standing.state}.", standing.stop_detail)
        return self

    def status(self) -> dict[str, object]:
        """Return how the job stands, as `cheapfirst status --json` prints it; money is `Decimal` dollars."""
        standing = progress.read(self._database, self.name)
        return figures(standing, average_pace(standing), workers.running(self._database))

    def results(self) -> Iterator[ResultRow]:
        """Yield a row for each item that has ended, in the order of the input."""
        yield from read_results(self._database, jobs.find(self._database, self.name).id)

    def report(self) -> dict[str, object]:
        """Return the report, as `cheapfirst report --json` prints it; money is `Decimal` dollars."""
        return job_report(self._database, self.name)

    def cancel(self) -> bool:
        """Let no further item be called, from when this returns. Return False where the job had ended already."""
        return cancel_job(self._database, jobs.find(self._database, self.name).id)

    def pause(self) -> bool:
        """Let no further item be called until `resume`, from when this returns. Return False where it did not run."""
        return pause_job(self._database, jobs.find(self._database, self.name).id)

    def resume(self) -> bool:
        """Let a paused, stopped or cancelled job go on. Return False for any other."""
        return jobs.resume(self._database, jobs.find(self._database, self.name).id)

    def retry(self, budget_usd: Decimal | None = None) -> Retried:
        """Queue failed items again and let a stopped job go on, with a new budget where one is given."""
        return retry_job(self._database, jobs.find(self._database, self.name), budget_usd)
