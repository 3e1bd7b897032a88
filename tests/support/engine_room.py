"""The engine of a worker process without Celery: the pipeline on a real ledger and a real loopback server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from gateway.gateway import Gateway
from gateway.pyreqwest_transport import PyreqwestTransport
from routing.deployment import DeploymentSpec
from routing.price import PriceList
from storage.database import Database
from workers.accounting import Accountant
from workers.answer_cache import AnswerCache
from workers.black_box import BlackBox
from workers.engine import day_budget
from workers.gate import Gate
from workers.item_handler import ItemHandler
from workers.leases import Leases
from workers.loop_thread import LoopThread
from workers.payments import Payments
from workers.pipeline import Pipeline
from workers.recorder import Recorder
from workers.rollout_watch import RolloutWatch
from workers.running_jobs import RunningJobs
from workers.task_cache import TaskCache
from workers.telemetry import Telemetry


@dataclass(slots=True)
class PublishedKeys:
    """Stands for the publisher: what was handed on, by tier."""

    size: int = 4
    keys: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def chunk(self, tier: str) -> int:
        """Return the size of a message."""
        return self.size

    def publish(self, tier: str, keys: Iterable[tuple[int, int]]) -> int:
        """Note the keys."""
        keys = list(keys)
        self.keys.setdefault(tier, []).extend(keys)
        return 1 if keys else 0


@dataclass(frozen=True, slots=True)
class EngineRoom:
    """What a test may look at."""

    pipeline: Pipeline
    gate: Gate
    leases: Leases
    published: PublishedKeys
    loop: LoopThread


@contextmanager
def engine_room(
    database: Database,
    deployment: DeploymentSpec,
    limit: int = 20,
    telemetry: Telemetry | None = None,
    lease_clock: Callable[[], float] = monotonic,
    black_box: BlackBox | None = None,
) -> Iterator[EngineRoom]:
    """Run the engine's parts on a ledger, as `workers.engine` puts them together."""
    loop = LoopThread(black_box)
    published = PublishedKeys()
    recorder = Recorder(database, published, telemetry)  # type: ignore[arg-type]
    leases = Leases(round(deployment.workers.lease_s * 1000), lease_clock)
    gateway = Gateway(deployment.models, {}, PyreqwestTransport(), jitter=lambda: 0.0)
    gate = Gate(limit)
    handler = ItemHandler(
        database,
        gateway,
        Accountant(deployment),
        deployment.flags,
        AnswerCache(database, deployment.models),
        RunningJobs(database),
        jitter=lambda: 0.0,
    )
    pipeline = Pipeline(
        database=database,
        tasks=TaskCache(database, RolloutWatch(database), PriceList(deployment.models), loop.black_box),
        handler=handler,
        leases=leases,
        gate=gate,
        loop=loop,
        recorder=recorder,
        payments=Payments(database, handler, loop, day_budget(deployment)),
    )
    try:
        yield EngineRoom(pipeline, gate, leases, published, loop)
    finally:
        recorder.close()
        loop.wait_for(gateway.aclose())
        loop.close()
