"""`record`: what a job's models answered, kept for regression tests."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from producer.cli.output import print_json, print_text
from producer.cli.parameters import (  # noqa: TC001 - typer reads annotations at run time
    AsJson,
    DeploymentOption,
    OwnJobArgument,
)

if TYPE_CHECKING:
    from producer.record import Recorded


def record(
    job: OwnJobArgument = None,
    *,
    output: Annotated[Path, typer.Option("--output", help="The folder to write; nothing in it is overwritten.")],
    redact: Annotated[
        list[str] | None,
        typer.Option(
            "--redact",
            metavar="RULE",
            help="Replace email, phone, iban, card, /PATTERN/ or field:NAME everywhere; may be given several times.",
        ),
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help="Only so many documents, chosen at random, always the same.")
    ] = None,
    deployment: DeploymentOption = None,
    as_json: AsJson = False,
) -> None:
    """Write a job's documents and its models' answers, to run them again without any model.

    The folder gets recordings.jsonl, which is an input and a recording in one, and a cheapfirst.yaml that replays it.
    A live job of an application is recorded as any other. docs/recordings.md.
    """
    from evaluation.replay.redaction_rules import compile_rules
    from producer.deployment_file import deployment_for
    from producer.ledger import find_own_job, open_ledger
    from producer.record import record as record_job
    from workers.settings import read_settings

    settings = read_settings()
    rules = compile_rules(redact or ())
    _, spec = deployment_for(settings, deployment)
    with open_ledger(settings) as database:
        recorded = record_job(database, find_own_job(database, job), spec, output, rules, sample)
    if as_json:
        print_json(asdict(recorded) | {"folder": str(recorded.folder)})
    else:
        print_text(_text(recorded))


def _text(recorded: Recorded) -> str:
    models = ", ".join(recorded.models)
    lines = [f"{recorded.job}: {recorded.documents} documents with the answers of {models}, in {recorded.folder}"]
    if recorded.left_out:
        lines.append(f"{recorded.left_out} documents are left out: there is no answer about them")
    if recorded.redacted:
        told = ", ".join(f"{rule} {count}" for rule, count in recorded.redacted.items())
        lines.append(f"redacted: {told} values; what no rule names is still there, so look before you share it")
        lines.append(
            f"of {recorded.verdicts} first answers, {recorded.verdicts_changed} are judged otherwise than before"
        )
    if recorded.dropped:
        lines.append(f"{recorded.dropped} answers are left out: a value might still be in them")
    lines.append(
        f"next: cheapfirst run TASK {recorded.folder}/recordings.jsonl --deployment {recorded.folder}/cheapfirst.yaml"
    )
    return "\n".join(lines)
