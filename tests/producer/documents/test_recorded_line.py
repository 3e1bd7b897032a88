"""A recording is an input, whatever a task's own rows look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from routing.document import Document
from routing.task import InputSpec
from tests.support.documents import take_in, write_lines

if TYPE_CHECKING:
    from pathlib import Path

ROW = {
    "kind": "recording",
    "custom_id": "a",
    "text": "t",
    "pages": 3,
    "metadata": {"user": "gold"},
    "expected": {"total": 1},
    "models": {"small": {"text": "{}"}},
}
TEMPLATE = InputSpec(custom_id="id", text="{{ input.subject }}: {{ input.body }}", expected="reference")


def test_a_recorded_line_gives_the_document_as_it_was(tmp_path: Path) -> None:
    """Pages, metadata and labels included, though the task reads its rows by a template."""
    taken = take_in(write_lines(tmp_path / "r.jsonl", ROW), spec=TEMPLATE)
    assert taken.documents == [Document("a", "t", {"user": "gold"}, {"total": 1}, 3)]
    assert take_in(write_lines(tmp_path / "r.json", ROW), spec=TEMPLATE).ids == ["a"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"text": None}, "invalid_row"),
        ({"custom_id": 1}, "invalid_row"),
        ({"custom_id": "a\n"}, "invalid_id"),
        ({"metadata": [1]}, "invalid_row"),
        ({"pages": "3"}, "invalid_row"),
        ({"expected": []}, "invalid_row"),
        ({"text": " "}, "empty"),
    ],
)
def test_one_that_was_edited_badly_is_refused(tmp_path: Path, change: dict[str, object], code: str) -> None:
    """As any other row is, with its reason."""
    assert take_in(write_lines(tmp_path / "r.jsonl", {**ROW, **change})).codes == [code]


def test_a_row_that_only_says_it_is_one_is_none(tmp_path: Path) -> None:
    """A task's own rows may have a key of this name."""
    row = {"kind": "recording", "custom_id": "a", "text": "t"}
    assert take_in(write_lines(tmp_path / "r.jsonl", row)).documents == [Document("a", "t")]
