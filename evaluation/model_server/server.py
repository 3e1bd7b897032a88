"""A real OpenAI- and Anthropic-compatible HTTP server for offline engines and recorded models."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from evaluation.model_server import wire
from evaluation.model_server.call_ledger import CallLedger
from evaluation.model_server.engine import EngineAnswer, NotRecordedError, RefusedError
from evaluation.model_server.faults import FaultPlan
from evaluation.model_server.faulty_answers import JSON, RETRY_AFTER, error_answer, faulty, is_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evaluation.model_server.engine import Engine, EngineRequest
    from evaluation.model_server.faults import Fault
    from evaluation.model_server.storms import Storms

MAX_REQUEST_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class Latency:
    """How long an answer takes: `median_s`, spread lognormally by `sigma` (0: always the same)."""

    median_s: float = 0.0
    sigma: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - a latency, not a secret

    def draw_s(self) -> float:
        """Return the latency of one answer."""
        return self.median_s * (self.random.lognormvariate(0.0, self.sigma) if self.sigma else 1.0)


class ModelServer:
    """Answers for `engines`, by model name, after `latency`, but for the shares of calls that meet a fault."""

    def __init__(
        self,
        engines: Mapping[str, Engine],
        latency: Latency | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        self._engines = dict(engines)
        self._latency = latency or Latency()
        self._faults = faults or FaultPlan({})
        self._storms: Storms | None = None
        self.ledger = CallLedger()

    def expose(self, application: web.Application, storms: Storms) -> None:
        """Let whoever may call the server begin storms, too."""
        self._storms = storms
        application.add_routes([web.post("/storm", storms.begin)])

    def application(self) -> web.Application:
        """Return the application, to be run by whoever serves it."""
        application = web.Application(client_max_size=MAX_REQUEST_BYTES)
        application.add_routes(
            [
                web.post("/v1/chat/completions", self._chat),
                web.post("/v1/messages", self._messages),
                web.get("/v1/models", self._models),
                web.get("/healthz", self._health),
                web.get("/calls", self._calls),
                web.get("/calls/totals", self._totals),
            ]
        )
        return application

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, wire.read_chat, wire.write_chat)

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, wire.read_messages, wire.write_messages)

    async def _answer(
        self,
        request: web.Request,
        read: Callable[[bytes], tuple[EngineRequest, dict[str, Any]]],
        write: Callable[[EngineRequest, dict[str, Any], EngineAnswer], bytes],
    ) -> web.StreamResponse:
        ledger = self.ledger
        ledger.in_flight += 1
        ledger.most_in_flight = max(ledger.most_in_flight, ledger.in_flight)
        try:
            body = await request.read()
            wanted, asked = read(body)
            ledger.count_call(wanted)
            fault, retry_after = self._next_fault(body)
            if fault is not None:
                ledger.faulty[fault] += 1
                return await faulty(request, fault, retry_after)
            engine = self._engines.get(wanted.model)
            if engine is None:
                return self._no_model(wanted.model)
            given = engine(wanted)
            answer = EngineAnswer(given) if isinstance(given, str) else given
            if await self._is_still_heard(request):
                ledger.count_answer(wanted, wire.tokens_asked(wanted, answer), wire.tokens_given(answer))
            else:
                ledger.cut[wanted.model] += 1
            return web.Response(body=write(wanted, asked, answer), content_type=JSON)
        except wire.BadRequestError as error:
            return error_answer(400, str(error), "invalid_request_error")
        except NotRecordedError as error:
            # Of this document only: a status that speaks of the model's name would stop the whole job.
            return error_answer(422, str(error), "not_recorded")
        except RefusedError as error:
            return error_answer(error.status, "the model refused this call when it was recorded", "recorded_refusal")
        finally:
            ledger.in_flight -= 1

    def _next_fault(self, body: bytes) -> tuple[Fault | None, str]:
        """Return the fault a call meets, and what goes with it where that is a 429."""
        stormy = None if self._storms is None else self._storms.next_fault(body)
        if self._storms is not None and stormy is not None:
            return stormy, self._storms.retry_after
        return self._faults.next_fault(body), RETRY_AFTER

    async def _is_still_heard(self, request: web.Request) -> bool:
        """Take the time of an answer, and tell whether no storm has cut its connection.

        A caller that goes away while an answer is made is billed for it, as one that dies is by any provider.
        """
        if is_gone(request):  # before anything was made: a storm may cut a call that was read and not begun
            return False
        generation = self._storms and self._storms.generation
        await asyncio.sleep(self._latency.draw_s())
        return generation == (self._storms and self._storms.generation)

    def _no_model(self, name: str) -> web.Response:
        known = ", ".join(sorted(self._engines))
        return error_answer(404, f"no model `{name[:100]}` here; there are: {known}", "model_not_found")

    async def _models(self, _request: web.Request) -> web.Response:
        listed = [{"id": name, "object": "model", "owned_by": "loopback"} for name in self._engines]
        return web.json_response({"object": "list", "data": listed})

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _calls(self, _request: web.Request) -> web.Response:
        return web.json_response(self.ledger.as_json())

    async def _totals(self, _request: web.Request) -> web.Response:
        return web.json_response(self.ledger.totals())
