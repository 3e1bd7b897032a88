"""Telling a model in words which form its answer has, where the provider has no better way."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import orjson

from routing.completion import Message

if TYPE_CHECKING:
    from routing.completion import Prompt


def with_schema_told(prompt: Prompt) -> tuple[Message, ...]:
    """Return the messages with the schema told in the system message, where it stays the same for every document."""
    told = (
        "Answer with one JSON object and nothing else. It must follow this JSON Schema:\n"
        + orjson.dumps(prompt.schema).decode()
    )
    first, *rest = prompt.messages
    if first.role == "system":
        return (dataclasses.replace(first, content=f"{first.content}\n\n{told}"), *rest)
    return (Message("system", told, stable=True), first, *rest)
