"""The gateway: one way to ask any model, whatever its provider."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from gateway.asked_model import AskedModel
from gateway.asking import Asking, Ports
from gateway.limits import LimitPort, NoLimits
from gateway.patience import Patience
from gateway.providers.provider import Call
from routing.completion import Completion, Message, Prompt
from routing.errors import CallRefusedError, NotFoundError, ProviderTroubleError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pydantic import SecretStr

    from gateway.pressure import PressurePort
    from gateway.transport import Transport
    from routing.deployment import ModelSpec

PROBE = Prompt(
    (Message("user", "Answer with {}."),),
    {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
)
PROBE_TOKENS = 256
"""Enough for a model that thinks before it answers `{}`."""
MAX_TRIES = 4
COMPARISONS = 10
COMPARISON_TOKENS = 16
"""The least some providers take; an answer that is cut off is an answer."""


class Gateway:
    """Asks models. Lives on one event loop; hundreds of calls may be under way at once.

    `models` carry their address, `keys` are by model name. The ports default to their null forms: no shared limits,
    the monotonic clock, asyncio's sleep, real randomness, nobody who hears of exchanges.
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
        pressure: PressurePort | None = None,
    ) -> None:
        self._models = {name: AskedModel.of(spec, keys.get(name)) for name, spec in models.items()}
        self._ports = Ports(transport, limits or NoLimits(), clock, Patience(sleep), jitter, pressure)

    async def complete(
        self, model: str, prompt: Prompt, *, max_output_tokens: int, logprobs: bool = False, tries: int = MAX_TRIES
    ) -> Completion:
        """Ask a model and return its answer, from the first of its fallbacks where it is in trouble itself.

        Raises ProviderTroubleError where none of them could answer within their deadlines, CallRefusedError where the
        model itself will never accept this call, NotFoundError for a model the deployment does not have. Where nothing
        was sent, because the model rests or this process ends, the trouble is CIRCUIT_OPEN, without any `http_calls`.
        """
        try:
            return await self._ask(model, prompt, max_output_tokens, logprobs=logprobs, tries=tries)
        except ProviderTroubleError as error:
            trouble = error
        http_calls = trouble.http_calls
        for name in self._find(model).spec.fallback:
            try:
                return await self._ask(name, prompt, max_output_tokens, logprobs=logprobs, tries=tries)
            except (ProviderTroubleError, CallRefusedError) as error:
                http_calls += error.http_calls  # one that refuses is no help, and no verdict on the call either
        raise ProviderTroubleError(trouble.message, trouble.trouble, trouble.retry_after_s, http_calls)

    def unavailable_for_s(self, model: str) -> float:
        """Return how long neither a model nor any of its fallbacks may be called, 0 where one may now."""
        now = self._ports.clock()
        names = (model, *self._find(model).spec.fallback)
        return min(self._find(name).breaker.unavailable_for_s(now) for name in names)

    async def wait_until_available(self, models: Sequence[str]) -> None:
        """Return once each of these models may be called as far as is known, or nobody is to wait any more."""
        while not self._ports.patience.hurried and (wait_s := max(map(self.unavailable_for_s, models))) > 0:
            await self._ports.patience.wait_for_model(wait_s)

    def hurry(self) -> None:
        """Let nobody wait for anything but answers any more: this process ends."""
        self._ports.patience.hurry()

    async def probe(self, model: str) -> None:
        """Make the smallest call that proves that a model can be reached and accepts its key. Raises as `complete`."""
        await self._ask(model, PROBE, PROBE_TOKENS, logprobs=False, tries=MAX_TRIES)

    async def compare(self, model: str) -> tuple[Completion, ...]:
        """Make the smallest call up to `COMPARISONS` times, each with one try, and return the answers.

        All of them together tell that the model answers as ever. In a storm of errors that leaves one call in ten
        unanswered, they tell it of every third; in an outage, never. A rest is waited out: the call that is never
        answered may have opened the circuit by itself. So they may tell of a later moment than that call's: whether it
        is due to the call is known once that fails again, and `compare_now` is answered after it.
        """
        answers: list[Completion] = []
        while len(answers) < COMPARISONS:
            await self.wait_until_available((model,))
            answer = await self.compare_now(model)
            if answer is None:
                break
            answers.append(answer)
        return tuple(answers)

    async def compare_now(self, model: str) -> Completion | None:
        """Make the smallest call with one try. Return its answer, None without one, or where the model rests long."""
        with suppress(ProviderTroubleError, CallRefusedError):
            return await self.complete(model, PROBE, max_output_tokens=COMPARISON_TOKENS, tries=1)
        return None

    async def aclose(self) -> None:
        """Close every connection."""
        await self._ports.transport.aclose()
        await self._ports.limits.aclose()

    def _find(self, model: str) -> AskedModel:
        try:
            return self._models[model]
        except KeyError:
            raise NotFoundError(f"The deployment has no model `{model}`.", "Add it under `models`.") from None

    async def _ask(
        self, name: str, prompt: Prompt, max_output_tokens: int, *, logprobs: bool, tries: int
    ) -> Completion:
        model = self._find(name)
        call = Call(model.spec.model, prompt, max_output_tokens, model.spec.temperature, logprobs)
        return await Asking(self._ports, model, call).answer(tries)
