"""The text of one file, before it has a name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routing.json_value import JsonValue


@dataclass(frozen=True, slots=True)
class Extract:
    """What a format's reader found in a file. `metadata` holds what the reader has to say about its own work."""

    text: str
    pages: int | None = None
    metadata: dict[str, JsonValue] = field(default_factory=dict)
