"""The gateway: one way to ask any model, whatever its provider."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field, replace
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
from routing.errors import CallRefusedError, NotFoundError, ProviderError, ProviderTroubleError, Trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pydantic import SecretStr

    from gateway.providers.provider import Provider, Reply
    from gateway.transport import HttpAnswer, Transport
    from routing.deployment import ModelSpec

DEADLINE_FACTOR = 2
"""A call with all its tries may take this many times its model's `timeout_s`."""
PROBE_TOKENS = 256
"""Enough for a model that thinks before it answers `{}`."""
_ANSWERED = range(200, 300)
MAX_TRIES = 4
FIRST_BACKOFF_S = 0.25
LONGEST_BACKOFF_S = 8.0
CHARACTERS_PER_TOKEN = 4
"""A usual estimate where a provider counts nothing; such counts are marked as estimated."""

_UNUSED = frozenset({Trouble.RATE_LIMITED, Trouble.OVERLOADED, Trouble.UNREACHABLE})
"""Troubles in which the provider counted no tokens, so that what was reserved is given back."""

_PROVIDERS: Mapping[str, Provider] = {"openai": OpenAiProvider(), "anthropic": AnthropicProvider()}


@dataclass(slots=True)
class _Model:
    """A model with what is learned of it while it is used."""

    spec: ModelSpec
    provider: Provider
    url: str
    headers: Mapping[str, str] = field(repr=False)
    manner: Manner
    breaker: Breaker
    limit: RateLimit | None


@dataclass(slots=True)
class _Progress:
    """What one `complete` has done so far."""

    deadline: float
    http_calls: int = 0
    limit_wait_s: float = 0.0
    exchange_s: float = 0.0


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

        Raises ProviderTroubleError where none of them could answer within their deadlines, CallRefusedError where the
        model itself will never accept this call, NotFoundError for a model the deployment does not have.
        """
        first = self._find(model)
        try:
            return await self._ask(first, prompt, max_output_tokens, logprobs=logprobs)
        except ProviderTroubleError as trouble:
            for name in first.spec.fallback:
                try:
                    return await self._ask(self._find(name), prompt, max_output_tokens, logprobs=logprobs)
                except ProviderError:  # a fallback that refuses is no help, and no verdict on the call either
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
        await self._ask(self._find(model), prompt, max_output_tokens=PROBE_TOKENS, logprobs=False)

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
                # On top of what it asks for: calls that were sent away together must not come back together.
                wait_s = error.retry_after_s + self._backoff_s(tried)
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
        if model.breaker.unavailable_for_s(self._clock()) > 0:
            raise self._resting(model)  # before anything is reserved that would not be used
        reserved = await self._wait_for_limit(model, call, progress)
        era = model.breaker.begin(self._clock(), self._timeout_s(model, progress))
        if era is None:
            await self._settle(model, -reserved)
            raise self._resting(model)
        try:
            reply = await self._exchange(model, call, progress)
        except ProviderTroubleError as error:
            model.breaker.troubled(self._clock(), era, error.trouble, error.retry_after_s)
            if error.trouble in _UNUSED:
                await self._settle(model, -reserved)
            raise
        except CallRefusedError:
            model.breaker.succeeded()  # it answered, though not as hoped
            await self._settle(model, -reserved)
            raise
        model.breaker.succeeded()
        usage = reply.usage or _estimated(call, reply)
        if model.spec.server:
            usage = replace(usage, estimated=True)  # no model counted them: a loopback server estimates
        await self._settle(model, usage.input + usage.output - reserved)
        return Completion(
            text=reply.text,
            finish_reason=reply.finish_reason,
            usage=usage,
            model=model.spec.name,
            provider_ms=progress.exchange_s * 1000,
            limit_wait_ms=progress.limit_wait_s * 1000,
            http_calls=progress.http_calls,
            logprobs=reply.logprobs,
        )

    def _resting(self, model: _Model) -> ProviderTroubleError:
        rest_s = model.breaker.unavailable_for_s(self._clock())
        told = f"Model `{model.spec.name}` was in trouble a moment ago."
        return ProviderTroubleError(told, Trouble.CIRCUIT_OPEN, rest_s)

    def _timeout_s(self, model: _Model, progress: _Progress) -> float:
        return min(model.spec.timeout_s, progress.deadline - self._clock())

    async def _wait_for_limit(self, model: _Model, call: Call, progress: _Progress) -> int:
        """Reserve a call, wait for its turn, and return the tokens reserved."""
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

    async def _settle(self, model: _Model, tokens: int) -> None:
        if model.limit is not None:
            await self._limits.settle(model.spec.name, model.limit, tokens)

    async def _exchange(self, model: _Model, call: Call, progress: _Progress) -> Reply:
        """Send a call in the manner the model takes, learning it from refusals.

        What is learned is kept only once it brought an answer: a refusal may speak of this one document.
        """
        known = manner = model.manner
        while True:
            timeout_s = self._timeout_s(model, progress)
            if timeout_s <= 0:
                raise ProviderTroubleError("No time was left for the call.", Trouble.TIMEOUT)
            began = self._clock()
            progress.http_calls += 1
            answer = await self._transport.post(model.url, model.headers, model.provider.body(call, manner), timeout_s)
            progress.exchange_s = self._clock() - began
            if answer.status in _ANSWERED:
                reply = _read(model, answer)
                if manner is not known:
                    model.manner = manner
                return reply
            trouble = trouble_of(answer, retry_after_s(answer.headers, datetime.now(UTC)))
            if trouble is not None:
                raise trouble
            lesser = step_down(answer, manner, _shapes(model.spec, model.provider))
            if lesser is None:
                raise refusal_of(answer, model.spec)
            manner = lesser


def _model(spec: ModelSpec, key: SecretStr | None) -> _Model:
    provider = _PROVIDERS[spec.provider]
    limited = spec.requests_per_minute is not None or spec.tokens_per_minute is not None
    return _Model(
        spec=spec,
        provider=provider,
        url=provider.url(spec.base_url or provider.default_base_url),
        headers=provider.headers(key),
        manner=Manner(
            _shapes(spec, provider)[0],
            old_token_field=provider.uses_old_token_field(spec.base_url or provider.default_base_url),
        ),
        breaker=Breaker(),
        limit=RateLimit(spec.requests_per_minute, spec.tokens_per_minute) if limited else None,
    )


def _shapes(spec: ModelSpec, provider: Provider) -> tuple[Shape, ...]:
    """Return the shapes to ask in: the wanted one, where the provider has it, and what is weaker."""
    if spec.structured == "auto":
        return provider.shapes
    strengths = list(Shape)
    strongest = strengths.index(Shape(spec.structured))
    return tuple(shape for shape in provider.shapes if strengths.index(shape) >= strongest)


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
