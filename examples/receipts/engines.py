"""Two offline engines of differing skill. They are rule-based extractors, not language models, and cost nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from receipt_extractors.lines import document_lines
from receipt_extractors.quick import read_quickly
from receipt_extractors.thorough import read_thoroughly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evaluation.model_server.engine import EngineRequest


def offline_small(request: EngineRequest) -> str:
    """Answer by quick patterns."""
    return _answer(request, read_quickly(document_lines(request.document)))


def offline_large(request: EngineRequest) -> str:
    """Answer by layout, neighbours and arithmetic."""
    return _answer(request, read_thoroughly(document_lines(request.document)))


def _answer(request: EngineRequest, found: Mapping[str, object]) -> str:
    """Give what is asked for: of a schema with some of the fields, only those."""
    asked = (request.schema or {}).get("properties")
    given = {name: value for name, value in found.items() if not isinstance(asked, dict) or name in asked}
    return json.dumps(given, ensure_ascii=False)


ENGINES = {"offline-small": offline_small, "offline-large": offline_large}
