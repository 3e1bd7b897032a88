from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.documents.seen_ids import SeenIds
from routing.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@settings(deadline=None)  # the first example imports the parser
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3)))
def test_an_id_is_new_once(ids: list[str]) -> None:
    """It answers as a set does."""
    known: set[str] = set()
    with SeenIds() as seen:
        for custom_id in ids:
            assert seen.add(custom_id) == (custom_id not in known)
            known.add(custom_id)


def test_the_table_grows_and_forgets_nothing() -> None:
    """Beyond its first size, every id is still known."""
    ids = [f"document-{number}" for number in range(120_000)]
    with SeenIds() as seen:
        assert all(seen.add(custom_id) for custom_id in ids)
        assert not any(seen.add(custom_id) for custom_id in ids)


def test_a_temporary_folder_that_takes_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the table cannot be written, the user is told to set TMPDIR."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(UsageError, match="TMPDIR"):
        SeenIds()
