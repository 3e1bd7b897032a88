"""A .json file: an array of rows, or one object that is a row or a document by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from producer.documents.encoding import decode
from producer.documents.formats.jsonl import is_plain, why_not_json
from producer.documents.opening import read_bounded
from producer.documents.refusal import RefusalCode, RefusedInputError
from producer.documents.row import Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from producer.documents.limits import IntakeLimits
    from routing.json_value import JsonValue


def read_rows(file: BinaryIO, limits: IntakeLimits) -> Iterator[Row]:
    """Yield the elements of an array of objects as rows, anything else as one row that is the whole file.

    Raises RefusedInputError for what is not JSON, for an empty array, and for more than one line may take.
    """
    # JSON in another encoding says so with a byte order mark, so a declared UTF-8 keeps the guess away.
    text = decode(read_bounded(file, limits.max_line_bytes), declared="utf-8").text
    source = text.encode()
    value = _parse(source)
    if value == []:
        raise RefusedInputError(RefusalCode.EMPTY, "it holds an empty array")
    plain = is_plain(source)
    if isinstance(value, list) and all(isinstance(element, dict) for element in value):
        for number, element in enumerate(value, 1):
            yield Row(number, None, element, plain)
    else:
        yield Row(1, None, value, plain, whole_text=text)


def _parse(source: bytes) -> JsonValue:
    try:
        value: JsonValue = orjson.loads(source)
    except orjson.JSONDecodeError as error:
        raise RefusedInputError(*why_not_json(error)) from error
    return value
