"""A canary as a person asks for it, checked against the task and the deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from producer.deployment_file import deployment_for
from routing.errors import UsageError
from routing.file_errors import nearest
from routing.prompts import VARIABLES
from routing.task import CanarySpec, ConditionSpec
from routing.templates import Template
from workers.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from routing.task import FrozenTask


def canary_spec(
    task: FrozenTask,
    task_path: Path,
    deployment: Path | None,
    *,
    tier: str | None,
    model: str,
    share: float,
    system: Path | None,
) -> CanarySpec:
    """Return the canary. Raises UsageError for a tier or a model that is not there, or a prompt that cannot be used."""
    tiers = [known.name for known in task.tiers]
    chosen = tiers[0] if tier is None else tier
    if chosen not in tiers:
        raise UsageError(f"Task `{task.name}` has no tier `{chosen}`.", nearest(chosen, tiers) or ", ".join(tiers))
    file, spec = deployment_for(read_settings(), deployment, task_path)
    if model not in spec.models:
        known = ", ".join(sorted(spec.models))
        raise UsageError(f"{file} has no model `{model}`.", nearest(model, spec.models) or f"It has: {known}.")
    return CanarySpec(tier=chosen, model=model, share=share, system=_prompt(system))


def condition(option: str, text: str | None) -> ConditionSpec | None:
    """Return a condition written as `pass_rate_drop=0.03,cost_rise=0.5`. Raises UsageError for what is none."""
    if text is None:
        return None
    parts = [part.partition("=") for part in text.split(",")]
    try:
        given = ConditionSpec(**{name.strip(): float(value) for name, _, value in parts})
    except (ValidationError, ValueError, TypeError):
        raise UsageError(f"{option} `{text}` is no condition.", _CONDITION_FORM) from None
    if given.pass_rate_drop is None and given.cost_rise is None:
        raise UsageError(f"{option} `{text}` says nothing.", _CONDITION_FORM)
    return given


_CONDITION_FORM = (
    "Write pass_rate_drop=0.03,cost_rise=0.5 (shares; one of them is enough) and, if you like, confidence."
)


def _prompt(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read as a prompt ({type(error).__name__}).") from None
    unknown = sorted(Template(text).variables - VARIABLES)
    if unknown:
        raise UsageError(
            f"{file} names `{unknown[0]}`, which a prompt cannot.", f"There are: {', '.join(sorted(VARIABLES))}."
        )
    return text
