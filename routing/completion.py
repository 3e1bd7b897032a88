"""What a model is asked and what it answers, whatever the provider: the words routing and the gateway share."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

from routing.immutable import immutable

if TYPE_CHECKING:
    from routing.json_value import JsonObject


class FinishReason(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    LENGTH = "length"
    REFUSAL = "refusal"  # the model or a content filter declined
    OTHER = "other"


@immutable
class Message:
    """One turn of the conversation.

    `stable` tells that it is the same for every document, and so worth keeping in a provider's cache. It is a hint on
    how to send a message: those that say the same are equal.
    """

    role: Literal["system", "user", "assistant"]
    content: str
    stable: bool = field(default=False, compare=False)


@immutable
class Prompt:
    """The conversation to send, and the JSON Schema its answer should follow."""

    messages: tuple[Message, ...]
    schema: JsonObject


@immutable
class TokenUsage:
    """Tokens as the provider counted them.

    `cached_input` is the part of `input` read from the provider's cache, `cache_written` the part written to it; no
    token is both.
    `estimated` tells that the counts are ours (characters / 4), because the provider gave none.
    """

    input: int
    output: int
    cached_input: int = 0
    cache_written: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token of the answer and the natural logarithm of its probability."""

    token: str
    logprob: float


class Completion(NamedTuple):
    """One answer of a model, unread: `text` is hostile input.

    `provider_ms` is the time of the successful HTTP exchange, `limit_wait_ms` the time spent waiting for the shared
    limit, `http_calls` all exchanges made for it (retries included). `model` is the deployment's name of the model that
    answered, which differs from the one asked after a fallback. `cache_key` is what the answer may be kept under, empty
    where it may not; one `from_cache` was paid for earlier.
    """

    text: str
    finish_reason: FinishReason
    usage: TokenUsage
    model: str
    provider_ms: float
    limit_wait_ms: float = 0.0
    http_calls: int = 1
    logprobs: tuple[TokenLogprob, ...] | None = None
    cache_key: str = ""
    from_cache: bool = False
