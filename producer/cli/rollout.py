"""`ramp`, `holdout`, `canary`, `promote`, `rollback`, `rollout`: how a task is rolled out, while its jobs run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from producer.cli.output import print_json, print_text
from producer.cli.parameters import (  # noqa: TC001 - typer reads annotations at run time
    AsJson,
    DeploymentOption,
    TaskArgument,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from routing.rollout import Rollout
    from routing.rollout_changes import Versioned
    from routing.task import FrozenTask
    from storage.rollouts import RolloutChange

Percent = Annotated[float, typer.Option("--to", min=0, max=100, metavar="PERCENT", help="The share, in percent.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who does it; otherwise this system's user.")]
WhyOption = Annotated[str, typer.Option("--why", help="Why, for those who read the history.")]


def ramp(task: TaskArgument, *, to: Percent, by: ByOption = None, why: WhyOption = "") -> None:
    """Change what share of a task's documents may start cheap.

    The rest go straight to the last tier. A larger share only adds documents; running jobs follow within 5 s.
    """
    from routing.rollout_changes import ramped

    _change(task, "ramp", lambda rollout: ramped(rollout, to), by, why)


def holdout(task: TaskArgument, *, to: Percent, by: ByOption = None, why: WhyOption = "") -> None:
    """Change what share of accepted documents also run on the last tier, to measure."""
    from routing.rollout_changes import held_out

    _change(task, "holdout", lambda rollout: held_out(rollout, to), by, why)


def canary(  # noqa: PLR0913 - each option of the command is an argument
    task: TaskArgument,
    *,
    model: Annotated[str, typer.Option("--model", help="The deployment's name of the model to try.")],
    share: Annotated[float, typer.Option("--share", min=0.001, max=100, help="Its share of the tier, in percent.")],
    tier: Annotated[str | None, typer.Option("--tier", help="The tier to try it in; otherwise the first.")] = None,
    system: Annotated[Path | None, typer.Option("--system", help="A file with what it is told instead.")] = None,
    rollback_if: Annotated[
        str | None, typer.Option("--rollback-if", help="End it by itself, such as pass_rate_drop=0.03,cost_rise=0.5.")
    ] = None,
    promote_if: Annotated[
        str | None, typer.Option("--promote-if", help="Promote it by itself, such as pass_rate_drop=0.01,cost_rise=0.")
    ] = None,
    by: ByOption = None,
    why: WhyOption = "",
    deployment: DeploymentOption = None,
) -> None:
    """Try a model on a share of a tier's documents.

    Conditions act once they surely hold: docs/rollout.md.
    """
    from producer.canary import canary_spec, condition
    from producer.task_folder import load_task
    from routing.rollout_changes import with_canary

    conditions = {
        "rollback_if": condition("--rollback-if", rollback_if),
        "promote_if": condition("--promote-if", promote_if),
    }
    spec = canary_spec(load_task(task), task, deployment, tier=tier, model=model, share=share, system=system)
    spec = spec.model_copy(update=conditions)
    _change(task, "canary", lambda rollout: with_canary(rollout, spec), by, why)


def promote(task: TaskArgument, *, by: ByOption = None, why: WhyOption = "") -> None:
    """Give the canary's tier to the canary's model."""
    from routing.rollout_changes import promoted

    _change(task, "promote", promoted, by, why)


def rollback(task: TaskArgument, *, by: ByOption = None, why: WhyOption = "") -> None:
    """Undo the last change of a task's rollout; twice, the last two."""
    from producer.ledger import open_ledger
    from producer.rollouts import roll_back
    from producer.task_folder import load_task
    from workers.settings import read_settings

    frozen = load_task(task)
    with open_ledger(read_settings(), create=True) as database:
        now = roll_back(database, frozen, by=by, reason=why)
    print_text(f"{frozen.name}: back to {_told(now)} ({_source(now)}). {_FOLLOW}")


def rollout(task: TaskArgument, *, as_json: AsJson = False) -> None:
    """Show how a task is rolled out, and who changed what."""
    from producer.ledger import open_ledger
    from producer.rollouts import canary_figures, current
    from producer.task_folder import load_task
    from storage import rollouts
    from workers.settings import read_settings

    frozen = load_task(task)
    with open_ledger(read_settings(), create=True) as database:
        now, changes = current(database, frozen), rollouts.history(database, frozen.name)
        arms = canary_figures(database, frozen.name, now)
    if as_json:
        print_json(
            {
                "task": frozen.name,
                "rollout": now.model_dump(),
                "canary": arms,
                "history": [_row(change) for change in changes],
            }
        )
        return
    told = ", ".join([_told(now), *_gone(now, changes)])
    source = _source(changes[-1].rollout if changes else now)
    lines = [f"{frozen.name}: {told} ({source})", *(_arm(arm) for arm in arms)]
    print_text("\n".join([*lines, *(_line(change) for change in changes)]))


def _arm(arm: Mapping[str, object]) -> str:
    from producer.dollars import shown

    items, passed, cost = arm["items"], arm["passed"], arm["mean_cost_usd"]
    mean = "" if cost is None else f", {shown(cost)} each"  # type: ignore[arg-type]
    return f"{'canary' if arm['canary'] else 'usual':>8}: {passed} of {items} passed{mean}"


_FOLLOW = "Running jobs follow within 5 s."
_VERSIONED: tuple[Versioned, ...] = ("classifier", "calibration")


def _change(path: Path, action: str, changed: Callable[[Rollout], Rollout], by: str | None, why: str) -> None:
    from producer.ledger import open_ledger
    from producer.rollouts import change
    from producer.task_folder import load_task
    from workers.settings import read_settings

    task: FrozenTask = load_task(path)
    with open_ledger(read_settings(), create=True) as database:
        before, now = change(database, task, action, changed, by=by, reason=why)
    print_text(f"{task.name}: {_told(before)} -> {_told(now)} (revision {now.revision}). {_FOLLOW}")


def _told(rollout: Rollout) -> str:
    parts = [f"ramp {rollout.ramp:g} %"]
    if rollout.holdout:
        parts.append(f"holdout {rollout.holdout:g} %")
    if rollout.canary is not None:
        parts.append(f"canary {rollout.canary.model} on {rollout.canary.share:g} % of {rollout.canary.tier}")
    parts += [f"{field} {version}" for field in _VERSIONED if (version := getattr(rollout, field)) is not None]
    parts += [f"{tier} by {override.model}" for tier, override in rollout.promoted.items()]
    return ", ".join(parts)


def _gone(now: Rollout, changes: Sequence[RolloutChange]) -> list[str]:
    """Say of what no version is active any more."""
    return [
        f"no {field}"
        for field in _VERSIONED
        if getattr(now, field) is None and any(getattr(change.rollout, field) is not None for change in changes)
    ]


def _source(rollout: Rollout) -> str:
    if not rollout.revision:
        return "as its file says"
    return f"{'as its file says, ' if rollout.follows_file else ''}revision {rollout.revision}"


def _row(change: RolloutChange) -> dict[str, object]:
    return {
        "revision": change.rollout.revision,
        "at": _moment(change),
        "action": change.action,
        "by": change.changed_by,
        "why": change.reason,
        "rollout": change.rollout.model_dump(exclude={"revision"}),
    }


def _line(change: RolloutChange) -> str:
    why = f": {change.reason}" if change.reason else ""
    told = f"{change.action} by {change.changed_by}{why}"
    return f"{change.rollout.revision:>5}  {_moment(change)}  {told} -> {_told(change.rollout)}"


def _moment(change: RolloutChange) -> str:
    return datetime.fromtimestamp(change.changed_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
