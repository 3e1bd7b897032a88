"""A trial of the fault suite: its size, its randomness from a seed that is printed, and where its findings go."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from tests.faults.oracle import Findings

T = TypeVar("T")
CHEAPFIRST = "cheapfirst"


@dataclass(frozen=True)
class Trial:
    """What one test of the suite runs with. `tell` takes the line of its findings."""

    test: str
    seed: int
    full: bool
    random: Random
    tell: Callable[[Mapping[str, Any]], None]

    def size(self, small: T, full: T) -> T:
        """Return what this run is to use."""
        return full if self.full else small

    def report(
        self,
        point: int,
        fault: str,
        findings: Findings | None,
        *,
        times: int = 1,
        system: str = CHEAPFIRST,
        **figures: object,
    ) -> None:
        """Write down what a fault that was played so many times did. To be called before anything is asserted.

        `point` is the fault's number in the suite (docs/reliability.md), `figures` whatever else was measured.
        `findings` is None where no document was in play, so that nothing could be lost or bought twice.
        """
        told = dict.fromkeys(_FOUND) if findings is None else dataclasses.asdict(findings)
        self.tell(
            {"point": point, "fault": fault, "system": system, "times": times, **told}
            | {"seed": self.seed, "size": "full" if self.full else "small", "test": self.test}
            | figures
        )


def append_line(file: Path, line: Mapping[str, Any]) -> None:
    """Append one line of JSON; whole, though several processes write."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, json.dumps(line).encode() + b"\n")
    finally:
        os.close(descriptor)


_FOUND = tuple(field.name for field in dataclasses.fields(Findings))
_COLUMNS = ("point", "fault", "system", "times", "lost", "duplicate_results", "duplicate_paid_calls")
_KNOWN = (*_COLUMNS, "unexpected", "recovered_s", "seed", "size", "test")


def table(lines: list[dict[str, Any]]) -> list[str]:
    """Return findings as the lines of a Markdown table, by point."""
    rows = [["point", "fault", "system", "times", "lost", "duplicate results", "duplicate paid calls", "unexpected"]]
    rows[0] += ["recovered s", "also", "seed"]
    for line in sorted(lines, key=lambda line: (line["point"], line["fault"], line["system"])):
        also = ", ".join(f"{name} {value}" for name, value in line.items() if name not in _KNOWN)
        unexpected = None if line["unexpected"] is None else "; ".join(line["unexpected"]) or 0
        cells = (*(line[name] for name in _COLUMNS), unexpected, line["recovered_s"], also, line["seed"])
        rows.append(["" if cell is None else str(cell) for cell in cells])
    rows.insert(1, ["---"] * len(rows[0]))
    return [f"| {' | '.join(row)} |" for row in rows]
