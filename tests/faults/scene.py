"""A scene for faults: real Redis, PostgreSQL, model server over HTTP, and worker processes as users start them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import select
from sqlmodel import col

from storage import jobs, migrate, progress
from storage.database import Database
from storage.states import JobState
from storage.tables import Item
from tests.faults.oracle import Findings, examine
from tests.support.redis_process import Persistence, RedisProcess
from tests.support.runs import COMMAND, ROOT, ModelServerProcess, Workplace, first_task, slow_engines

POLL_S = 0.05
END_WITHIN_S = 120.0


class Scene:
    """Services on loopback and the first task, whose every third invoice is beyond the cheap model.

    Entered, the services are up and the ledger is migrated unless it is left to the test. Workers are started with
    `serve`, documents submitted with
    `submit`; `redis` may be killed and started, `server` counts the calls, `database` is the ledger.
    """

    redis: RedisProcess
    server: ModelServerProcess
    database: Database
    place: Workplace
    job = ""

    def __init__(  # noqa: PLR0913 - the settings of a scene, each given by its name
        self,
        folder: Path,
        database_url: str,
        *,
        persistence: Persistence = "none",
        latency_ms: int = 200,
        lease_s: float = 3.0,
        max_memory_mb: int = 2048,
        timeout_s: float = 60.0,
        cheap: tuple[int, int] = (20, 4),
        expensive: tuple[int, int] = (10, 4),
        is_upgraded: bool = True,
    ) -> None:
        self._is_upgraded = is_upgraded
        self._folder = folder
        self._database_url = database_url
        self._persistence: Persistence = persistence
        self._latency_ms = latency_ms
        self.lease_s = lease_s
        self._max_memory_mb = max_memory_mb
        self.timeout_s = timeout_s
        self._queues = {"cheap": cheap, "expensive": expensive}
        self._ending = ExitStack()
        self.submitted: list[str] = []

    def __enter__(self) -> Self:
        with ExitStack() as ending:
            self.redis = ending.enter_context(RedisProcess(self._folder / "redis", self._persistence))
            (self._folder / "place").mkdir()
            place = first_task(self._folder / "place")
            workers = f"{{lease_s: {self.lease_s}, max_memory_mb: {self._max_memory_mb}}}"
            _configure(place.folder / "cheapfirst.yaml", self._queues, workers, self.timeout_s)
            environment = {
                "REDIS_URL": self.redis.url,
                "DATABASE_URL": self._database_url,
                "CHEAPFIRST_HOME": str(place.home),
            }
            slow, self.server = ending.enter_context(
                slow_engines(Workplace(place.folder, environment), self._latency_ms)
            )
            self.place = slow
            self.database = ending.enter_context(closing(Database(self._database_url)))
            if self._is_upgraded:
                migrate.upgrade(self.database)
            self._ending = ending.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.close()

    def serve(
        self,
        queue: str,
        *arguments: str,
        command: tuple[str, ...] = (*COMMAND, "worker"),
        place: Workplace | None = None,
    ) -> Service:
        """Start a process that serves a queue: `cheapfirst worker` of this build, unless another is given."""
        log = self._folder / f"{queue}.log"
        service = Service(place or self.place, (*command, queue, *arguments), log)
        self._ending.callback(service.end)
        return service

    def submit(self, count: int) -> None:
        """Submit so many invoices as one job."""
        self.place.invoices(count)
        self.submit_file(count)

    def submit_file(self, count: int) -> None:
        """Submit the invoices in the file that holds so many as one job."""
        self.submitted = [f"invoice-{number}" for number in range(1, count + 1)]
        submitted = self.place.run("submit", "invoices", "invoices.jsonl", "--json")
        assert submitted.code == 0, submitted.err
        self.job = submitted.json["job"]

    def stands(self) -> jobs.JobRecord:
        """Return the job as the ledger knows it."""
        return jobs.find(self.database, self.job)

    def ended(self) -> int:
        """Return how many items have ended."""
        job = self.stands()
        return job.items_done + job.items_failed

    def leases(self, tier: str) -> dict[int, str]:
        """Return the lease of each item that is in a worker's hands, by position."""
        with self.database.read() as connection:
            held = select(col(Item.position), col(Item.lease_token)).where(
                col(Item.tier) == tier, col(Item.lease_token).is_not(None)
            )
            return {row.position: row.lease_token for row in connection.execute(held)}

    def calls_without_a_record(self) -> int:
        """Return how many calls the provider has been sent, or has answered, that no record tells of.

        Exact while no worker runs.
        """
        calls = self.server.calls()
        recorded = sum(use.attempts for use in progress.models(self.database, self.stands().id))
        return int(calls["in_flight"] + sum(calls["answered"].values()) - recorded)

    def wait_for_the_end(self, within_s: float = END_WITHIN_S) -> bool:
        """Return whether the job ended in time."""
        return wait_until(lambda: self.stands().state is JobState.DONE, within_s) is not None

    def examine(self, *, may_fail: Collection[str] = (), recovered_s: float | None = None) -> Findings:
        """Return what the oracle finds."""
        return examine(
            self.database,
            self.job,
            self.submitted,
            self.server.calls(),
            is_right=is_right,
            may_fail=may_fail,
            recovered_s=recovered_s,
        )


class Service:
    """A process that serves a queue, with a log of its own, so that it never waits for somebody to read."""

    def __init__(self, place: Workplace, command: tuple[str, ...], log: Path) -> None:
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                command,
                cwd=place.folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)} | place.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def end(self) -> int:
        """Ask it to leave, and return its exit status once it has."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def is_right(custom_id: str, output: Any) -> bool:  # noqa: ANN401 - JSON
    """Tell whether an output is that of this invoice."""
    number = int(custom_id.removeprefix("invoice-"))
    return bool(output["total"] == number + 0.5 and output["number"] == f"N-{number}")


def wait_until(condition: Callable[[], bool], within_s: float) -> float | None:
    """Return after how many seconds something held, None where it did not in time."""
    began = time.monotonic()
    pause = threading.Event()
    while not condition():
        if time.monotonic() - began > within_s:
            return None
        pause.wait(POLL_S)
    return time.monotonic() - began


def _configure(deployment: Path, queues: dict[str, tuple[int, int]], workers: str, timeout_s: float) -> None:
    text = deployment.read_text().replace("server: offline", f"server: offline\n    timeout_s: {timeout_s}")
    services = "".join(
        f"  {queue}: {{concurrency: {concurrency}, chunk: {chunk}}}\n" for queue, (concurrency, chunk) in queues.items()
    )
    deployment.write_text(f"{text.partition('queues:')[0]}queues:\n{services}workers: {workers}\n")
