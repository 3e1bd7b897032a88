"""The text of one file, before it has a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from routing.json_value import JsonValue


class Extract(NamedTuple):
    """What a format's reader found in a file. `metadata` holds what the reader has to say about its own work.

    A tuple, since files of millions of rows make millions.
    """

    text: str
    pages: int | None = None
    metadata: dict[str, JsonValue] = {}  # noqa: RUF012 - one for all of them, as nobody writes into it
