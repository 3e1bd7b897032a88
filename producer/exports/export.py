"""Writing a job's results to a file, whole or not at all, in the form its name ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer.exports.csv import write_csv
from producer.exports.jsonl import write_jsonl
from producer.exports.parquet import write_parquet
from producer.results import read_results
from producer.whole_file import whole_file
from storage import jobs

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from producer.exports.formats import Format
    from storage.database import Database


def write_results(database: Database, job_id: int, form: Format, stream: BinaryIO) -> int:
    """Write the results of a job to a stream and return the number of rows."""
    rows = read_results(database, job_id)
    match form:
        case "jsonl":
            return write_jsonl(rows, stream)
        case "csv":
            return write_csv(rows, jobs.frozen_task(database, job_id), stream)
        case "parquet":
            return write_parquet(rows, jobs.frozen_task(database, job_id), stream)


def export_results(database: Database, job_id: int, form: Format, file: Path) -> int:
    """Write the results of a job to a file and return the number of rows.

    The file appears under its name when it is complete; what stood there before stays until then. Raises UsageError
    where it cannot be written.
    """
    with whole_file(file, "Results") as stream:
        return write_results(database, job_id, form, stream)
