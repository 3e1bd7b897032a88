"""Everything a gateway for an application needs while it is open, put together and taken apart."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from producer.deployment_file import deployment_for
from producer.ledger import open_ledger
from producer.readiness import require_models
from producer.services import model_server_urls, with_running_broker
from producer.task_folder import load_task
from routing.money import NanoUsd, to_nano_usd
from routing.price import PriceList
from routing.task import BudgetSpec
from storage import live_items
from workers.accounting import Accountant
from workers.answer_cache import AnswerCache
from workers.black_box import BlackBox
from workers.engine import day_budget
from workers.gateway_setup import open_gateway
from workers.item_handler import ItemHandler
from workers.leases import Leases
from workers.live_pipeline import LivePipeline
from workers.live_upkeep import keep_leases, look_after_jobs
from workers.rollout_watch import RolloutWatch
from workers.running_jobs import RunningJobs
from workers.settings import read_settings
from workers.task_cache import TaskCache
from workers.telemetry_setup import open_telemetry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from gateway.gateway import Gateway as ModelGateway
    from routing.deployment import DeploymentSpec
    from routing.task import FrozenTask
    from storage.database import Database
    from storage.jobs import JobRecord
    from workers.settings import Settings

_NAME_DIGITS = 12


@dataclass(frozen=True, slots=True)
class LiveServices:
    """What runs while a gateway is open. Close it on the event loop it was opened on."""

    database: Database
    job: JobRecord
    task: FrozenTask
    pipeline: LivePipeline
    _models: ModelGateway
    _upkeep: Sequence[asyncio.Task[None]]
    _closing: asyncio.Event
    _ground: ExitStack

    async def aclose(self) -> None:
        """Let go of connections, the ledger and the model servers that were started here."""
        self._closing.set()
        await asyncio.gather(*self._upkeep)
        await self._models.aclose()
        await asyncio.to_thread(self._ground.close)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What is opened in a thread, because it blocks."""

    settings: Settings
    deployment: DeploymentSpec
    database: Database
    server_urls: Mapping[str, str]
    job: JobRecord
    task: FrozenTask
    tasks: TaskCache
    stack: ExitStack


async def open_services(task: Path, deployment: Path | None, settings: Settings | None) -> LiveServices:
    """Open the ledger with the task's live job, and start the model servers the deployment names.

    Raises UsageError for a task or deployment that is not there or wrong, ServiceUnreachableError.
    """
    ground = await asyncio.to_thread(_lay, task, deployment, settings)
    try:
        models = open_gateway(ground.settings, ground.deployment, ground.settings.redis_url, ground.server_urls)
    except BaseException:
        await asyncio.to_thread(ground.stack.close)
        raise
    database, spec = ground.database, ground.deployment
    leases = Leases(round(spec.workers.lease_s * 1000))
    telemetry = open_telemetry(ground.settings, spec.models)
    if telemetry is not None:
        ground.stack.callback(telemetry.close)
    handler = ItemHandler(
        database,
        models,
        Accountant(spec),
        spec.flags,
        AnswerCache(database, spec.models),
        RunningJobs(database),
    )
    pipeline = LivePipeline(
        database=database,
        tasks=ground.tasks,
        handler=handler,
        leases=leases,
        day_budget=day_budget(spec),
        telemetry=telemetry,
    )
    closing = asyncio.Event()
    upkeep = [
        asyncio.create_task(keep_leases(database, leases, closing)),
        asyncio.create_task(look_after_jobs(database, f"gateway-{uuid.uuid4().hex}", closing)),
    ]
    return LiveServices(database, ground.job, ground.task, pipeline, models, upkeep, closing, ground.stack)


def _lay(task_path: Path, deployment_path: Path | None, settings: Settings | None) -> _Ground:
    settings = with_running_broker(settings or read_settings())
    task = load_task(task_path)
    _, deployment = deployment_for(settings, deployment_path, task_path)
    require_models(deployment, task)
    with ExitStack() as opening:
        database = opening.enter_context(open_ledger(settings, create=True))
        server_urls = opening.enter_context(model_server_urls(settings, deployment.servers))
        job = _live_job(database, task)
        tasks = TaskCache(database, RolloutWatch(database), PriceList(deployment.models), BlackBox(None, ""))
        tasks.get(job.id)  # a task that does not compile here is told at once
        return _Ground(settings, deployment, database, server_urls, job, task, tasks, opening.pop_all())


def _live_job(database: Database, task: FrozenTask) -> JobRecord:
    # The amounts belong to the job: other ones must not make it another job.
    frozen = task.model_copy(update={"budget": BudgetSpec(on_exceed=task.budget.on_exceed)})
    return live_items.open_job(
        database,
        name=f"live-{task.name}-{frozen.fingerprint[:_NAME_DIGITS]}",
        task=frozen,
        budget=_nano_usd(task.budget.usd),
        item_budget=_nano_usd(task.budget.per_item_usd),
    )


def _nano_usd(usd: Decimal | None) -> NanoUsd | None:
    return None if usd is None else to_nano_usd(usd)
