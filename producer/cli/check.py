"""`check`: the doctor."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from producer.cli.ending import ExitCode
from producer.cli.output import print_json, print_text
from producer.cli.parameters import AsJson, DeploymentOption  # noqa: TC001 - typer reads annotations at run time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from producer.doctor import Finding


def check(
    task: Annotated[
        Path | None, typer.Argument(metavar="[TASK]", help="Also check this task, and only the models it names.")
    ] = None,
    *,
    deployment: DeploymentOption = None,
    as_json: AsJson = False,
) -> None:
    """Find what is missing, and say how to mend it.

    Looks at files, keys, broker, ledger, clocks and versions, and asks each model of a provider one short question.
    """
    from producer.doctor import examine
    from workers.settings import read_settings

    findings: list[Finding] = []
    for finding in examine(read_settings(), deployment, task):
        findings.append(finding)
        if not as_json:
            print_text(_line(finding))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    raise typer.Exit(_ending(findings))


def _line(finding: Finding) -> str:
    fix = f"\n{'':13}{finding.fix}" if finding.fix else ""
    return f"{finding.level:<11}  {finding.subject}: {finding.message}{fix}"


def _ending(findings: Sequence[Finding]) -> ExitCode:
    levels = {finding.level for finding in findings}
    if "wrong" in levels:
        return ExitCode.WRONG_USAGE
    return ExitCode.UNREACHABLE if "unreachable" in levels else ExitCode.DONE
