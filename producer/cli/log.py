"""`log`: every decision and every call of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from producer.cli.output import stdout
from producer.cli.parameters import AsJson, OwnJobArgument  # noqa: TC001 - typer reads annotations at run time

if TYPE_CHECKING:
    from producer.decision_log import LogRow


def log(
    job: OwnJobArgument = None,
    *,
    where: Annotated[
        str | None, typer.Option("--where", help="Only rows for which this holds, such as \"layer == 'rule'\".")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Stream every decision and every call of a job, item by item.

    With --json, a line of JSON each; docs/decision-log.md lists the fields. Nothing of a document is in it.
    """
    from producer.decision_log import log_rows
    from producer.json_text import json_line
    from producer.ledger import find_own_job, open_ledger
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        name = find_own_job(database, job).name
        rows = log_rows(database, name, where)
        with stdout() as stream:
            for row in rows:
                stream.write(json_line(row) if as_json else f"{_line(row)}\n".encode())


def _line(row: LogRow) -> str:
    from producer.cli.printable import one_line

    parts = [row["at"], one_line(row["custom_id"], 40), row["kind"], row["tier"], row["model"]]
    parts.append(f"{row['layer']}/{row['cause']}")
    parts += [mark for mark in ("canary", "holdout") if row[mark]]
    parts += _decision(row) if row["kind"] == "decision" else _call(row)
    return "  ".join(part for part in parts if part)


def _decision(row: LogRow) -> list[str]:
    from producer.cli.printable import one_line

    signals = row["signals"] or {}
    told = [f"{name}={one_line(str(value), 40)}" for name, value in signals.items()]
    return [f"rule {row['rule']}" if row["rule"] else "", row["version"] or "", *told]


def _call(row: LogRow) -> list[str]:
    from producer.cli.printable import one_line
    from producer.dollars import shown

    failed = ", ".join(one_line(name, 60) for name in row["failed"] or ())
    cost = "" if row["cost_usd"] is None else shown(row["cost_usd"])
    return [row["outcome"] or "", row["trouble"] or "", cost, f"{row['provider_ms']} ms", failed]
