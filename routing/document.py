"""What a user submits, read and normalised, before it becomes an item of a job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routing.json_value import JsonObject


@dataclass(frozen=True, slots=True)
class Document:
    """One document or prompt, as text.

    `custom_id` is the user's name for it, unique in its job. `expected` holds the labels, where the user has them.
    `pages` is None where the format has none. `text` is storable: valid Unicode without NUL or lone surrogates.
    """

    custom_id: str
    text: str
    metadata: JsonObject = field(default_factory=dict)
    expected: JsonObject | None = None
    pages: int | None = None
