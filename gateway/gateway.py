"""The gateway: one way to ask any model, whatever its provider."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gateway.breaker import Breaker
from gateway.limits import LimitPort, NoLimits, RateLimit
from gateway.providers.anthropic import AnthropicProvider
from gateway.providers.openai import OpenAiProvider
from gateway.providers.provider import Call, Manner, Shape
from gateway.refusals import refusal_of, step_down, trouble_of
from gateway.retry_after import retry_after_s
from routing.completion import Completion, Message, Prompt, TokenUsage
from routing.errors import NotFoundError, ProviderTroubleError, Trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pydantic import SecretStr

    from gateway.providers.provider import Provider, Reply
    from gateway.transport import HttpAnswer, Transport
    from routing.deployment import ModelSpec

DEADLINE_FACTOR = 2
"""A call with all its tries may take this many times its model's `timeout_s`."""
MAX_TRIES = 4
FIRST_BACKOFF_S = 0.25
LONGEST_BACKOFF_S = 8.0
CHARACTERS_PER_TOKEN = 4
"""A usual estimate where a provider counts nothing; such counts are marked as estimated."""

_PROVIDERS: Mapping[str, Provider] = {"openai": OpenAiProvider(), "anthropic": AnthropicProvider()}


@dataclass(slots=True)
class _Model:
    """A model with what is learned of it while it is used."""

    spec: ModelSpec
    provider: Provider
    url: str
    headers: Mapping[str, str]
    manner: Manner
    breaker: Breaker
    limit: RateLimit | None


@dataclass(slots=True)
class _Progress:
    """What one `complete` has done so far."""

    deadline: float
    http_calls: int = 0
    limit_wait_s: float = 0.0


