"""Finding a document's parts in a row of JSONL or CSV, as a task's `input` section says."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from routing.templates import Template, is_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.json_value import JsonObject, JsonValue
    from routing.task import InputSpec


class RowReader:
    """Reads rows by keys, where dots go into nested objects, or by a template for the text.

    Raises UsageError where the template itself is wrong.
    """

    def __init__(self, spec: InputSpec) -> None:
        self._spec = spec
        self._text = Template(spec.text) if is_template(spec.text) else None

    def custom_id(self, row: JsonObject) -> str | None:
        """Return the row's own id, None where it has none."""
        value = _at(row, self._spec.custom_id)
        if isinstance(value, str):
            return value
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else None

    def text(self, row: JsonObject) -> str | None:
        """Return the document's text, None where the row has none.

        Raises UsageError where the template asks for something this row lacks.
        """
        if self._text is not None:
            return self._text.render(cast("Mapping[str, object]", row))
        value = _at(row, self._spec.text)
        return value if isinstance(value, str) else None

    def expected(self, row: JsonObject) -> JsonObject | None:
        """Return the row's labels, None where it has none."""
        value = _at(row, self._spec.expected)
        return cast("JsonObject", value) if isinstance(value, dict) else None


def _at(row: JsonObject, path: str) -> JsonValue:
    if path in row:
        return row[path]
    if "." not in path:
        return None
    value: JsonValue = row
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value
