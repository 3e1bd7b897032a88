"""Running a job from beginning to end on this machine: services, workers, and a look at it now and then."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from producer.deployment_file import deployment_for
from producer.progress import watch
from producer.services import running_services
from routing.errors import ServiceUnreachableError
from storage import jobs
from storage.states import JobState
from workers.app import WorkerApp
from workers.broker import Broker
from workers.publishing import publish_job
from workers.supervisor import Supervisor, WorkerCommand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from producer.progress import Look
    from producer.services import Services
    from routing.deployment import DeploymentSpec
    from storage.database import Database
    from storage.jobs import JobRecord
    from workers.settings import Settings

LOOK_EVERY_S = 0.25
_STARTS_IN_VAIN = 3
_ERROR_TAIL_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job runs: the environment, and the deployment with the file it was read from."""

    settings: Settings
    deployment: DeploymentSpec
    deployment_file: Path


def place_for(settings: Settings, deployment: Path | None, task: Path) -> Place:
    """Return where a task runs. Raises UsageError where there is no deployment file, or mistakes in it."""
    file, spec = deployment_for(settings, deployment, task)
    return Place(settings, spec, file)


def run_job(
    database: Database,
    place: Place,
    job: JobRecord,
    on_look: Callable[[Look], None],
    on_services: Callable[[Services, ExitStack], None] = lambda _services, _stack: None,
) -> JobRecord:
    """Run a job with workers of its own, one for each tier, until it has ended or stopped; return how it stands then.

    Raises what `running_workers` raises.
    """
    if job.state is not JobState.RUNNING:
        return job
    tiers = [tier.name for tier in jobs.frozen_task(database, job.id).tiers]
    with running_workers(database, place, tiers, on_services) as running:
        return running.finish(job, on_look)


class RunningWorkers:
    """Workers that run on this machine, for one job after another."""

    def __init__(self, database: Database, place: Place, settings: Settings, supervisor: Supervisor) -> None:
        self._database = database
        self._place = place
        self._publisher = WorkerApp(settings, place.deployment).publisher
        self._supervisor = supervisor

    def finish(self, job: JobRecord, on_look: Callable[[Look], None]) -> JobRecord:
        """Run a job until it has ended or stopped; return how it stands then.

        Raises ServiceUnreachableError where the workers do not come up.
        """
        if job.state is not JobState.RUNNING:
            return job
        database, logs = self._database, self._place.settings.home / "logs"
        tiers = [tier.name for tier in jobs.frozen_task(database, job.id).tiers]
        publish_job(database, self._publisher, job.id, tiers)
        for look in watch(database, job.name, LOOK_EVERY_S, threading.Event().wait, monotonic):
            on_look(look)
            check_workers(self._supervisor.starts_in_vain, logs)
        return jobs.find(database, job.name)


@contextmanager
def running_workers(
    database: Database,
    place: Place,
    tiers: Sequence[str],
    on_services: Callable[[Services, ExitStack], None] = lambda _services, _stack: None,
) -> Iterator[RunningWorkers]:
    """Yield workers, one for each tier, with the services they need.

    `on_services` is called once the services are up, and may add what ends with them. When this returns or raises,
    calls that were in flight are finished and recorded, and every process that was started here has ended. Raises
    ServiceUnreachableError where services do not come up.
    """
    with ExitStack() as stack:
        services = stack.enter_context(running_services(place.settings, place.deployment, place.deployment_file))
        on_services(services, stack)
        assert services.settings.redis_url is not None
        broker = Broker(services.settings.redis_url)
        stack.callback(broker.close)
        broker.ping()
        supervisor = stack.enter_context(
            Supervisor(
                [WorkerCommand((tier,)) for tier in tiers],
                environment=services.environment,
                database=database,
                broker=broker,
                log_directory=place.settings.home / "logs",
                max_memory_mb=place.deployment.workers.max_memory_mb,
                lease_s=place.deployment.workers.lease_s,
            )
        )
        yield RunningWorkers(database, place, services.settings, supervisor)


def check_workers(starts_in_vain: Mapping[str, int], logs: Path) -> None:
    """Raise where workers end as soon as they start: nothing they are restarted for will change by itself."""
    for worker, starts in starts_in_vain.items():
        if starts >= _STARTS_IN_VAIN:
            log = logs / f"worker-{worker}.log"
            with log.open("rb") as file:
                file.seek(max(0, log.stat().st_size - _ERROR_TAIL_BYTES))
                last_line = file.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise ServiceUnreachableError(f"The workers end as soon as they start: {last_line}", f"Their log is {log}.")
