"""What a user submits, read and normalised, before it becomes an item of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from routing.json_value import JsonObject


class Document(NamedTuple):
    """One document or prompt, as text.

    `custom_id` is the user's name for it, unique in its job. `expected` holds the labels, where the user has them.
    `pages` is None where the format has none. `text` is storable: valid Unicode without NUL or lone surrogates.
    A tuple, since files of millions of rows make millions.
    """

    custom_id: str
    text: str
    metadata: JsonObject = {}  # noqa: RUF012 - one for all of them, as nobody writes into it
    expected: JsonObject | None = None
    pages: int | None = None
