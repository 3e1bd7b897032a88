"""Whether a deployment has what a task needs, asked before anything is started or written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.closest import closest
from routing.completion import TokenUsage
from routing.errors import UsageError
from routing.price import PriceList

if TYPE_CHECKING:
    from decimal import Decimal

    from routing.deployment import DeploymentSpec
    from routing.task import FrozenTask
    from workers.settings import Settings


def models_of(task: FrozenTask) -> list[str]:
    """Return the models a task names, each once."""
    agreement = [task.checks.agreement.model] if task.checks.agreement else []
    canary = [task.rollout.canary.model] if task.rollout.canary else []
    return list(dict.fromkeys([*(tier.model for tier in task.tiers), *agreement, *canary]))


def require_models(deployment: DeploymentSpec, task: FrozenTask) -> None:
    """Raise UsageError where a task names a model that the deployment lacks."""
    for name in models_of(task):
        if name not in deployment.models:
            close = closest(name, deployment.models)
            raise UsageError(
                f"The task `{task.name}` names the model `{name}`, which the deployment does not have.",
                f"Did you mean `{close}`?" if close else "Add it under `models`.",
            )


def require_budget(deployment: DeploymentSpec, task: FrozenTask, budget_usd: Decimal | None) -> None:
    """Raise UsageError where a budget allows no call at all: it is nothing, and a model of the task costs something."""
    prices, a_call = PriceList(deployment.models), TokenUsage(1_000_000, 1_000_000)
    if budget_usd == 0 and any(prices.most(model, a_call) for model in models_of(task)):
        raise UsageError(
            "A budget of $0 allows no call, so nothing was started.",
            "Name a greater one, or leave --budget out; `cheapfirst eval show N` shows again what was found.",
        )


def require_keys_and_prices(settings: Settings, deployment: DeploymentSpec) -> None:
    """Raise UsageError where a worker of this environment could not start: it needs all of the deployment's models."""
    PriceList(deployment.models)
    for model in deployment.models.values():
        if model.api_key_variable and settings.key(model.api_key_variable) is None:
            raise UsageError(
                f"Model `{model.name}` needs a key, and {model.api_key_variable} is not set.",
                f"Set {model.api_key_variable}, or take the model out of the deployment.",
            )
