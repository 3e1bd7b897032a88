"""This version beside another one, in turns: what a change did to the cost of a document.

A machine's speed drifts within minutes, so that only runs right after each other can be compared. Each round runs
`bench/documents.py` once of each version, in a sequence that alternates; the median of each figure is printed, and the
median of the rounds' ratios. The other version is a checkout of its own, whose packages are those of this one.

    git worktree add ../before COMMIT
    python bench/versions.py ../before [--rounds 7] [options of bench/documents.py]
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parents[1]
ALL_SERVICES = "worker, Redis and PostgreSQL CPU ms per document"
STEADIER = "the same, as a multiple of the model server's"
"""The model server does the same work in every run, at the same moment on the same machine."""
_FIGURE = re.compile(r"^(?P<name>\S.*?) +(?P<median>[0-9.]+) +\(", re.MULTILINE)


def main() -> None:
    """Run both versions in turns, and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, metavar="CHECKOUT")
    parser.add_argument("--rounds", type=int, default=7)
    options, of_documents = parser.parse_known_args()
    rounds = [_round(number, options.before.resolve(), of_documents) for number in range(options.rounds)]
    print(f"{'median of ' + str(options.rounds) + ' rounds':50} {'before':>9} {'now':>9} {'ratio':>7}")
    for name in rounds[0][1]:
        pairs = [(old[name], new[name]) for old, new in rounds if name in old]
        if pairs:
            medians = "".join(f" {statistics.median(values):9.3f}" for values in zip(*pairs, strict=True))
            print(f"{name:50}{medians} {_spread([new / old for old, new in pairs if old])}")


def _round(number: int, before: Path, options: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    in_turn = (before, HERE) if number % 2 == 0 else (HERE, before)
    found = {checkout: _figures(checkout, options) for checkout in in_turn}
    told = " -> ".join(f"{found[checkout][ALL_SERVICES]:.3f}" for checkout in (before, HERE))
    print(f"{number + 1}  {told}", flush=True)
    return found[before], found[HERE]


def _figures(checkout: Path, options: Sequence[str]) -> dict[str, float]:
    """Return what a version's benchmark prints. Raises CalledProcessError where it fails."""
    ran = subprocess.run(
        ["env", f"PYTHONPATH={checkout}", sys.executable, "bench/documents.py", "--runs", "1", *options],
        cwd=checkout,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures = {match["name"]: float(match["median"]) for match in _FIGURE.finditer(ran.stdout)}
    parts = [figures.get(f"{name} CPU ms per document", 0.0) for name in ("worker", "Redis", "PostgreSQL")]
    figures[ALL_SERVICES] = sum(parts)
    if server := figures.get("model server CPU ms per document"):
        figures[STEADIER] = sum(parts) / server
    return figures


def _spread(ratios: Sequence[float]) -> str:
    if not ratios:
        return ""
    return f"{statistics.median(ratios):7.3f}  ({min(ratios):.2f} .. {max(ratios):.2f})"


if __name__ == "__main__":
    main()
