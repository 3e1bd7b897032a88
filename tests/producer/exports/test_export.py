from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from producer.exports.export import export_results
from producer.exports.formats import FORMATS, format_of
from routing.errors import UsageError
from tests.support.ended_jobs import LedgerJob, documents

if TYPE_CHECKING:
    from storage.database import Database


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_is_written_in_the_form_its_name_ends_with(sqlite_ledger: Database, tmp_path: Path, form: str) -> None:
    """Nothing but the file is in its folder afterwards."""
    job = LedgerJob(sqlite_ledger, documents("a"))
    job.accept({"company": "A"})
    file = tmp_path / "new" / f"results.{form.upper()}"
    file.parent.mkdir()
    assert export_results(sqlite_ledger, job.record.id, format_of(file), file) == 1
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_no_folder_is_made_for_a_file(sqlite_ledger: Database, tmp_path: Path) -> None:
    """A mistyped path is told with the folder that is not there, and nothing is written."""
    job = LedgerJob(sqlite_ledger, documents("a"))
    with pytest.raises(UsageError, match=r"there is no folder .*/a/b"):
        export_results(sqlite_ledger, job.record.id, "jsonl", tmp_path / "a" / "b" / "c.jsonl")
    assert not (tmp_path / "a").exists()


def test_another_ending_is_refused() -> None:
    """A file of a form we do not write is an error before anything is written."""
    with pytest.raises(UsageError, match=r"\.jsonl, \.csv or \.parquet"):
        format_of(Path("results.xlsx"))


def test_a_file_that_cannot_be_written_is_named(sqlite_ledger: Database, tmp_path: Path) -> None:
    """The error names the file; no partial one stays."""
    job = LedgerJob(sqlite_ledger, documents("a"))
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"results\.jsonl"):
        export_results(sqlite_ledger, job.record.id, "jsonl", tmp_path / "file" / "results.jsonl")


def test_an_export_that_breaks_off_leaves_the_old_file(sqlite_ledger: Database, tmp_path: Path) -> None:
    """What stood under the name stays until the new file is complete."""
    file = tmp_path / "results.csv"
    file.write_text("old")
    with pytest.raises(Exception, match="no job"):
        export_results(sqlite_ledger, 404, "csv", file)
    assert [path.read_text() for path in tmp_path.glob("results.csv")] == ["old"]
    assert not list(tmp_path.glob(".*partial"))
