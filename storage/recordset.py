"""Many rows in one statement.

PostgreSQL parses and plans each statement anew (see `storage/database.py`), which for a short one costs more than what
it does. There, rows travel together, as one JSON text that the server takes apart. SQLite parses a statement once for
all rows anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import JSON, Text, bindparam, cast, column, func

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import TableValuedAlias
    from sqlalchemy.types import TypeEngine

ROWS = "rows"
"""The parameter that holds them."""


def recordset(types: Mapping[str, TypeEngine[Any]]) -> TableValuedAlias:
    """Return the rows of the parameter as PostgreSQL reads them, to select from: these columns of these types."""
    rows = func.json_to_recordset(cast(bindparam(ROWS, type_=Text), JSON))
    columns = [column(name, kind) for name, kind in types.items()]
    return rows.table_valued(*columns, name="given").render_derived(with_types=True)


def written(rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Return rows as that parameter. Numbers, texts, flags and UUIDs only."""
    return {ROWS: orjson.dumps(rows).decode()}
