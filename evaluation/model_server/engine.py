"""The port behind the loopback model server: something that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

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


Engine: TypeAlias = Callable[[EngineRequest], str]
"""Returns the text of an answer. Runs on the server's event loop, so it must take milliseconds."""


class NotRecordedError(Exception):
    """An engine has no answer to this request. The message says what is missing, never the document's text."""
