"""The gateway for application code: one item at once, through the same three layers, into the same ledger."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import orjson

from producer.documents.storable import id_problem, text_problem, value_problem
from producer.live_answer import read_answer, stopped
from producer.live_services import open_services
from routing.errors import ProviderTroubleError, Trouble, UsageError
from storage import jobs, live_items
from storage.jobs import NewItem
from workers.live_pipeline import LiveItem

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from producer.live_answer import Answer
    from producer.live_services import LiveServices
    from routing.json_value import JsonObject
    from workers.settings import Settings

TIMEOUT_S = 60.0
_Result = TypeVar("_Result")


class Gateway:
    """Answers single documents of one task. Lives on one event loop; hundreds of calls may be under way at once.

    Opened by `async with`, or by the first call; close it. Open, it holds the ledger, one HTTP client, and the loopback
    model servers the deployment names, as `cheapfirst run` does; it needs no broker and no workers. Limits of a model
    (`rpm`, `tpm`) are kept where REDIS_URL is set. What is asked goes into the task's live job, `live-TASK-DIGEST`.
    """

    def __init__(
        self, task: Path | str, deployment: Path | str | None = None, *, settings: Settings | None = None
    ) -> None:
        self._task = Path(task)
        self._deployment = None if deployment is None else Path(deployment)
        self._settings = settings
        self._opening = asyncio.Lock()
        self._services: LiveServices | None = None
        self._at_work: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Finish and record what is being called, measure what was held out, and let go of everything."""
        self._closed = True
        while self._at_work:
            await asyncio.wait(self._at_work)
        async with self._opening:
            if self._services is not None:
                await self._services.aclose()
                self._services = None

    async def complete(
        self,
        text: str,
        hints: JsonObject | None = None,
        *,
        custom_id: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """Return the accepted answer for a text. Rules see `hints` as `metadata.NAME`.

        Raises AnswerRejectedError where the item failed, ProviderTroubleError where no answer came within `timeout_s`,
        JobStoppedError where no budget pays for it or the live job does not run, JobConflictError for a `custom_id`
        that was used before, UsageError for a text that cannot be stored or a task that is wrong. A caller that gives
        up, by time or cancellation, leaves no item behind: the call under way is finished and recorded, and the item
        ends as `abandoned` unless that call answered it.
        """
        custom_id = uuid.uuid4().hex if custom_id is None else custom_id
        services = await self._open()
        document = _document(text, hints or {}, custom_id, services.task.tiers[0].name)
        waited = LiveItem(services.job.id, 0, document.tier, asyncio.Event())
        # A task of its own: what is paid for is recorded, whatever becomes of the caller.
        answering = self._spawn(self._answer(services, waited, document, timeout_s))
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(answering)
        except TimeoutError:
            raise ProviderTroubleError(
                f"Item {custom_id} of {services.job.name} had no answer within {timeout_s:g} s.",
                waited.trouble or Trouble.TIMEOUT,
            ) from None
        finally:
            waited.given_up.set()

    async def _open(self) -> LiveServices:
        async with self._opening:
            if self._closed:
                raise UsageError("This gateway is closed.", "Make another one.")
            if self._services is None:
                self._services = await open_services(self._task, self._deployment, self._settings)
            return self._services

    def _spawn(self, work: Coroutine[object, object, _Result]) -> asyncio.Task[_Result]:
        task = asyncio.get_running_loop().create_task(work)
        self._at_work.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[_Result]) -> None:
        self._at_work.discard(task)
        if not task.cancelled():
            task.exception()  # seen, where nobody waits for it any more

    async def _answer(self, services: LiveServices, item: LiveItem, document: NewItem, timeout_s: float) -> Answer:
        item.position = await asyncio.to_thread(_add, services, document)
        is_answered = False
        try:
            is_answered = await services.pipeline.run(item)
            answer, is_held_out = await asyncio.to_thread(
                read_answer, services.database, services.job.name, document.custom_id
            )
        finally:
            if not is_answered:
                await services.pipeline.abandon(item)
        if is_held_out:
            self._spawn(self._measure(services, item, timeout_s))
        return answer

    async def _measure(self, services: LiveServices, accepted: LiveItem, timeout_s: float) -> None:
        """Run an accepted item on the last tier as well. Where that has no answer in time, it is done without."""
        standing = await asyncio.to_thread(live_items.standing, services.database, accepted.job_id, accepted.position)
        item = LiveItem(accepted.job_id, accepted.position, standing.tier, asyncio.Event())
        late = asyncio.get_running_loop().call_later(timeout_s, item.given_up.set)
        try:
            await services.pipeline.run(item)
        finally:
            late.cancel()
            await services.pipeline.abandon(item)


def _document(text: str, hints: JsonObject, custom_id: str, tier: str) -> NewItem:
    problem = id_problem(custom_id) or text_problem(text) or value_problem(hints)
    if problem:
        raise UsageError(f"This item cannot be stored: {problem}.")
    try:
        metadata = orjson.dumps(hints).decode()
    except TypeError:
        raise UsageError("These hints are not JSON.", "Give texts, numbers, flags, lists and objects.") from None
    return NewItem(custom_id, tier, text, metadata, None, None)


def _add(services: LiveServices, document: NewItem) -> int:
    position = live_items.add(services.database, services.job.id, document)
    if position is None and jobs.resume_on_new_day(services.database):
        position = live_items.add(services.database, services.job.id, document)
    if position is None:
        raise stopped(jobs.find(services.database, services.job.name))
    return position
