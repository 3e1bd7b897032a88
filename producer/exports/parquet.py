"""Results as Parquet: typed columns for plain fields, and the whole output beside them as JSON text."""

from __future__ import annotations

import json
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

from producer.exports.columns import AFTER_FIELDS, BEFORE_FIELDS, output_fields
from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import BinaryIO

    from producer.results import ResultRow
    from routing.json_value import JsonValue
    from routing.task import FrozenTask

_GROUP = 10_000
_INT64 = range(-(2**63), 2**63)


def write_parquet(rows: Iterable[ResultRow], task: FrozenTask, stream: BinaryIO) -> int:
    """Write the rows and return how many there were.

    A field whose schema says string, number, integer or boolean has a column of that type, where a value that does not
    fit is null; any other field is JSON text. `output` holds every accepted output in full. Raises UsageError where
    pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter
    except ImportError as error:
        raise UsageError("Writing Parquet needs pyarrow.", "Install it: pip install 'cheapfirst[parquet]'.") from error
    fields = output_fields(task)
    kinds = {name: _kind(task.output.json_schema, name) for name in fields}
    schema = _schema(pa, {column: kinds[name] for name, column in fields.items()})
    count = 0
    remaining = iter(rows)
    with ParquetWriter(stream, schema) as writer:
        while group := list(islice(remaining, _GROUP)):
            records = [_record(row, fields, kinds) for row in group]
            writer.write_table(pa.Table.from_pylist(records, schema=schema))
            count += len(group)
    return count


def _schema(pa: Any, kinds: Mapping[str, str]) -> Any:  # noqa: ANN401 - pyarrow ships no types
    types = {
        "string": pa.string(),
        "number": pa.float64(),
        "integer": pa.int64(),
        "boolean": pa.bool_(),
        "json": pa.string(),
    }
    ours = {
        "cost_usd": pa.decimal128(38, 9),
        "attempts": pa.int64(),
        "latency_ms": pa.int64(),
        "needs_review": pa.bool_(),
        "checks_failed": pa.list_(pa.string()),
    }
    return pa.schema(
        [
            *((name, pa.string()) for name in BEFORE_FIELDS),
            *((column, types[kind]) for column, kind in kinds.items()),
            *((name, ours.get(name, pa.string())) for name in AFTER_FIELDS),
            ("output", pa.string()),
        ]
    )


def _kind(schema: Mapping[str, Any], name: str) -> str:
    """Return the one plain type a field has beside null, `json` where it has none."""
    declared = schema["properties"][name]
    options = declared.get("anyOf", [declared]) if isinstance(declared, dict) else []
    kinds = {kind for option in options if isinstance(option, dict) for kind in _listed(option.get("type"))}
    kinds.discard("null")
    kind = kinds.pop() if len(kinds) == 1 else "json"
    return kind if kind in {"string", "number", "integer", "boolean"} else "json"


def _listed(kind: object) -> list[str]:
    return [str(one) for one in kind] if isinstance(kind, list) else [str(kind)]


def _record(row: ResultRow, fields: Mapping[str, str], kinds: Mapping[str, str]) -> dict[str, object]:
    output = row.output or {}
    return {
        "custom_id": row.custom_id,
        "state": row.state,
        **{column: _typed(output.get(name), kinds[name]) for name, column in fields.items()},
        "tier": row.tier,
        "model": row.model,
        "cost_usd": row.cost_usd,
        "attempts": row.attempts,
        "checks_failed": list(row.checks_failed),
        "fail_reason": row.fail_reason,
        "needs_review": row.needs_review,
        "latency_ms": row.latency_ms,
        "rejected_output": row.rejected_json,
        "output": row.output_json,
    }


def _typed(value: JsonValue, kind: str) -> object:
    if value is None:
        return None
    if kind == "json":
        return json.dumps(value, ensure_ascii=False)
    return _IN_KIND[kind](value)


def _integer(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value in _INT64 else None


def _number(value: JsonValue) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > sys.float_info.max:
        return None
    return float(value)


_IN_KIND: Mapping[str, Callable[[JsonValue], object]] = {
    "string": lambda value: value if isinstance(value, str) else None,
    "boolean": lambda value: value if isinstance(value, bool) else None,
    "integer": _integer,
    "number": _number,
}
