"""A group of commands of which one need not be named: `cheapfirst eval TASK LABELS` is `cheapfirst eval run ...`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

DEFAULT = "run"


class DefaultCommandGroup(TyperGroup):
    """Runs `run` where the first argument names no command of the group."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own, and private
        """Put the command's name in front where it is left out."""
        if args and args[0] not in self.commands and args[0] not in self.get_help_option_names(ctx):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)
