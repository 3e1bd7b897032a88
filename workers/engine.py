"""The engine of one worker process: everything that lives as long as it does, put together."""

from __future__ import annotations

import logging
import os
import signal
from typing import TYPE_CHECKING

from routing.errors import ServiceUnreachableError
from routing.money import to_nano_usd
from routing.price import PriceList
from storage import migrate
from storage.database import Database
from storage.reserving import DayBudget
from workers.accounting import Accountant
from workers.answer_cache import AnswerCache
from workers.black_box import BlackBox
from workers.broker import Broker
from workers.concurrency import Concurrency
from workers.fair_share import FairShare
from workers.gate import Gate
from workers.gateway_setup import open_gateway
from workers.heartbeat import BEAT_S, Heartbeat
from workers.item_handler import ItemHandler
from workers.leases import Leases
from workers.loop_thread import LoopThread
from workers.loop_watch import LoopWatch
from workers.one_cpu import OneCpu
from workers.outage_log import OutageLog
from workers.payments import Payments
from workers.pipeline import Pipeline
from workers.recorder import Recorder
from workers.rollout_watch import RolloutWatch
from workers.running_jobs import RunningJobs
from workers.self_tuning import SelfTuning
from workers.sweeper import Sweeper
from workers.task_cache import TaskCache
from workers.telemetry_setup import open_telemetry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

    from routing.deployment import DeploymentSpec
    from workers.publishing import Publisher
    from workers.settings import Settings

log = logging.getLogger(__name__)


class Engine:
    """Runs chunks for the queues of one process. Raises CheapfirstError where a service it needs is not there."""

    def __init__(
        self,
        *,
        name: str,
        queues: Sequence[str],
        limit: int,
        settings: Settings,
        redis_url: SecretStr,
        deployment: DeploymentSpec,
        publisher: Publisher,
    ) -> None:
        self.chunk = min(publisher.chunk(queue) for queue in queues)
        self._database = Database(settings.database_url)
        migrate.require_current(self._database)
        self._broker = Broker(redis_url)
        leases = Leases(round(deployment.workers.lease_s * 1000))
        self._loop = LoopThread(BlackBox(settings.black_box, leases.process))
        gate = Gate(limit)
        starts = {queue: deployment.queue(queue).concurrency for queue in queues}
        self.concurrency = Concurrency(gate, self._loop, starts, limit)
        tuned = any(deployment.queue(queue).self_tuning for queue in queues)
        tuning = SelfTuning(self.concurrency) if tuned else None
        self._gateway = open_gateway(settings, deployment, redis_url, pressure=tuning)
        self._recorder = Recorder(self._database, publisher, open_telemetry(settings, deployment.models))
        outages = OutageLog()
        prices = PriceList(deployment.models)
        handler = ItemHandler(
            self._database,
            self._gateway,
            Accountant(deployment),
            deployment.flags,
            AnswerCache(self._database, deployment.models),
            RunningJobs(self._database),
        )
        self.pipeline = Pipeline(
            database=self._database,
            tasks=TaskCache(
                self._database, RolloutWatch(self._database, outages=outages), prices, self._loop.black_box
            ),
            handler=handler,
            leases=leases,
            gate=gate,
            loop=self._loop,
            recorder=self._recorder,
            payments=Payments(self._database, handler, self._loop, day_budget(deployment)),
        )
        self._parent = settings.parent
        self._loop_watch = LoopWatch(self._loop, round(deployment.workers.lease_s / BEAT_S))
        self._one_cpu = OneCpu(self._loop)
        self._heartbeat = Heartbeat(
            database=self._database,
            name=name,
            leases=leases,
            concurrency=self.concurrency,
            vitals=self.pipeline,
            on_beat=self._on_beat,
            outages=outages,
            fair_share=None if tuning is None else FairShare(self._database, self._loop, tuning, queues),
        )
        self._sweeper = Sweeper(self._database, self._broker, publisher, name, outages)

    def _on_beat(self) -> None:
        self._loop_watch.beat()
        self._one_cpu.beat()
        if self._parent is not None and os.getppid() != self._parent:
            os.kill(os.getpid(), signal.SIGTERM)

    def unpark(self) -> None:
        """Put messages that a worker of another version laid aside back on this process's queues, if it can be done."""
        for queue in self.concurrency.queues:
            try:
                messages = self._broker.unpark(queue)
            except ServiceUnreachableError as error:
                log.warning("Parked messages of %s stay where they are: %s", queue, error)
            else:
                if messages:
                    log.info("%d parked messages are back on %s", messages, queue)

    def drain(self) -> None:
        """Begin nothing more; what is being called is finished."""
        self.pipeline.drain()

    def close(self) -> None:
        """Write down what is finished, and let go of every service. Nothing may run any more."""
        self._sweeper.close()
        self._recorder.close()
        self._heartbeat.close()
        self._loop.wait_for(self._gateway.aclose())
        self._loop.close()
        self._broker.close()
        self._database.close()


def day_budget(deployment: DeploymentSpec) -> DayBudget | None:
    """Return what all jobs of a deployment may spend in a day, None without a limit."""
    budget = deployment.budget
    return None if budget is None else DayBudget(to_nano_usd(budget.usd_per_day), budget.on_exceed)
