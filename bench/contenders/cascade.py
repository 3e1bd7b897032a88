"""The work every contender does: the same documents, prompts and checks, without any library.

One document in four is hard: the cheap model's answer to it names a total that the document does not have.
"""

from __future__ import annotations

import json

TEXT = (
    "CORNER SHOP\n1 HIGH STREET\nDATE: 25/12/2018\n" + "ITEM   1 X 3.00   3.00\n" * 40 + "TOTAL 9.00\nCASH 10.00\n"
    "CHANGE 1.00\nTHANK YOU\n"
)
FIELDS = ("company", "date", "address", "total")
SCHEMA = {
    "type": "object",
    "properties": {**{name: {"type": "string"} for name in FIELDS[:3]}, "total": {"type": "number"}},
    "required": list(FIELDS),
    "additionalProperties": False,
}
RESPONSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "receipt", "strict": True, "schema": SCHEMA}}


def document(number: int) -> str:
    """Return the document of this number."""
    return f"{number} {'HARD' if number % 4 == 0 else ''}\n{TEXT}"


def messages(text: str) -> list[dict[str, str]]:
    """Return the prompt for a document."""
    return [
        {"role": "system", "content": "Extract."},
        {"role": "user", "content": f"<document>\n{text}\n</document>"},
    ]


def passes(answer: str | None, text: str) -> bool:
    """Check an answer as a script would: JSON, the right keys and types, and a total that is in the document."""
    try:
        output = json.loads(answer or "")
        total = output["total"]
    except (ValueError, KeyError, TypeError):
        return False
    return set(output) == set(FIELDS) and isinstance(total, float) and total >= 0 and f"{total:.2f}" in text
