"""Arguments and options that several commands share."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

GREATEST_NUMBER = 999_999_999
"""Of an evaluation or a version: what every database's INTEGER holds."""
_MOST_USD = 1_000_000_000
"""In nano-dollars it has still room in a BIGINT, beside what is reserved."""


def usd(text: str) -> Decimal:
    """Return an amount of dollars that was typed, such as `2.50`, up to a billion."""
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= _MOST_USD:
        raise typer.BadParameter(f"write dollars, such as 2.50, up to {_MOST_USD:,}")
    return amount


JobArgument: TypeAlias = Annotated[
    str | None,
    typer.Argument(metavar="[JOB]", help="The job's name or number; the newest job where it is left out."),
]
OwnJobArgument: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="[JOB]",
        help="The job's name or number; where it is left out, the newest that is no trial of eval and its like.",
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
BudgetOption: TypeAlias = Annotated[
    Decimal | None,
    typer.Option("--budget", metavar="USD", parser=usd, help="The most this job may cost, in dollars."),
]
DeploymentOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--deployment", help="The deployment file; otherwise CHEAPFIRST_DEPLOYMENT, or cheapfirst.yaml."),
]
TaskArgument: TypeAlias = Annotated[Path, typer.Argument(metavar="TASK", help="The task's folder, or its task.yaml.")]
InputsArgument: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="INPUT", help="Files, folders, patterns, or - for standard input.")
]
NameOption: TypeAlias = Annotated[
    str | None, typer.Option("--name", help="The job's name; otherwise the task's, with a digest of the content.")
]
StrictOption: TypeAlias = Annotated[bool, typer.Option("--strict", help="Submit nothing where one input is refused.")]
LabelsOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--labels", help="JSONL lines {custom_id, expected}: the right outputs, to measure accuracy with."),
]
