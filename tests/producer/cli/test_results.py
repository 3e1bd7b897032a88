from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.ended_jobs import LedgerJob, documents

if TYPE_CHECKING:
    from storage.database import Database
    from tests.support.command_line import CommandLine


@pytest.fixture(autouse=True)
def job(home_ledger: Database) -> LedgerJob:
    """A job with one ended item."""
    job = LedgerJob(home_ledger, documents("a"))
    job.accept({"company": "=A"})
    return job


def test_results_are_json_lines_on_stdout(cheapfirst: CommandLine) -> None:
    """Nothing but the rows is printed there."""
    ended = cheapfirst("results")
    assert [json.loads(line)["output"] for line in ended.out.splitlines()] == [{"company": "=A"}]
    assert (ended.code, ended.err) == (0, "")


def test_another_form_can_be_asked_for(cheapfirst: CommandLine) -> None:
    """CSV goes to stdout as well, with formulas made harmless."""
    assert "'=A" in cheapfirst("results", "receipt-1", "--format", "csv").out


def test_a_file_takes_the_form_of_its_name(cheapfirst: CommandLine, tmp_path: Path) -> None:
    """The user is told how many rows went where; stdout stays empty."""
    file = tmp_path / "rows.csv"
    ended = cheapfirst("results", "--output", file)
    assert (ended.out, ended.err) == ("", f"1 rows of receipt-1 are in {file}.\n")
    assert file.read_text().startswith("custom_id,state,company,")


def test_a_name_of_no_known_form_is_wrong_usage(cheapfirst: CommandLine, tmp_path: Path) -> None:
    """Nothing is written."""
    assert cheapfirst("results", "-o", tmp_path / "rows.xlsx").code == 2
    assert not (tmp_path / "rows.xlsx").exists()


def test_a_reader_that_leaves_early_is_no_error(home: Path) -> None:
    """`cheapfirst results | head -0` ends quietly."""
    with subprocess.Popen(
        [sys.executable, "-c", "from producer.cli.app import main; main(['results'])"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_a_full_disk_behind_the_output_is_told(home: Path) -> None:
    """In one line, as wrong usage and not as a fault of the program."""
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-c", "from producer.cli.app import main; main(['results'])"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "cannot be written: No space left on device" in ended.stderr
