"""One call of one model: its tries, and the waits between them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gateway.asked_model import estimated_usage, tokens_asked
from gateway.headroom import headroom
from gateway.limits import HORIZON_S
from gateway.providers.provider import Manner
from gateway.refusals import refusal_of, step_down, trouble_of
from gateway.retry_after import retry_after_s
from routing.completion import Completion
from routing.errors import CallRefusedError, ProviderTroubleError, Trouble
from routing.immutable import immutable

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.asked_model import AskedModel
    from gateway.limits import LimitPort, RateLimit
    from gateway.patience import Patience
    from gateway.pressure import PressurePort
    from gateway.providers.provider import Call, Reply
    from gateway.transport import HttpAnswer, Transport

DEADLINE_FACTOR = 2
"""A call with all its tries may take this many times its model's `timeout_s`."""
FIRST_BACKOFF_S = 0.25
LONGEST_BACKOFF_S = 8.0
"""Also the longest rest of a model that a call waits out; a longer one is left to whoever asks."""
SETTLE_S = 1.0
"""How long an answer may be held up by the shared limit it was made under."""
_ANSWERED = range(200, 300)
_UNUSED = frozenset({Trouble.RATE_LIMITED, Trouble.OVERLOADED, Trouble.UNREACHABLE})
"""Troubles in which the provider counted no tokens, so that what was reserved is given back."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What every call of a process goes through."""

    transport: Transport
    limits: LimitPort
    clock: Callable[[], float]
    patience: Patience
    jitter: Callable[[], float]
    pressure: PressurePort | None


@immutable
class _Turn:
    """The right to send one request now: the breaker's era, and how long the request may take."""

    era: int
    timeout_s: float


