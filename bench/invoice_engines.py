"""Engines for generated invoices of twelve fields, every one of which stands in the document as `name: value`.

The cheap one misreads one or two fields of four invoices in ten, always as a value that is nowhere in the document. The
expensive one reads rightly, and asked for some fields alone misreads one invoice in ten; which ones depends on the
invoice's number only.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluation.model_server.engine import EngineRequest

FIELDS = (
    *("number", "seller", "buyer", "date", "due", "currency", "net", "tax", "total", "order", "account", "reference"),
)
_LINE = re.compile(r"^(\w+): (.+)$", re.MULTILINE)


def _draw(values: dict[str, str], salt: str) -> int:
    return zlib.crc32(f"{salt}{values['number']}".encode())


def cheap(request: EngineRequest) -> str:
    """Misread a field or two of some invoices."""
    values = dict(_LINE.findall(request.document))
    draw = _draw(values, "cheap")
    if draw % 10 < 4:
        for field in {FIELDS[draw % 11 + 1], FIELDS[draw // 11 % 11 + 1]}:
            values[field] = f"misread {draw}"
    return json.dumps({field: values[field] for field in FIELDS})


def expensive(request: EngineRequest) -> str:
    """Read what is asked for."""
    values = dict(_LINE.findall(request.document))
    asked = list((request.schema or {"properties": FIELDS})["properties"])
    if len(asked) < len(FIELDS) and _draw(values, "expensive") % 10 == 0:
        values[asked[0]] = "misread as well"
    return json.dumps({field: values[field] for field in asked})


ENGINES = {"cheap": cheap, "expensive": expensive}
