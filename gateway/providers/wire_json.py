"""Reading the JSON of a provider's answer."""

from __future__ import annotations

import json
from typing import Any

import orjson

MOST_VALUES = 500_000
"""Ten times what the logprobs of a long answer hold. Each value is up to 72 bytes in memory, and `{},` only 3 here."""

_BEFORE_VALUES = (b"{", b"[", b",", b":")


def read_json(body: bytes) -> Any:  # noqa: ANN401 - read from the wire
    r"""Return what stands in a body. Raises ValueError where that is no JSON in UTF-8, or of absurdly many values.

    Half a surrogate pair, escaped as `\ud83d`, is taken as it is: a model cut off inside an emoji did answer.
    """
    if len(body) > MOST_VALUES and sum(map(body.count, _BEFORE_VALUES)) > MOST_VALUES:
        raise ValueError("too many values")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            return json.loads(body.decode("utf-8"))
        except RecursionError:
            raise ValueError("nested too deeply") from None
