from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from producer.documents.labels import read_labels
from routing.errors import InvalidFileError, Problem
from routing.label_check import LabelCheck
from tests.support.documents import write_lines

if TYPE_CHECKING:
    from pathlib import Path


OPEN = LabelCheck({"type": "object"}, {})
RECEIPT = LabelCheck({"type": "object", "properties": {"total": {"type": "number"}}}, {})


def _problems(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(InvalidFileError) as caught:
        read_labels(path, OPEN)
    return caught.value.problems


def test_labels_are_read_by_custom_id(tmp_path: Path) -> None:
    """Each line labels one document; other keys are ignored."""
    path = write_lines(
        tmp_path / "l.jsonl",
        {"custom_id": "a", "expected": {"x": 1}, "note": 1},
        b"",
        {"custom_id": "b", "expected": {}},
    )
    assert read_labels(path, OPEN) == {"a": {"x": 1}, "b": {}}


def test_all_mistakes_are_told_with_their_lines(tmp_path: Path) -> None:
    """A labels file with mistakes is told at once, line by line."""
    label = {"custom_id": "a", "expected": {}}
    path = write_lines(
        tmp_path / "l.jsonl",
        label,
        b"{",
        {"custom_id": 1, "expected": {}},
        {"custom_id": "b"},
        b"[]",
        label,
        {"custom_id": "c\n", "expected": {}},
        {"custom_id": "d", "expected": {"x": "\0"}},
    )
    assert [problem.line for problem in _problems(path)] == [2, 3, 4, 5, 6, 7, 8]


def test_the_mistakes_told_are_bounded(tmp_path: Path) -> None:
    """A file that is no labels file at all does not flood the terminal."""
    assert len(_problems(write_lines(tmp_path / "l.jsonl", *[b"x"] * 500))) == 100


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A missing labels file is told by its name."""
    (problem,) = _problems(tmp_path / "missing.jsonl")
    assert str(problem).startswith(str(tmp_path / "missing.jsonl"))


def test_a_label_no_answer_could_be_like_is_told_once_for_all_its_lines(tmp_path: Path) -> None:
    """The same slip stands in every line of a file: the first line of it is told, and how many more have it."""
    rows = [{"custom_id": str(number), "expected": {"totl": 1}} for number in range(300)]
    path = write_lines(tmp_path / "l.jsonl", {"custom_id": "a", "expected": {"total": 1}}, *rows)
    with pytest.raises(InvalidFileError) as caught:
        read_labels(path, RECEIPT)
    assert str(caught.value) == (
        f"{path}:2:1: the task's schema has no field `totl`; 299 more lines have that (did you mean `total`?)"
    )
