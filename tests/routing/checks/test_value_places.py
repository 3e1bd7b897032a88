from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from routing.checks.value_places import value_places
from routing.field_path import parse_path, select

KEYS = st.text(min_size=1).filter(lambda key: not set(key) & set(".[]"))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


@given(output=st.dictionaries(KEYS, VALUES, max_size=3), indent=st.sampled_from([None, 1]), before=st.text(max_size=5))
def test_each_value_is_where_its_path_says(output: dict[str, object], indent: int | None, before: str) -> None:
    """The text between the offsets is the value at the path, and what follows the object is not read."""
    text = before + json.dumps(output, indent=indent, ensure_ascii=False) + ' {"after": 1}'
    for path, start, end in value_places(text, len(before)):
        assert [json.loads(text[start:end])] == [value for _, value in select(output, parse_path(path))]


def test_every_value_is_found() -> None:
    """Empty containers have no values."""
    text = '{"a": 1, "b": {"c": [true, [null]], "d": {}}, "e": [], "f": "x, \\"y\\": {"}'
    paths = {path: text[start:end] for path, start, end in value_places(text, 0)}
    assert paths == {"a": "1", "b.c[0]": "true", "b.c[1][0]": "null", "f": '"x, \\"y\\": {"'}


def test_text_that_ends_early_has_the_values_it_has() -> None:
    """Nothing is assumed about what was not written."""
    assert list(value_places('{"a": 1, "b": [2', 0)) == [("a", 6, 7), ("b[0]", 15, 16)]
