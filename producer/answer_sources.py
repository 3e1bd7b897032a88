"""What gave the answers that figures rest on, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_REMARKS = {
    "engine": "The answers are those of offline engines (rules, no language model): this says nothing about models.",
    "recording": "The answers are recordings of real models, given again; nothing was called live.",
}


def source_remarks(sources: Sequence[str]) -> list[str]:
    """Return a sentence for each source of answers but providers: a reader must not take them for live ones."""
    return [_REMARKS[source] for source in sources if source in _REMARKS]


def left_aside(items: int) -> str:
    """Return what is told of documents that something else answered than is deployed now."""
    return f"{items:,} documents left aside that a recording answered, or something else than would now"
