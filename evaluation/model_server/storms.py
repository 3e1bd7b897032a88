"""Storms: for a while many calls, or all of them, meet a fault, and then the server is as before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evaluation.model_server.faults import Fault, FaultPlan, parse_shares
from evaluation.model_server.faulty_answers import RETRY_AFTER
from routing.errors import UsageError

if TYPE_CHECKING:
    from evaluation.model_server.listener import Listener


class StormOrder(BaseModel):
    """What `POST /storm` asks for. `faults` are shares as the command line has them, `retry_after` goes with each 429.

    `connections`: `cut` ends every connection as the storm begins, with whatever was under way on it unanswered and not
    billed; `refused` takes no new ones either until it is over.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(gt=0)
    faults: str = ""
    retry_after: str = RETRY_AFTER
    connections: Literal["kept", "cut", "refused"] = "kept"


class Storms:
    """One storm at a time, begun over HTTP. Lives on the server's event loop.

    `generation` counts the times that connections were cut: what was under way before is answered no more.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._plan = FaultPlan({})
        self._over_at = 0.0
        self._coming_back: asyncio.Task[None] | None = None
        self.retry_after = RETRY_AFTER
        self.generation = 0

    def next_fault(self, request: bytes) -> Fault | None:
        """Return the fault this try of a request meets, None where it is answered."""
        return self._plan.next_fault(request) if asyncio.get_running_loop().time() < self._over_at else None

    async def begin(self, request: web.Request) -> web.Response:
        """Begin the storm that is asked for, in place of one that is not over."""
        try:
            order = StormOrder.model_validate_json(await request.read())
            plan = FaultPlan(parse_shares(order.faults))
        except (ValidationError, UsageError) as error:
            return web.Response(status=400, text=f"{error}\n")
        self._plan, self.retry_after = plan, order.retry_after
        self._over_at = asyncio.get_running_loop().time() + order.seconds
        if order.connections != "kept":
            self.generation += 1
            self._listener.cut(besides=request.transport)
        if order.connections == "refused":
            await self._listener.stop()
            self._coming_back = asyncio.create_task(self._come_back(order.seconds))
        return web.Response(text="ok\n")

    async def _come_back(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self._listener.start()
