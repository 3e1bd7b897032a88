"""A CSV of calls made elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.advice.case import RoutingCase
from producer.calls_file import read_calls
from routing.errors import InvalidFileError, UsageError

HEADER = "item,tier,cost_usd,passed,latency_ms\n"


def _read(folder: Path, text: str, budget_ms: int | None = None) -> RoutingCase:
    file = folder / "calls.csv"
    file.write_text(text, encoding="utf-8")
    return read_calls(file, budget_ms)


def test_calls_add_up_by_document(tmp_path: Path) -> None:
    """A repair is a second call of its tier, the last one says whether it passed; a document may miss a tier."""
    found = _read(
        tmp_path,
        HEADER
        + "a,cheap,0.001,true,300\n"
        + "b,cheap,0.001,false,300\nb,cheap,0.002,false,200\nb,expensive,0.02,yes,900\n"
        + "c,cheap,0.001,false,100\nc,cheap,0.001,true,100\n"
        + "d,cheap,0.001,0,100\n"
        + "e,expensive,0.04,1,100\n",
        budget_ms=1_000,
    )
    assert (found.tried, found.settled, found.asked, found.mended) == (4, 2, 1, 1)
    assert found.below.mean == pytest.approx(1_750_000)
    assert (found.last.count, found.last.mean) == (2, pytest.approx(30_000_000))
    assert (found.timed, found.late, found.p95_ms) == (3, 1, 1_400)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (",cheap,1,true,", "`item` is empty"),
        ("a,middle,1,true,", "`tier` is not one of cheap, expensive"),
        ("a,cheap,free,true,", "`cost_usd` is not"),
        ("a,cheap,-1,true,", "`cost_usd` is not"),
        ("a,cheap,NaN,true,", "`cost_usd` is not"),
        ("a,cheap,1e999999,true,", "`cost_usd` is not"),
        ("a,cheap,1,perhaps,", "`passed` is neither"),
        ("a,cheap,1,true,1.5", "`latency_ms` is not"),
        ("a,cheap,1,true,99999999999999", "`latency_ms` is not"),
        ("a,cheap,1", "cells"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    """Each one, without what it holds."""
    with pytest.raises(InvalidFileError) as raised:
        _read(tmp_path, f"{HEADER}a,cheap,1,true,5\n{line}\n")
    assert "calls.csv:3" in str(raised.value)
    assert told in str(raised.value)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """The first twenty of them."""
    with pytest.raises(InvalidFileError) as raised:
        _read(tmp_path, HEADER + "a,dear,1,true,5\n" * 30)
    assert len(raised.value.problems) == 20


def test_a_header_that_lacks_columns_is_told(tmp_path: Path) -> None:
    """By their names."""
    with pytest.raises(InvalidFileError, match="the header lacks `tier`, `passed`"):
        _read(tmp_path, "item,cost_usd\na,1\n")


@pytest.mark.parametrize("text", [HEADER, HEADER + "a,expensive,1,true,5\n"])
def test_nothing_follows_where_nothing_was_tried_cheap(tmp_path: Path, text: str) -> None:
    """It says how to try."""
    with pytest.raises(UsageError, match="no call of the tier `cheap`"):
        _read(tmp_path, text)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """In one line."""
    with pytest.raises(UsageError, match="cannot be read"):
        read_calls(tmp_path / "none.csv", None)
