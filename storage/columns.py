"""Columns and conditions that several tables share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column

if TYPE_CHECKING:
    from enum import StrEnum

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Mapped


def one_of(column: str, values: type[StrEnum]) -> str:
    """Return the condition of a CHECK that admits these values only."""
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


def big(*, nullable: bool = False, default: int | None = None, primary_key: bool = False) -> Column[int]:
    """Return a column of 64 bits."""
    return Column(
        BigInteger,
        nullable=nullable,
        primary_key=primary_key,
        autoincrement=False,
        server_default=None if default is None else str(default),
    )


def unindexed(column: Mapped[int]) -> ColumnElement[int]:
    """Return a column's value in a form that no index is looked through for.

    Where a small index answers a question, as that of leased items does, a planner without statistics may still walk
    the key of all of a job's items instead, for their order or for the job.
    """
    return column + 0


def unindexed_text(column: Mapped[str]) -> ColumnElement[str]:
    """Return a text column's value in such a form."""
    return column + ""
