"""The faults of a soak, and when each of them comes."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from storage import workers
from tests.faults.scene import Scene, Service, wait_until
from tests.faults.soak.census import children
from tests.faults.soak.patient import known, soon
from tests.faults.soak.repeats import in_hand
from tests.support.postgres_server import PostgresServer

STORM = "429=0.3,500=0.2,503=0.2"
GRACE_S = 90.0
UP_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault that is to come: when, which, and for how long it lasts where it lasts."""

    at_s: float
    fault: str
    lasts_s: float
    tier: str


def plan(random: Random, faults: Sequence[str], every_s: float, until_s: float, longest_s: float) -> list[Planned]:
    """Return one fault for each `every_s`, at a random moment of its first half; each kind as often as the others."""
    planned: list[Planned] = []
    bag: list[str] = []
    for number in range(int(until_s // every_s)):
        if not bag:
            bag = random.sample(faults, len(faults))
        at_s = (number + random.uniform(0.0, 0.5)) * every_s
        planned.append(
            Planned(at_s, bag.pop(), random.uniform(longest_s / 4, longest_s), random.choice(["cheap", "expensive"]))
        )
    return planned


class Strikes:
    """Plays faults on a scene. `services` are those that serve now, by tier; a deploy puts others in their place."""

    def __init__(self, scene: Scene, postgres: PostgresServer, services: dict[str, Service]) -> None:
        self._scene = scene
        self._postgres = postgres
        self._services = services
        self.killed_holding: Counter[str] = Counter()
        """What the workers that were killed held, by model and document: each may have cost a call nobody recorded."""
        self.unexpected: list[str] = []
        self._pause = threading.Event()
        self._play: dict[str, Callable[[Planned], None]] = {
            "kill -9 worker": self._kill_worker,
            "kill -9 Redis": self._kill_redis,
            "FLUSHALL": lambda _: scene.redis.forget_everything(),
            "kill -9 PostgreSQL": lambda planned: self._postgres_away(planned, postgres.kill),
            "restart PostgreSQL": lambda planned: self._postgres_away(planned, postgres.stop),
            "SIGTERM deploy": self._deploy,
            "storm of 429 and 5xx": self._storm,
            "provider refuses": self._refuse,
        }

    def play(self, planned: Planned) -> None:
        """Play a fault; returns when it is over, however long it takes to recover from it."""
        self._play[planned.fault](planned)

    def _kill_worker(self, planned: Planned) -> None:
        # Stopped first: what it holds then is what dies with it, and nobody has taken any of it back yet.
        processes = children(self._services[planned.tier].process.pid)
        for worker in processes:
            os.kill(worker, signal.SIGSTOP)
        self.killed_holding += soon(lambda: in_hand(self._scene.database, planned.tier))
        for worker in processes:
            os.kill(worker, signal.SIGKILL)

    def _kill_redis(self, planned: Planned) -> None:
        self._scene.redis.kill()
        self._pause.wait(planned.lasts_s / 4)
        self._scene.redis.start()

    def _postgres_away(self, planned: Planned, strike: Callable[[], None]) -> None:
        strike()
        self._pause.wait(planned.lasts_s / 2)
        self._postgres.start()

    def _deploy(self, planned: Planned) -> None:
        service = self._services[planned.tier]
        service.process.send_signal(signal.SIGTERM)
        successor = self._services[planned.tier] = self._scene.serve(planned.tier)
        status = service.process.wait(2 * GRACE_S)
        if status:
            self.unexpected.append(f"a worker of {planned.tier} that was asked to leave ended with {status}")
        # A deploy is over when its worker is there. One that starts while the ledger is away ends, and says so.
        if wait_until(lambda: self._serves(successor), UP_WITHIN_S) is None:
            self.unexpected.append(f"a worker of {planned.tier} that was deployed did not come up")

    def _serves(self, service: Service) -> bool:
        reports = known(lambda: workers.running(self._scene.database)) or []
        return any(f"-{service.process.pid}-" in report.name for report in reports)

    def _storm(self, planned: Planned) -> None:
        self._scene.server.begin_storm(seconds=planned.lasts_s, faults=STORM)
        self._pause.wait(planned.lasts_s)

    def _refuse(self, planned: Planned) -> None:
        self._scene.server.begin_storm(seconds=planned.lasts_s, connections="refused")
        self._pause.wait(planned.lasts_s)


FAULTS = (
    "kill -9 worker",
    "kill -9 Redis",
    "FLUSHALL",
    "kill -9 PostgreSQL",
    "restart PostgreSQL",
    "SIGTERM deploy",
    "storm of 429 and 5xx",
    "provider refuses",
)
