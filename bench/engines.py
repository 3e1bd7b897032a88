"""The benchmark's engines: they answer at once, and one document in four fails the cheap tier's checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluation.model_server.engine import EngineRequest

_RIGHT = '{"company": "Corner Shop", "date": "2018-12-25", "address": "1 High Street", "total": 9.0}'
_WRONG = '{"company": "Corner Shop", "date": "2018-12-25", "address": "1 High Street", "total": 4711.0}'


def cheap(request: EngineRequest) -> str:
    """Name a total that is not in the document where the document says that it is hard."""
    return _WRONG if "HARD" in request.document else _RIGHT


def expensive(_request: EngineRequest) -> str:
    """Answer rightly."""
    return _RIGHT


ENGINES = {"cheap": cheap, "expensive": expensive}
