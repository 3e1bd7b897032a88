"""A supervised worker process of configured services."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from producer.deployment_file import deployment_for
from producer.ledger import open_ledger
from producer.readiness import require_keys_and_prices
from producer.services import absolute_ledger, with_running_broker
from routing.errors import UsageError
from workers.broker import Broker
from workers.supervisor import Supervisor, WorkerCommand

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workers.settings import Settings


@contextmanager
def serving(
    settings: Settings,
    deployment: Path | None,
    queues: tuple[str, ...],
    concurrency: int | None,
    chunk: int | None,
) -> Iterator[None]:
    """Keep a worker process running for these queues while this is entered; it logs to our own output.

    Everything it needs is looked at first. Raises UsageError where no broker is configured or a file is wrong,
    ServiceUnreachableError where broker or ledger cannot be reached.
    """
    settings = with_running_broker(settings)
    if settings.redis_url is None:
        raise UsageError("REDIS_URL is not set.", "Set it to the broker's address, such as redis://:PASSWORD@HOST/0.")
    file, spec = deployment_for(settings, deployment)
    require_keys_and_prices(settings, spec)
    broker = Broker(settings.redis_url)
    environment = settings.environment() | {
        "CHEAPFIRST_DEPLOYMENT": str(file.absolute()),
        "DATABASE_URL": absolute_ledger(settings),
        "REDIS_URL": settings.redis_url.get_secret_value(),
    }
    try:
        broker.ping()
        with (
            open_ledger(settings) as database,
            Supervisor(
                [WorkerCommand(queues, concurrency, chunk)],
                environment=environment,
                database=database,
                broker=broker,
                log_directory=None,
                max_memory_mb=spec.workers.max_memory_mb,
                lease_s=spec.workers.lease_s,
            ),
        ):
            yield
    finally:
        broker.close()
