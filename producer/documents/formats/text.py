"""Plain text and Markdown, as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer.documents.encoding import decode
from producer.documents.extract import Extract

if TYPE_CHECKING:
    from producer.documents.limits import IntakeLimits


def extract(data: bytes, limits: IntakeLimits) -> Extract:  # noqa: ARG001 - the size was bounded when it was read
    """Return the text with line ends made alike. Raises RefusedInputError where the bytes are no text."""
    decoded = decode(data)
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n")
    return Extract(text, metadata={"guessed_encoding": decoded.guessed} if decoded.guessed else {})
