"""The document in a request, as clean lines."""

from __future__ import annotations

import re

_BETWEEN = re.compile(r"<document>\n?(.*)\n?</document>", re.DOTALL)
MAX_CHARACTERS = 20_000
MAX_LINE_CHARACTERS = 300


def document_lines(message: str) -> list[str]:
    """Return the non-empty lines between the document marks, or of the whole message where there are none."""
    found = _BETWEEN.search(message)
    text = (found[1] if found else message)[:MAX_CHARACTERS]
    return [line for raw in text.splitlines() if (line := " ".join(raw[:MAX_LINE_CHARACTERS].split()))]