class Asking:
    """Asks a model until it answers, refuses, or has had its tries or its time."""

    def __init__(self, ports: Ports, model: AskedModel, call: Call) -> None:
        self._ports = ports
        self._model = model
        self._call = call
        self._tokens = tokens_asked(call) + call.max_output_tokens
        self._deadline = ports.clock() + DEADLINE_FACTOR * model.spec.timeout_s
        self._http_calls = 0
        self._limit_wait_s = 0.0
        self._exchange_s = 0.0

    async def answer(self, tries: int) -> Completion:
        """Return the model's answer. Raises ProviderTroubleError or CallRefusedError."""
        trouble: ProviderTroubleError | None = None
        for tried in range(tries):
            try:
                return await self._try()
            except CallRefusedError as error:
                raise CallRefusedError(error.message, error.status, self._http_calls) from None
            except ProviderTroubleError as error:
                if error.trouble is Trouble.CIRCUIT_OPEN and trouble is not None:
                    break  # what this call met itself says more
                trouble = ProviderTroubleError(error.message, error.trouble, error.retry_after_s, self._http_calls)
                # On top of what it asks for: calls that were sent away together must not come back together.
                wait_s = error.retry_after_s + self._backoff_s(tried)
                if tried == tries - 1 or self._is_late(wait_s) or error.trouble is Trouble.CIRCUIT_OPEN:
                    break
            await self._ports.patience.pause(wait_s)  # outside of the handler, which would keep the body that came
            if self._ports.patience.hurried:
                break
        assert trouble is not None
        raise trouble

    def _backoff_s(self, tried: int) -> float:
        """Return a random wait up to a doubling bound ("full jitter": Brooker, AWS Architecture Blog, 2015)."""
        bound_s: float = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2.0**tried)
        return bound_s * self._ports.jitter()

    def _is_late(self, wait_s: float) -> bool:
        return self._ports.clock() + wait_s >= self._deadline

    async def _try(self) -> Completion:
        """Ask in the manner the model takes, learning it from refusals.

        What is learned is kept only once it brought an answer: a refusal may speak of this one document.
        """
        known = manner = self._model.manner
        while isinstance(told := await self._exchange(manner), Manner):
            manner = told
        if manner is not known:
            self._model.manner = manner
        return await self._completion(told)

    async def _exchange(self, manner: Manner) -> Reply | Manner:
        """Send one request when it may be sent. Return the reply, or the manner to try next."""
        turn = await self._turn()
        try:
            answer = await self._post(manner, turn)
            told = self._model.read(answer) if answer.status in _ANSWERED else self._refusal(answer, manner)
        except ProviderTroubleError as error:
            self._model.breaker.troubled(self._ports.clock(), turn.era, error.trouble, error.retry_after_s)
            if error.trouble is Trouble.RATE_LIMITED and self._ports.pressure is not None:
                self._ports.pressure.limited()
            if error.trouble in _UNUSED:
                await self._settle(-self._tokens)
            raise
        except CallRefusedError:
            self._answered()  # though not as hoped
            await self._settle(-self._tokens)
            raise
        self._answered()
        if isinstance(told, Manner):
            await self._settle(-self._tokens)
        elif self._ports.pressure is not None:
            self._ports.pressure.answered(self._exchange_s, 0.0 if self._limit_wait_s else headroom(answer.headers))
        return told

    async def _turn(self) -> _Turn:
        """Wait until a request may be sent. Raises ProviderTroubleError where that is not soon."""
        breaker, clock = self._model.breaker, self._ports.clock
        while True:
            await self._wait_out_rest()
            if self._model.limit is not None:
                await self._wait_for_limit(self._model.limit)
            timeout_s = min(self._model.spec.timeout_s, self._deadline - clock())
            if timeout_s > 0 and (era := breaker.begin(clock(), timeout_s)) is not None:
                return _Turn(era, timeout_s)
            await self._settle(-self._tokens, requests=-1)
            if timeout_s <= 0:
                raise ProviderTroubleError("No time was left for the call.", Trouble.TIMEOUT)

    async def _wait_out_rest(self) -> None:
        """Wait while the model rests, where that is short and no other model stands in for it."""
        spec, patience = self._model.spec, self._ports.patience
        while (rest_s := self._model.breaker.unavailable_for_s(self._ports.clock())) > 0:
            if rest_s > LONGEST_BACKOFF_S or self._is_late(rest_s) or spec.fallback or patience.hurried:
                told = f"Model `{spec.name}` was in trouble a moment ago."
                raise ProviderTroubleError(told, Trouble.CIRCUIT_OPEN, rest_s)
            await patience.wait_for_model(rest_s + self._backoff_s(0))

    async def _wait_for_limit(self, limit: RateLimit) -> None:
        """Reserve a request, and wait for its turn."""
        is_reserved = False
        while not is_reserved:
            wait_s = await self._reserve(limit)
            is_reserved = wait_s <= HORIZON_S
            if not is_reserved:
                # Some come back sooner than others, so that the horizon never runs empty.
                wait_s = min(wait_s - HORIZON_S, HORIZON_S / 2) + self._ports.jitter() * HORIZON_S / 2
            if wait_s > 0:
                await self._wait_our_turn(wait_s, is_reserved=is_reserved)

    async def _wait_our_turn(self, wait_s: float, *, is_reserved: bool) -> None:
        self._limit_wait_s += wait_s
        self._deadline += wait_s  # our own limit is no fault of the provider
        await self._ports.patience.pause(wait_s)
        if self._ports.patience.hurried:
            if is_reserved:
                await self._settle(-self._tokens, requests=-1)
            raise ProviderTroubleError("This process ends.", Trouble.CIRCUIT_OPEN)

    async def _reserve(self, limit: RateLimit) -> float:
        name = self._model.spec.name
        try:
            async with asyncio.timeout(self._deadline - self._ports.clock()):
                return await self._ports.limits.reserve(name, limit, self._tokens)
        except TimeoutError:
            told = f"The shared limit of `{name}` had no answer in time."
            raise ProviderTroubleError(told, Trouble.UNREACHABLE) from None

    async def _settle(self, tokens: int, requests: int = 0) -> None:
        if self._model.limit is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await self._ports.limits.settle(self._model.spec.name, self._model.limit, tokens, requests)

    async def _post(self, manner: Manner, turn: _Turn) -> HttpAnswer:
        model, clock = self._model, self._ports.clock
        began = clock()
        self._http_calls += 1
        # A copy: orjson leaves room for some eight times what it wrote, and this is kept as long as the call takes.
        body = bytes(memoryview(model.provider.body(self._call, manner)))
        answer = await self._ports.transport.post(model.url, model.headers, body, turn.timeout_s)
        self._exchange_s = clock() - began
        return answer

    def _refusal(self, answer: HttpAnswer, manner: Manner) -> Manner:
        """Return the manner to try next. Raises ProviderTroubleError or CallRefusedError where there is none."""
        trouble = trouble_of(answer, retry_after_s(answer.headers, datetime.now(UTC)))
        if trouble is not None:
            raise trouble
        lesser = step_down(answer, manner, self._model.shapes)
        if lesser is None:
            messages = (message.content for message in self._call.prompt.messages)
            raise refusal_of(answer, self._model.spec, self._model.headers.values(), messages)
        return lesser

    def _answered(self) -> None:
        was_open = self._model.breaker.is_open
        self._model.breaker.succeeded(self._ports.clock())
        if was_open:
            self._ports.patience.wake()

    async def _completion(self, reply: Reply) -> Completion:
        spec = self._model.spec
        usage = reply.usage or estimated_usage(self._call, reply)
        if spec.server:
            usage = replace(usage, estimated=True)  # no model counted them: a loopback server estimates
        await self._settle(usage.input + usage.output - self._tokens)
        return Completion(
            text=reply.text,
            finish_reason=reply.finish_reason,
            usage=usage,
            model=spec.name,
            provider_ms=self._exchange_s * 1000,
            limit_wait_ms=self._limit_wait_s * 1000,
            http_calls=self._http_calls,
            logprobs=reply.logprobs,
        )
