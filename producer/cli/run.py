"""`run`: a job from its documents to its report, with everything it needs started beside it."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from producer.cli.ending import ExitCode, of_job
from producer.cli.output import print_json, print_text, say
from producer.cli.parameters import (  # noqa: TC001 - typer reads annotations at run time
    AsJson,
    BudgetOption,
    DeploymentOption,
    InputsArgument,
    LabelsOption,
    NameOption,
    StrictOption,
    TaskArgument,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack
    from types import FrameType
    from typing import NoReturn

    from producer.run import Place
    from producer.services import Services
    from producer.submit import Order, Submitted
    from storage.database import Database
    from storage.jobs import JobRecord


def run(  # noqa: PLR0913 - each is an option of the command
    task: TaskArgument,
    inputs: InputsArgument,
    *,
    name: NameOption = None,
    labels: LabelsOption = None,
    budget: BudgetOption = None,
    strict: StrictOption = False,
    deployment: DeploymentOption = None,
    results: Annotated[
        Path | None,
        typer.Option(help="Where results go, as .jsonl, .csv or .parquet; otherwise a file under CHEAPFIRST_HOME."),
    ] = None,
    flower: Annotated[bool, typer.Option("--flower", help="Start Flower beside it, with a new password.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a job here, from documents to report.

    Every input is checked first; then models are called, their answers checked, and what fails goes to the next tier.
    A broker, a ledger and the deployment's loopback model servers are started unless they are configured. Ctrl-C stops
    cleanly, and the same command again goes on where it stopped; for a job that is done, it prints its report again.
    """
    from producer.run import place_for
    from producer.submit import Order
    from producer.task_folder import load_task
    from workers.settings import read_settings

    place = place_for(read_settings(), deployment, task)
    order = Order(load_task(task), inputs, name, strict, labels, budget)
    raise typer.Exit(run_order(place, order, results, flower=flower, as_json=as_json))


def run_order(place: Place, order: Order, results: Path | None, *, flower: bool, as_json: bool) -> ExitCode:
    """Run an order to its end and print its report; return how the command ends."""
    from producer.exports.formats import format_of
    from producer.ledger import open_ledger
    from producer.readiness import require_keys_and_prices, require_models
    from producer.whole_file import require_folder

    # What is wrong is told before anything is written down or paid for.
    require_models(place.deployment, order.task)
    require_keys_and_prices(place.settings, place.deployment)
    if results is not None:
        format_of(results)
        require_folder(results, "Results")
    with sigterm_interrupts(), open_ledger(place.settings, create=True) as database:
        try:
            submitted = _submit(database, order, place)
            job = _work(database, place, submitted, flower=flower)
        except KeyboardInterrupt:
            say("Interrupted. What is done is kept: the same command goes on where it stopped.")
            return ExitCode.INTERRUPTED
        _finish(database, place, job, results, as_json=as_json)
    return of_job(job)


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Let SIGTERM stop a run as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _submit(database: Database, order: Order, place: Place) -> Submitted:
    from producer.cli.submit import say_refused
    from producer.submit import InputsRefusedError, submit

    try:
        submitted = submit(database, order, place.settings.home)
    except InputsRefusedError as error:
        say_refused(error.refused)
        raise
    if submitted.refused is not None:
        say_refused(submitted.refused)
    if not submitted.created:
        say(f"{submitted.job.name} was submitted before and is {submitted.job.state}.")
    return submitted


def _work(database: Database, place: Place, submitted: Submitted, *, flower: bool) -> JobRecord:
    from producer.cli.progress_view import ProgressView
    from producer.run import run_job
    from storage import workers

    def begin(services: Services, stack: ExitStack) -> None:
        if flower:
            _start_flower(services, stack)

    with ProgressView() as view:
        return run_job(
            database,
            place,
            submitted.job,
            on_look=lambda look: view.show(look, workers.running(database)),
            on_services=begin,
        )


def _start_flower(services: Services, stack: ExitStack) -> None:
    from producer.embedded.child_process import ChildProcess
    from producer.flower import flower_command

    redis_url, password = services.settings.redis_url, services.settings.key("FLOWER_PASSWORD")
    assert redis_url is not None
    command = flower_command(redis_url.get_secret_value(), password=password.get_secret_value() if password else "")
    log = services.settings.home / "logs" / "flower.log"
    stack.enter_context(
        ChildProcess("Flower", command.argv, log, environment={**services.environment, **command.environment})
    )
    say(f"Flower is at {command.url} for the user {command.user}")
    if command.generated:
        say(f"Its password, told only now: {command.password}")


def _finish(database: Database, place: Place, job: JobRecord, results: Path | None, *, as_json: bool) -> None:
    from producer.cli.report_view import report_text
    from producer.exports.export import export_results
    from producer.exports.formats import format_of
    from producer.home import make_folder
    from producer.report import job_report, write_report

    home = place.settings.home
    file = results or make_folder(home / "results") / f"{job.name}.jsonl"
    export_results(database, job.id, format_of(file), file)
    report = job_report(database, job.name, place.deployment)
    report_file = write_report(report, home / "reports" / f"{job.name}.json")
    if as_json:
        print_json(report)
        return
    print_text(report_text(report))
    print_text(f"results     {file}\nreport      {report_file}\nnext        {_next_command(database, job, home)}")


def _next_command(database: Database, job: JobRecord, home: Path) -> str:
    """Return the command that tells most about this job now, as it can be typed here."""
    from storage import results
    from storage.states import ItemState, JobState, StopReason
    from workers.settings import read_settings

    if job.state is JobState.STOPPED and job.stop_reason is StopReason.BUDGET:
        return "the same command with a larger --budget"
    if job.state is not JobState.DONE:
        return "the same command goes on where it stopped"
    failed = next(results.items(database, job.id, ItemState.FAILED, limit=1), None)
    told = failed or max(results.items(database, job.id, limit=100), key=lambda item: item.attempts)
    program = "cheapfirst" if shutil.which("cheapfirst") else sys.argv[0]
    elsewhere = "" if home == read_settings().home else f"CHEAPFIRST_HOME={shlex.quote(str(home))} "
    return f"{elsewhere}{program} show {shlex.quote(told.custom_id)} --job {job.name}"
