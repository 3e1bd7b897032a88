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
from evaluation.model_server.faults import Fault, FaultPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evaluation.model_server.engine import Engine, EngineRequest

MAX_REQUEST_BYTES = 64 * 1024 * 1024
HANG_S = 3600.0
_JSON = "application/json"


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
        self.ledger = CallLedger()

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
            fault = self._faults.next_fault(body)
            if fault is not None:
                ledger.faulty[fault] += 1
                return await _faulty(fault)
            wanted, asked = read(body)
            engine = self._engines.get(wanted.model)
            if engine is None:
                return self._no_model(wanted.model)
            given = engine(wanted)
            answer = EngineAnswer(given) if isinstance(given, str) else given
            await asyncio.sleep(self._latency.draw_s())
            ledger.count_answer(wanted, wire.tokens_asked(wanted, answer), wire.tokens_given(answer))
            return web.Response(body=write(wanted, asked, answer), content_type=_JSON)
        except wire.BadRequestError as error:
            return _error(400, str(error), "invalid_request_error")
        except NotRecordedError as error:
            # Of this document only: a status that speaks of the model's name would stop the whole job.
            return _error(422, str(error), "not_recorded")
        except RefusedError as error:
            return _error(error.status, "the model refused this call when it was recorded", "recorded_refusal")
        finally:
            ledger.in_flight -= 1

    def _no_model(self, name: str) -> web.Response:
        known = ", ".join(sorted(self._engines))
        return _error(404, f"no model `{name[:100]}` here; there are: {known}", "model_not_found")

    async def _models(self, _request: web.Request) -> web.Response:
        listed = [{"id": name, "object": "model", "owned_by": "loopback"} for name in self._engines]
        return web.json_response({"object": "list", "data": listed})

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _calls(self, _request: web.Request) -> web.Response:
        return web.json_response(self.ledger.as_json())


async def _faulty(fault: Fault) -> web.StreamResponse:
    match fault:
        case Fault.RATE_LIMITED:
            return _error(429, "too many requests", "rate_limit_exceeded", {"Retry-After": "1"})
        case Fault.SERVER_ERROR:
            return _error(500, "the server had an error", "server_error")
        case Fault.UNAVAILABLE:
            return _error(503, "the server is overloaded", "overloaded_error")
        case Fault.TIMEOUT:
            await asyncio.sleep(HANG_S)
            return _error(504, "gateway timeout", "timeout")
        case Fault.GARBAGE:
            return web.Response(text="<html><body>Welcome to the proxy</body></html>", content_type="text/html")
        case Fault.TRUNCATED:
            return web.Response(text='{"choices": [{"message": {"content": "{', content_type=_JSON)


def _error(status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=wire.error_body(message, code), status=status, content_type=_JSON, headers=headers)
