"""How many tokens a prompt can have at most, whatever the tokenizer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routing.completion import Prompt

BYTES_PER_TOKEN_AT_LEAST = 2
"""No common tokenizer makes more than a token of every two bytes of running text; a bound, not an estimate."""


def tokens_at_most(prompt: Prompt) -> int:
    """Return the most tokens that all messages and the schema can have together."""
    written = sum(_bytes(message.content) for message in prompt.messages)
    return (len(json.dumps(prompt.schema)) + written) // BYTES_PER_TOKEN_AT_LEAST + 1


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
