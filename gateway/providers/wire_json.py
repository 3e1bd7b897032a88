"""Reading the JSON of a provider's answer."""

from __future__ import annotations

import json
from typing import Any

import orjson


def read_json(body: bytes) -> Any:  # noqa: ANN401 - read from the wire
    r"""Return what stands in a body. Raises ValueError where that is no JSON in UTF-8.

    Half a surrogate pair, escaped as `\ud83d`, is taken as it is: a model cut off inside an emoji did answer.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            return json.loads(body.decode("utf-8"))
        except RecursionError:
            raise ValueError("nested too deeply") from None
