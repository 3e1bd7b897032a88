"""The deployment file a command means: the one it names, the configured one, the task's own, or the folder's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workers.deployment import find_deployment, read_deployment

if TYPE_CHECKING:
    from routing.deployment import DeploymentSpec
    from workers.settings import Settings


def deployment_for(settings: Settings, named: Path | None, task: Path | None = None) -> tuple[Path, DeploymentSpec]:
    """Return the deployment's file and what it says.

    Raises UsageError where there is none, InvalidFileError with every mistake in it.
    """
    file = find_deployment(named, settings.deployment, task, Path.cwd())
    return file, read_deployment(file)
