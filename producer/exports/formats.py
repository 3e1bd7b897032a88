"""The forms results can be written in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from routing.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

Format: TypeAlias = Literal["jsonl", "csv", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)


def format_of(file: Path) -> Format:
    """Return the form a file's name ends with. Raises UsageError where it is none of ours."""
    for known in FORMATS:
        if file.suffix.lower() == f".{known}":
            return known
    raise UsageError(
        f"`{file.name}` does not say in which form results are wanted.",
        "End its name with .jsonl, .csv or .parquet, or pass --format.",
    )
