"""`report`: what a job did, what failed, what it cost, what it saved, and what that rests on."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from producer.cli.output import print_json, print_text, say
from producer.cli.parameters import (  # noqa: TC001 - typer reads annotations at run time
    AsJson,
    DeploymentOption,
    OwnJobArgument,
)

if TYPE_CHECKING:
    from routing.deployment import DeploymentSpec
    from workers.settings import Settings


def report(
    job: OwnJobArgument = None,
    *,
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--md", help="Print Markdown.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one self-contained page to this file.")
    ] = None,
    deployment: DeploymentOption = None,
) -> None:
    """Print what a job did, cost and saved.

    Tiers, failed checks by field, the cost beside that of the last tier alone, latency, and accuracy where labels are.
    Where items were held out, saving and quality are measured, with intervals.
    """
    from producer.cli.report_view import report_text
    from producer.evidence_report import evidence_report
    from producer.ledger import find_own_job, open_ledger
    from workers.settings import read_settings

    settings = read_settings()
    with open_ledger(settings) as database:
        spec = _deployment(settings, deployment)
        figures = evidence_report(database, find_own_job(database, job).name, spec)
    if html is not None:
        from producer.report_page.page import report_page
        from producer.whole_file import whole_file

        page = report_page(figures)
        with whole_file(html, "The report") as stream:
            stream.write(page.encode())
        say(f"wrote {html}")
    if as_json:
        print_json(figures)
    elif as_markdown:
        from producer.report_page.markdown import report_markdown

        print_text(report_markdown(figures).rstrip("\n"))
    elif html is None:
        print_text(report_text(figures))


def _deployment(settings: Settings, named: Path | None) -> DeploymentSpec | None:
    """Return the deployment that tells which models are offline engines; one that is not there is done without."""
    from producer.deployment_file import deployment_for
    from routing.errors import UsageError

    try:
        return deployment_for(settings, named)[1]
    except UsageError:
        if named is not None:
            raise
        return None
