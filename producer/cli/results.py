"""`results`: what a job gave, for programs and spreadsheets."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import Annotated

import typer

from producer.cli.output import say, stdout
from producer.cli.parameters import OwnJobArgument  # noqa: TC001 - typer reads annotations at run time
from producer.exports.formats import Format, format_of


def results(
    job: OwnJobArgument = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write, whole or not at all; stdout where it is left out."),
    ] = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="The form; otherwise what the file's name ends with, or jsonl.")
    ] = None,
) -> None:
    """Write what a job gave, as rows.

    Each item that has ended is a row with its output, tier, model, cost, attempts and failed checks. In CSV, texts that
    a spreadsheet would run as formulas get a leading apostrophe. Parquet needs pyarrow.
    """
    from producer.exports.export import export_results, write_results
    from producer.ledger import find_own_job, open_ledger
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        found = find_own_job(database, job)
        if output is None:
            with stdout() as stream:
                write_results(database, found.id, form or "jsonl", stream)
            return
        count = export_results(database, found.id, form or format_of(output), output)
        say(f"{count} rows of {found.name} are in {output}.")
