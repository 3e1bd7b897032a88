"""JSON as this program prints it: money as exact numbers, keys in the order they were made."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson

from producer.dollars import exact


def json_line(value: object) -> bytes:
    """Return one line of JSON, its newline included."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_APPEND_NEWLINE)


def json_page(value: object) -> bytes:
    """Return indented JSON for a file or a terminal."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2)


def embedded(json: str) -> orjson.Fragment:
    """Return a JSON text of the ledger in a form that is written out as it stands."""
    return orjson.Fragment(json)


def _default(value: Any) -> orjson.Fragment:  # noqa: ANN401 - orjson hands over whatever it does not know
    if isinstance(value, Decimal):
        return orjson.Fragment(exact(value))
    raise TypeError(f"not JSON: {type(value).__name__}")
