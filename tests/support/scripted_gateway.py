"""A gateway over a transport that answers as a script says, on a clock that moves only when somebody sleeps."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pydantic import SecretStr

from gateway.gateway import Gateway
from gateway.transport import HttpAnswer
from routing.completion import Completion, Message, Prompt
from routing.deployment import ModelSpec
from routing.errors import ProviderTroubleError

PROMPT = Prompt(
    (Message("system", "Extract."), Message("user", "TOTAL 9.00 secret document")),
    {
        "type": "object",
        "properties": {"total": {"type": "number"}},
        "required": ["total"],
        "additionalProperties": False,
    },
)
ANSWER = '{"total": 9}'
OK = json.dumps(
    {
        "choices": [{"message": {"content": ANSWER}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}},
    }
).encode()


class Scripted:
    """A transport that answers as a script says, and keeps what it was sent. The last answer repeats."""

    def __init__(self, *answers: HttpAnswer | ProviderTroubleError) -> None:
        self._answers = list(answers)
        self.sent: list[dict[str, Any]] = []
        self.urls: list[str] = []

    async def post(self, url: str, headers: object, body: bytes, timeout_s: float) -> HttpAnswer:
        """Give the next answer."""
        self.urls.append(url)
        self.sent.append(json.loads(body))
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(given, ProviderTroubleError):
            raise given
        return given

    async def aclose(self) -> None:
        """Close nothing."""


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.slept.append(seconds)
        self.now += seconds


def an_answer(status: int = 200, body: bytes = OK, **headers: str) -> HttpAnswer:
    """Return what a provider answered, a good answer unless something else is said."""
    return HttpAnswer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def an_error(status: int, message: str = "a long story about a secret document", code: str = "bad_thing") -> HttpAnswer:
    """Return a refusal that quotes what nobody is to read."""
    return an_answer(status, json.dumps({"error": {"message": message, "code": code}}).encode())


def a_spec(name: str = "small", **changes: object) -> ModelSpec:
    """Return a model of a deployment."""
    values: dict[str, object] = {"name": name, "provider": "openai", "model": f"{name}-1", "base_url": "http://host/v1"}
    return ModelSpec.model_validate(values | {"timeout_s": 10, "api_key_variable": "SMALL_KEY"} | changes)


def a_gateway(transport: Scripted, time: Time | None = None, *specs: ModelSpec, **ports: Any) -> Gateway:  # noqa: ANN401
    """Return a gateway over a transport, whose waits take no time."""
    time = time or Time()
    models = {spec.name: spec for spec in specs or (a_spec(),)}
    keys = {"small": SecretStr("the key")}
    return Gateway(models, keys, transport, clock=time, sleep=time.sleep, jitter=lambda: 1.0, **ports)


def complete_by(gateway: Gateway, model: str = "small", **options: Any) -> Completion:  # noqa: ANN401
    """Ask a model of a gateway, and return its answer."""

    async def complete() -> Completion:
        return await gateway.complete(model, PROMPT, max_output_tokens=50, **options)

    return asyncio.run(complete())
