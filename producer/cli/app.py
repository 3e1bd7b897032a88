"""The command line. Commands import what they need when they run, so that `cheapfirst --help` answers at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from producer.cli import (
    advise,
    audit,
    calibrate,
    check,
    db,
    demo,
    drift,
    ending,
    evaluate,
    flower,
    init,
    items,
    jobs,
    log,
    plan,
    record,
    report,
    results,
    rollout,
    route,
    run,
    steering,
    submit,
    train,
    worker,
)
from routing.errors import CheapfirstError

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="cheapfirst",
    help="Documents into validated data: a cheap model first, an expensive one where the cheap one fails.",
    epilog="Exit codes: 0 done; 1 finished with failed items; 2 wrong usage or file; 3 a service cannot be reached;"
    " 4 stopped by budget; 5 a quality gate failed; 70 a fault of this program; 130 interrupted.",
    no_args_is_help=True,
    # Rich help takes longer to import than everything else in `--help`.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        from importlib.metadata import version

        typer.echo(f"cheapfirst {version('cheapfirst')}")
        raise typer.Exit


@app.callback()
def _program(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command()(run.run)
app.command()(demo.demo)
app.command()(init.init)
app.command()(check.check)
app.command()(plan.plan)
app.command()(submit.submit)
app.command("jobs")(jobs.list_jobs)
app.command()(jobs.status)
app.command()(report.report)
app.command()(results.results)
app.command()(items.items)
app.command()(items.show)
app.command()(log.log)
app.command()(record.record)
app.command()(steering.cancel)
app.command()(steering.pause)
app.command()(steering.resume)
app.command()(steering.retry)
app.command()(steering.scale)
app.command()(route.route)
app.command()(rollout.rollout)
app.command()(rollout.ramp)
app.command()(rollout.holdout)
app.command()(rollout.canary)
app.command()(rollout.promote)
app.command()(rollout.rollback)
app.command()(drift.drift)
app.command()(audit.audit)
app.command()(train.train)
app.command()(worker.worker)
app.command()(flower.flower)
app.add_typer(evaluate.app, name="eval")
app.command()(calibrate.calibrate)
app.command()(advise.advise)
app.add_typer(db.app, name="db")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command, this process's own by default, and end with its exit code. No error is shown as a traceback."""
    try:
        app(args=arguments, prog_name="cheapfirst")
    except CheapfirstError as error:
        ending.tell(error)
        sys.exit(ending.of_error(error))
    except Exception as error:  # noqa: BLE001 - the last resort: whatever it is, people get one line and a file
        if _is_interrupt(error):
            sys.exit(ending.ExitCode.INTERRUPTED)
        ending.tell_fault(error)
        sys.exit(ending.ExitCode.INTERNAL)
    sys.exit(ending.ExitCode.DONE)


def _is_interrupt(error: BaseException | None) -> bool:
    """Tell whether Ctrl-C is behind an error: libraries make one of their own of it where it meets their imports."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None
