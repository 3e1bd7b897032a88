from __future__ import annotations

from importlib import import_module

import pytest

from producer.documents.formats.registry import ENDINGS, LIMITED_READERS, PLAIN_READERS, ROW_READERS


def test_the_formats_promised_are_there() -> None:
    """The endings the documentation names."""
    assert set(ENDINGS) == {".txt", ".md", ".json", ".jsonl", ".csv", ".pdf", ".docx", ".html", ".htm"}


@pytest.mark.parametrize("module", {*PLAIN_READERS.values(), *LIMITED_READERS.values()})
def test_readers_of_whole_files_extract(module: str) -> None:
    """Each module named has the function its kind is called by."""
    assert callable(import_module(module).extract)


@pytest.mark.parametrize("module", list(ROW_READERS.values()))
def test_readers_of_rows_read_rows(module: str) -> None:
    """Each module named has the function its kind is called by."""
    assert callable(import_module(module).read_rows)
