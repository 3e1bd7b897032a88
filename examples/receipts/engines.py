"""Two offline engines of differing skill. They are rule-based extractors, not language models, and cost nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from receipt_extractors.lines import document_lines
from receipt_extractors.quick import read_quickly
from receipt_extractors.thorough import read_thoroughly

if TYPE_CHECKING:
    from evaluation.model_server.engine import EngineRequest


def offline_small(request: EngineRequest) -> str:
    """Answer by quick patterns."""
    return json.dumps(read_quickly(document_lines(request.document)), ensure_ascii=False)


def offline_large(request: EngineRequest) -> str:
    """Answer by layout, neighbours and arithmetic."""
    return json.dumps(read_thoroughly(document_lines(request.document)), ensure_ascii=False)


ENGINES = {"offline-small": offline_small, "offline-large": offline_large}
