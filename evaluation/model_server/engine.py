"""The port behind the loopback model server: something that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from routing.completion import FinishReason

if TYPE_CHECKING:
    from routing.completion import Message
    from routing.json_value import JsonObject


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """What a model is asked: its name, the conversation, and the schema of the answer where one is asked for."""

    model: str
    messages: tuple[Message, ...]
    schema: JsonObject | None

    @property
    def document(self) -> str:
        """What was asked first: a conversation that goes on (a repair) is still about the same document."""
        return next((message.content for message in self.messages if message.role == "user"), "")


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """An answer with what a provider tells about it. Tokens that are None are estimated by the server.

    `confidence` is the probability every token is told to have, where token probabilities are asked for.
    """

    text: str
    finish_reason: FinishReason = FinishReason.STOP
    input_tokens: int | None = None
    output_tokens: int | None = None
    confidence: float | None = None


Engine: TypeAlias = Callable[[EngineRequest], str | EngineAnswer]
"""Returns an answer, or its text alone. Runs on the server's event loop, so it must take milliseconds."""


class NotRecordedError(Exception):
    """An engine has no answer to this request. The message says what is missing, never the document's text."""


class RefusedError(Exception):
    """An engine will not take this call; `status` is what the server answers with."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
