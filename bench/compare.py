"""Ours beside what people write today: the same cascade, documents and model server, in turns.

Every contender runs in an environment of its own under `bench/.environments/`, made from hash-pinned files. In each
round each contender has its turn, so that a noisy machine meets all of them. Counted is the CPU time from the first
document to the last: `own` is that of the contender's processes, `services` that of Redis and PostgreSQL. Who submits
and the model server are not counted. `kept` is what becomes of a kill -9 of every own process after a quarter: the
share of documents that have a result a minute after it was started again, without anybody submitting anew.

    python bench/compare.py [--documents 4000] [--rounds 5] [--only NAME ...] [--no-kill]

writes `bench/results/compare.json` and `compare.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import threading
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from bench.process_cost import cpu_s, resident_mb
from bench.stage import HERE, wait_until
from bench.turns import HARD_EVERY, IN_FLIGHT, LATENCY_MS, contenders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.turns import Contender

RESULTS = HERE / "results"
AFTER_KILL_S = 60.0
FIGURES = {
    "own": "own CPU ms",
    "services": "services' CPU ms",
    "documents_per_s": "documents/s",
    "resident_mb": "MB resident",
}
"""The figures of a turn: CPU times are for a document."""


def main() -> None:
    """Run every contender in turns, and write the results."""
    options = _options()
    chosen = [contender for contender in contenders() if not options.only or contender.name in options.only]
    turns: dict[str, list[dict[str, float]]] = {contender.name: [] for contender in chosen}
    for number in range(options.rounds):
        for contender in chosen:
            found = _measure(contender, options.documents)
            turns[contender.name].append(found)
            told = "  ".join(f"{title} {found[key]:.2f}" for key, title in FIGURES.items())
            print(f"{number + 1}  {contender.name:28}  {told}", flush=True)
    kept = {} if options.no_kill else {each.name: _kept(each, options.documents) for each in chosen}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "compare.json").write_text(json.dumps(_results(options, turns, kept), indent=2) + "\n")
    (RESULTS / "compare.md").write_text(_table(options, turns, kept))
    print(_table(options, turns, kept))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--no-kill", action="store_true")
    return parser.parse_args()


def _measure(contender: Contender, documents: int) -> dict[str, float]:
    with contender.turn(documents) as turn:
        own, services, began = cpu_s(turn.own()), cpu_s(turn.services()), time.monotonic()
        turn.begin()
        wait_until(lambda: turn.done() >= documents, 600)
        took_s = time.monotonic() - began
        return {
            "own": (cpu_s(turn.own()) - own) * 1000 / documents,
            "services": (cpu_s(turn.services()) - services) * 1000 / documents,
            "documents_per_s": documents / took_s,
            "resident_mb": resident_mb(turn.own()),
        }


def _kept(contender: Contender, documents: int) -> float:
    with contender.turn(documents) as turn:
        turn.begin()
        wait_until(lambda: turn.done() >= documents / 4, 600)
        for pid in turn.own():
            _kill_tree(pid)
        deadline = time.monotonic() + (AFTER_KILL_S if turn.start_again() else 0)
        pause = threading.Event()
        while turn.done() < documents and time.monotonic() < deadline:
            pause.wait(0.5)
        kept = turn.done() / documents
    print(f"kept  {contender.name:28}  {kept:.1%}", flush=True)
    return kept


def _kill_tree(pid: int) -> None:
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    os.kill(pid, signal.SIGKILL)
    for child in children:
        _kill_tree(int(child))


def _results(
    options: argparse.Namespace, turns: Mapping[str, Sequence[Mapping[str, float]]], kept: Mapping[str, float]
) -> dict[str, object]:
    return {
        "documents": options.documents,
        "rounds": options.rounds,
        "latency_ms": LATENCY_MS,
        "in_flight": IN_FLIGHT,
        "hard_every": HARD_EVERY,
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("celery", "kombu", "pyreqwest", "sqlalchemy", "psycopg")},
        "turns": turns,
        "kept": kept,
    }


def _table(
    options: argparse.Namespace, turns: Mapping[str, Sequence[Mapping[str, float]]], kept: Mapping[str, float]
) -> str:
    lines = [
        f"{options.documents} documents, 1.25 calls each, {LATENCY_MS} ms, {IN_FLIGHT} in flight. Medians of",
        f"{options.rounds} interleaved rounds (least to greatest). Python {platform.python_version()}; cores:",
        f"{os.cpu_count()}. CPU times are for a document.",
        "",
        f"| contender | {' | '.join(FIGURES.values())} | kept after kill -9 |",
        f"|---|{'---|' * len(FIGURES)}---|",
    ]
    for name, found in turns.items():
        cells = [_cell([turn[key] for turn in found]) for key in FIGURES]
        lines.append(f"| {name} | {' | '.join(cells)} | {f'{kept[name]:.0%}' if name in kept else 'not asked'} |")
    return "\n".join(lines) + "\n"


def _cell(values: Sequence[float]) -> str:
    digits = 2 if max(values) < 100 else 0
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    main()