class Gateway:
    """Asks models. Lives on one event loop; hundreds of calls may be under way at once.

    `models` carry their address, `keys` are by model name. The ports default to their null forms: no shared limits,
    the monotonic clock, asyncio's sleep, real randomness.
    """

    def __init__(
        self,
        models: Mapping[str, ModelSpec],
        keys: Mapping[str, SecretStr],
        transport: Transport,
        *,
        limits: LimitPort | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._models = {name: _model(spec, keys.get(name)) for name, spec in models.items()}
        self._transport = transport
        self._limits = limits or NoLimits()
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    async def complete(
        self, model: str, prompt: Prompt, *, max_output_tokens: int, logprobs: bool = False
    ) -> Completion:
        """Ask a model and return its answer, from the first of its fallbacks where it is in trouble itself.

        Raises ProviderTroubleError where none of them could answer within their deadlines, CallRefusedError where one
        will never accept this call, NotFoundError for a model the deployment does not have.
        """
        first = self._find(model)
        try:
            return await self._ask(first, prompt, max_output_tokens, logprobs=logprobs)
        except ProviderTroubleError as trouble:
            for name in first.spec.fallback:
                try:
                    return await self._ask(self._find(name), prompt, max_output_tokens, logprobs=logprobs)
                except ProviderTroubleError:
                    continue
            raise trouble from None

    def unavailable_for_s(self, model: str) -> float:
        """Return how long neither a model nor any of its fallbacks may be called, 0 where one may now."""
        now = self._clock()
        names = (model, *self._find(model).spec.fallback)
        return min(self._find(name).breaker.unavailable_for_s(now) for name in names)

    async def probe(self, model: str) -> None:
        """Make the smallest call that proves that a model can be reached and accepts its key. Raises as `complete`."""
        prompt = Prompt(
            (Message("user", "Answer with {}."),),
            {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
        )
        await self._ask(self._find(model), prompt, max_output_tokens=16, logprobs=False)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()
        await self._limits.aclose()

    def _find(self, model: str) -> _Model:
        try:
            return self._models[model]
        except KeyError:
            raise NotFoundError(f"The deployment has no model `{model}`.", "Add it under `models`.") from None

    async def _ask(self, model: _Model, prompt: Prompt, max_output_tokens: int, *, logprobs: bool) -> Completion:
        call = Call(model.spec.model, prompt, max_output_tokens, model.spec.temperature, logprobs)
        progress = _Progress(self._clock() + DEADLINE_FACTOR * model.spec.timeout_s)
        for tried in range(MAX_TRIES):
            try:
                return await self._try(model, call, progress)
            except ProviderTroubleError as error:
                wait_s = max(error.retry_after_s, self._backoff_s(tried))
                late = self._clock() + wait_s >= progress.deadline
                if tried == MAX_TRIES - 1 or late or error.trouble is Trouble.CIRCUIT_OPEN:
                    raise
                await self._sleep(wait_s)
        raise AssertionError("unreachable")  # pragma: no cover - the last try returns or raises

    def _backoff_s(self, tried: int) -> float:
        """Return a random wait up to a doubling bound ("full jitter": Brooker, AWS Architecture Blog, 2015)."""
        bound_s: float = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2.0**tried)
        return bound_s * self._jitter()

    async def _try(self, model: _Model, call: Call, progress: _Progress) -> Completion:
        estimate = await self._wait_for_limit(model, call, progress)
        now = self._clock()
        timeout_s = min(model.spec.timeout_s, progress.deadline - now)
        if timeout_s <= 0:
            raise ProviderTroubleError("The shared limit left no time for the call.", Trouble.RATE_LIMITED)
        if not model.breaker.begin(now, timeout_s):
            raise ProviderTroubleError(
                f"Model `{model.spec.name}` was in trouble a moment ago.",
                Trouble.CIRCUIT_OPEN,
                model.breaker.unavailable_for_s(now),
            )
        try:
            reply = await self._exchange(model, call, timeout_s, progress)
        except ProviderTroubleError as error:
            model.breaker.troubled(self._clock(), error.trouble, error.retry_after_s)
            raise
        model.breaker.succeeded()
        usage = reply.usage or _estimated(call, reply)
        if model.spec.server:
            usage = replace(usage, estimated=True)  # no model counted them: a loopback server estimates
        if model.limit is not None:
            await self._limits.settle(model.spec.name, model.limit, usage.input + usage.output - estimate)
        return Completion(
            text=reply.text,
            finish_reason=reply.finish_reason,
            usage=usage,
            model=model.spec.name,
            provider_ms=(self._clock() - now) * 1000,
            limit_wait_ms=progress.limit_wait_s * 1000,
            http_calls=progress.http_calls,
            logprobs=reply.logprobs,
        )

    async def _wait_for_limit(self, model: _Model, call: Call, progress: _Progress) -> int:
        if model.limit is None:
            return 0
        characters = sum(len(message.content) for message in call.prompt.messages)
        tokens = characters // CHARACTERS_PER_TOKEN + call.max_output_tokens
        wait_s = await self._limits.reserve(model.spec.name, model.limit, tokens)
        if wait_s > 0:
            progress.limit_wait_s += wait_s
            progress.deadline += wait_s  # our own limit is no fault of the provider
            await self._sleep(wait_s)
        return tokens

    async def _exchange(self, model: _Model, call: Call, timeout_s: float, progress: _Progress) -> Reply:
        """Send a call in the manner the model takes, learning it from refusals."""
        while True:
            manner = model.manner
            body = model.provider.body(call, manner)
            progress.http_calls += 1
            answer = await self._transport.post(model.url, model.headers, body, timeout_s)
            if answer.status == 200:  # noqa: PLR2004 - OK
                return _read(model, answer)
            trouble = trouble_of(answer, retry_after_s(answer.headers, datetime.now(UTC)))
            if trouble is not None:
                raise trouble
            lesser = step_down(answer, manner, _shapes(model.spec, model.provider))
            if lesser is None:
                model.breaker.succeeded()  # it answered, though not as hoped
                raise refusal_of(answer, model.spec)
            model.manner = lesser


def _model(spec: ModelSpec, key: SecretStr | None) -> _Model:
    provider = _PROVIDERS[spec.provider]
    limited = spec.requests_per_minute is not None or spec.tokens_per_minute is not None
    return _Model(
        spec=spec,
        provider=provider,
        url=provider.url(spec.base_url or provider.default_base_url),
        headers=provider.headers(key),
        manner=Manner(_shapes(spec, provider)[0]),
        breaker=Breaker(),
        limit=RateLimit(spec.requests_per_minute, spec.tokens_per_minute) if limited else None,
    )


def _shapes(spec: ModelSpec, provider: Provider) -> tuple[Shape, ...]:
    if spec.structured == "auto":
        return provider.shapes
    wanted = Shape(spec.structured)
    return provider.shapes[provider.shapes.index(wanted) :] if wanted in provider.shapes else (Shape.TEXT,)


def _read(model: _Model, answer: HttpAnswer) -> Reply:
    try:
        reply = model.provider.read(answer.body)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ProviderTroubleError(
            f"The answer of `{model.spec.name}` has no form we know ({type(error).__name__}).", Trouble.BAD_BODY
        ) from None
    return reply


def _estimated(call: Call, reply: Reply) -> TokenUsage:
    characters = sum(len(message.content) for message in call.prompt.messages)
    return TokenUsage(
        -(-characters // CHARACTERS_PER_TOKEN), -(-len(reply.text) // CHARACTERS_PER_TOKEN), estimated=True
    )
