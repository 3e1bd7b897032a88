"""`drift`: whether a task's cheap answers are still what they were."""

from __future__ import annotations

from typing import Annotated

import typer

from producer.cli.output import print_json, print_text
from producer.cli.parameters import AsJson, TaskArgument  # noqa: TC001 - typer reads annotations at run time


def drift(
    task: TaskArgument,
    *,
    restart: Annotated[
        bool, typer.Option("--restart", help="Take back the alarms: from now on, how it is now is how it should be.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show whether a task has drifted.

    Four signals of its first tier are held against how they were at the beginning: how many answers fail, which check
    fails, how sure the model is, and whether as many pass as the classifier says. That any of them ever alarms though
    nothing has changed has a probability of 1 % at most, for input in no particular order. docs/live-evidence.md.
    """
    from producer.drift import alarm_meaning, drift_figures, drift_lines, nothing_observed
    from producer.ledger import open_ledger
    from producer.task_folder import load_task
    from workers import drift_watch
    from workers.settings import read_settings

    name = load_task(task).name
    with open_ledger(read_settings()) as database:
        if restart:
            drift_watch.restart(database, name)
        figures = drift_figures(database, name)
    if as_json:
        print_json({"task": name, **figures})
        return
    if nothing_observed(figures):
        print_text(
            f"{name}: nothing observed so far. Recordings, canaries and the jobs of `eval` and `calibrate` are"
            " not watched."
        )
        return
    signals = [f"{title:<12} {line}" for title, line in drift_lines(figures)]
    print_text("\n".join([*signals, *alarm_meaning(figures)]))
