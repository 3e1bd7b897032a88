"""How long a document is on its way when nothing else is: from the moment it is submitted to its call's arrival.

A worker process for each queue waits; single documents are submitted to it, each a job of its own, at intervals that
vary. Counted is from before the job's first statement until the model server has its call whole: the ledger's
transactions, Redis, the claim, the prompt and HTTP lie in between. Reading files and starting a command do not.

    python bench/light_load.py [--documents 200] [--every-ms 250] [--ledger postgresql]
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.stage import HERE, TIERS, Queues, stage, wait_until

if TYPE_CHECKING:
    from bench.stage import Stage

_WARM_UP = 5


def main() -> None:
    """Run the benchmark and print the distribution."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="cheapfirst-arrivals-") as folder:
        arrivals = Path(folder) / "arrivals"
        server = [str(HERE / "model_server.py"), "--latency-ms", "50", "--arrivals", str(arrivals)]
        with stage(Queues(), options.ledger, server) as at, at.workers(TIERS):
            overheads_ms = sorted(_measure(at, arrivals, options)[_WARM_UP:])
    print(
        f"{len(overheads_ms)} documents, about {options.every_ms} ms apart, {options.ledger};"
        f" Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    hundredths = statistics.quantiles(overheads_ms, n=100, method="inclusive")
    for percent in (50, 90, 99):
        print(f"p{percent} {hundredths[percent - 1]:8.1f} ms")
    print(f"max {overheads_ms[-1]:8.1f} ms")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--every-ms", type=int, default=250)
    parser.add_argument("--ledger", choices=["postgresql", "sqlite"], default="postgresql")
    return parser.parse_args()


def _measure(at: Stage, arrivals: Path, options: argparse.Namespace) -> list[float]:
    """Return the milliseconds of each document, in their order. Each has arrived before the next is submitted."""
    chance = random.Random(0)
    submitted_s = []
    for number in range(options.documents + _WARM_UP):
        submitted_s.append(time.monotonic())
        at.publish(at.submit(1, 0, f"light-{number}"))
        threading.Event().wait(chance.uniform(0.5, 1.5) * options.every_ms / 1000)
        wait_until(lambda expected=number + 1: len(_lines(arrivals)) == expected, 30)
    arrived_s = [float(line) for line in _lines(arrivals)]
    return [(arrived - began) * 1000 for began, arrived in zip(submitted_s, arrived_s, strict=True)]


def _lines(arrivals: Path) -> list[str]:
    return arrivals.read_text().splitlines()


if __name__ == "__main__":
    main()
