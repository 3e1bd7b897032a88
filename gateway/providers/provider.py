"""The port to a provider's wire format: how a call is written, and how its answer is read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from routing.immutable import immutable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from routing.completion import FinishReason, Prompt, TokenLogprob, TokenUsage


class Shape(StrEnum):
    """How the form of an answer is asked for, from the strongest to the weakest."""

    JSON_SCHEMA = "json_schema"  # the provider holds the model to the schema
    TOOL = "tool"  # the model is made to call a tool whose arguments follow the schema
    JSON = "json"  # the schema is told in the prompt; the provider's JSON mode where it has one
    TEXT = "text"  # the schema is told in the prompt, and nothing else


@dataclass(frozen=True, slots=True)
class Manner:
    """What a model accepts, as far as is known: it starts hopeful and steps down with every refusal.

    `old_token_field` is `max_tokens`, which OpenAI's newer models refuse for `max_completion_tokens`, while compatible
    servers may silently ignore the new one. It changes once at most: `token_field_told` tells that it has.
    """

    shape: Shape
    send_temperature: bool = True
    old_token_field: bool = False
    token_field_told: bool = False
    send_logprobs: bool = True


@immutable
class Reply:
    """What a model said, read from the wire."""

    text: str
    finish_reason: FinishReason
    usage: TokenUsage | None
    logprobs: tuple[TokenLogprob, ...] | None = None


@immutable
class Call:
    """One call as the gateway wants it; `model` is the provider's own name."""

    model: str
    prompt: Prompt
    max_output_tokens: int
    temperature: float | None
    logprobs: bool


class Provider(Protocol):
    """A wire format."""

    @property
    def default_base_url(self) -> str:
        """The public address, where a deployment names none."""
        ...

    def uses_old_token_field(self, base_url: str) -> bool:
        """Tell whether an address is to be asked with `max_tokens` at first."""
        ...

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The ways to ask for an answer's form here, strongest first."""
        ...

    def url(self, base_url: str) -> str:
        """Return where calls go."""
        ...

    def headers(self, key: SecretStr | None) -> Mapping[str, str]:
        """Return the headers of every call with this key."""
        ...

    def body(self, call: Call, manner: Manner) -> bytes:
        """Return a call as it goes over the wire."""
        ...

    def read(self, body: bytes) -> Reply:
        """Read an answer of a 2xx status. Raises ValueError, KeyError, TypeError or IndexError for any other form."""
        ...
