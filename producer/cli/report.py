"""`report`: what a job did, what failed, what it cost and what it saved."""

from __future__ import annotations

from producer.cli.output import print_json, print_text
from producer.cli.parameters import AsJson, JobArgument  # noqa: TC001 - typer reads annotations at run time


def report(job: JobArgument = None, *, as_json: AsJson = False) -> None:
    """Print what a job did, cost and saved.

    Tiers, failed checks by field, the cost beside the estimated cost of the last tier alone, latency, and accuracy
    where labels are.
    """
    from producer.cli.report_view import report_text
    from producer.ledger import find_job, open_ledger
    from producer.report import job_report
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        figures = job_report(database, find_job(database, job).name)
    if as_json:
        print_json(figures)
    else:
        print_text(report_text(figures))
