from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.field_path import check_path, format_path, known_part, leading_to, parse_path, select

OUTPUT = {"total": 1, "seller": {"name": "A"}, "lines": [{"amount": 2}, {"amount": 3}, {}], "grid": [[1], [2, 3]]}
FIELDS = frozenset({"total", "seller", "seller.name", "lines", "lines[*]", "lines[*].amount", "labels", "labels.*"})


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("total", [("total", 1)]),
        ("seller.name", [("seller.name", "A")]),
        ("lines[*].amount", [("lines[0].amount", 2), ("lines[1].amount", 3), ("lines[2].amount", None)]),
        ("lines[1].amount", [("lines[1].amount", 3)]),
        ("lines[9].amount", [("lines[9].amount", None)]),
        ("grid[*][*]", [("grid[0][0]", 1), ("grid[1][0]", 2), ("grid[1][1]", 3)]),
        ("missing", [("missing", None)]),
        ("missing[*].amount", []),
        ("total[*]", []),
        ("total.name", [("total.name", None)]),
        ("total[0]", [("total[0]", None)]),
    ],
)
def test_a_path_finds_each_value_with_its_own_path(path: str, found: list[tuple[str, object]]) -> None:
    """What is missing is null; every element of nothing is nothing."""
    assert list(select(OUTPUT, parse_path(path))) == found


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "[*]", "[0]", "a[", "a[]", "a[x]", "a[-1]", "a..b", "a[*]b"])
def test_what_is_no_path_is_told(path: str) -> None:
    """A path begins with a name and has nothing half written."""
    with pytest.raises(ValueError, match="field"):
        parse_path(path)


@given(st.text(alphabet="ab.[]*01", max_size=12))
def test_a_path_reads_back_as_it_was_written(path: str) -> None:
    """Whatever is accepted as a path is written in the same way again, and nothing else is raised."""
    try:
        steps = parse_path(path)
    except ValueError:
        return
    assert parse_path(format_path(steps)) == steps


@pytest.mark.parametrize("path", ["total", "seller.name", "lines", "lines[*].amount", "lines[0].amount", "labels.x.y"])
def test_paths_of_the_schema_are_known(path: str) -> None:
    """An index stands for any element, and open keys for any name."""
    assert check_path(path, FIELDS) is None


def test_an_unknown_path_is_told_with_the_nearest_one() -> None:
    """A typing mistake is answered with the field that was meant."""
    assert check_path("totl", FIELDS) == "the schema has no field `totl`; did you mean `total`?"
    assert check_path("zzzzzz", FIELDS) == "the schema has no field `zzzzzz`"
    assert "is not a field path" in str(check_path("total[", FIELDS))


@given(st.lists(st.text(max_size=4) | st.integers(0, 99), min_size=1).filter(lambda steps: isinstance(steps[0], str)))
def test_any_key_is_written_so_that_its_path_can_be_read(steps: list[str | int]) -> None:
    """Keys are the model's to choose; one that would read as several steps is told as `*`."""
    if steps[0] == "[*]":
        return
    assert len(parse_path(format_path(steps))) == len(steps)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("total", "total"),
        ("lines[3].amount", "lines[3].amount"),
        ("lines[3].secret", "lines[3].*"),
        ("secret", "*"),
        ("secret.total", "*"),
        ("labels.secret.more", "labels.*"),
        ("labels.*", "labels.*"),
        ("total[0]", "total.*"),
    ],
)
def test_a_path_is_told_as_far_as_the_schema_has_it(path: str, told: str) -> None:
    """What the schema does not name may be a word of the document."""
    assert known_part(path, FIELDS) == told


def test_the_paths_that_lead_to_another_are_its_beginnings() -> None:
    """Indexes stand for every element."""
    assert list(leading_to("lines[2].amount")) == ["lines", "lines[*]", "lines[*].amount"]
