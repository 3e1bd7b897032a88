"""`submit`: putting a job on the queues of workers that run elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    from producer.submit import Refused, Submitted


def submit(
    task: TaskArgument,
    inputs: InputsArgument,
    *,
    name: NameOption = None,
    labels: LabelsOption = None,
    budget: BudgetOption = None,
    strict: StrictOption = False,
    deployment: DeploymentOption = None,
    as_json: AsJson = False,
) -> None:
    """Queue a job for workers that run elsewhere.

    Every input is checked before anything is written down. The same submission again is the same job, and goes on where
    it stopped.
    """
    from producer.enqueue import enqueue
    from producer.ledger import open_ledger
    from producer.progress import job_figures
    from producer.services import with_running_broker
    from producer.submit import InputsRefusedError, Order
    from producer.task_folder import load_task
    from workers.settings import read_settings

    settings = with_running_broker(read_settings())
    order = Order(load_task(task), inputs, name, strict, labels, budget)
    with open_ledger(settings, create=True) as database:
        try:
            submitted = enqueue(database, settings, order, deployment=deployment, task_path=task)
        except InputsRefusedError as error:
            say_refused(error.refused)
            raise
    if submitted.refused is not None:
        say_refused(submitted.refused)
    if as_json:
        print_json(job_figures(submitted.job) | {"created": submitted.created, "refused": refused_count(submitted)})
    else:
        print_text(_text(submitted))


def _text(submitted: Submitted) -> str:
    job = submitted.job
    state = "is queued" if submitted.created else f"was submitted before and is {job.state}"
    return f"{job.name}: {job.items_total} items, {state}. Next: cheapfirst status {job.name} --watch"


def refused_count(submitted: Submitted) -> int:
    """Return how many inputs were refused."""
    return 0 if submitted.refused is None else submitted.refused.count


def say_refused(refused: Refused) -> None:
    """List the first refused inputs with their reasons on stderr, and say where all of them are."""
    from producer.cli.printable import printable

    say(f"{refused.count} inputs were refused; all of them are listed in {refused.file}:")
    for refusal in refused.first:
        place = refusal.source if refusal.line is None else f"{refusal.source}:{refusal.line}"
        say(f"  {printable(place)}: {printable(refusal.reason)}")
    if refused.count > len(refused.first):
        say(f"  ... and {refused.count - len(refused.first)} more")
