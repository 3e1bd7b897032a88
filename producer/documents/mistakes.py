"""Mistakes in a file of labels, gathered to be told all at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from routing.errors import Problem

if TYPE_CHECKING:
    from routing.label_check import LabelProblem

MOST_MISTAKES = 100


class Mistakes:
    """Gathers up to a hundred mistakes; a label that many lines have wrong alike is one, told with its first line."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._of_labels: dict[tuple[str, str], int] = {}
        self._more: dict[int, int] = {}

    @property
    def is_full(self) -> bool:
        """Whether further ones are not taken in."""
        return len(self._problems) >= MOST_MISTAKES

    def add(self, file: str, line: int | None, mistake: str | LabelProblem) -> None:
        """Take in a mistake of one line, or what is wrong with its label."""
        if isinstance(mistake, str):
            self._append(file, line, mistake, "")
            return
        place = self._of_labels.setdefault((file, mistake.message), len(self._problems))
        if place < len(self._problems):
            self._more[place] = self._more.get(place, 0) + 1
        else:
            self._append(file, line, mistake.message, mistake.suggestion)

    def _append(self, file: str, line: int | None, message: str, suggestion: str) -> None:
        if not self.is_full:
            self._problems.append(Problem(file, line or 0, 1 if line else 0, message, suggestion))

    def problems(self) -> list[Problem]:
        """Return them, in the order of their lines."""
        return [
            replace(problem, message=f"{problem.message}; {more} more lines have that")
            if (more := self._more.get(place))
            else problem
            for place, problem in enumerate(self._problems)
        ]
