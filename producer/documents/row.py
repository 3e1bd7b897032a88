"""One row of a JSONL, JSON or CSV file, parsed and not yet judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from producer.documents.refusal import RefusalCode
    from routing.json_value import JsonValue


class Row(NamedTuple):
    """A row that was parsed; a tuple, since files of millions make millions.

    `number` names the row in its file: its line, or its place in a JSON array. `line` is None where it has none.

    `plain` tells that its bytes rule out NUL and deep nesting, so that its values need no walk. `whole_text` is the
    text of the file where the row is all of it: such a file may be a document by itself. `tabular` tells that its
    columns are metadata.
    """

    number: int
    line: int | None
    value: JsonValue
    plain: bool = False
    whole_text: str | None = None
    tabular: bool = False


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be parsed."""

    line: int | None
    code: RefusalCode
    reason: str
