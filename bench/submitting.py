"""How fast a large job is submitted, and that memory does not grow with it.

Writes JSONL rows of 0.4 kB and submits them with `cheapfirst submit`, the user's own command: reading, checking,
writing to the ledger and publishing on Redis are all counted, the start of the process too. Each run has services of
its own. Printed are rows a second, the CPU time of the command and of PostgreSQL, and the command's greatest resident
memory.

    python bench/submitting.py [--items 10000 100000] [--ledger postgresql] [--runs 3] [--chunk 16]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from bench.commands import command
from bench.process_cost import cpu_s
from bench.stage import HERE, Queues, stage

if TYPE_CHECKING:
    from bench.stage import Stage

_TASK = HERE.parent / "examples" / "receipts" / "task.yaml"
_TEXT = "CORNER SHOP\n1 HIGH STREET\nDATE: 25/12/2018\n" + "ITEM   1 X 3.00   3.00\n" * 11 + "TOTAL 33.00\nTHANK YOU\n"


def main() -> None:
    """Run the benchmark and print a line for each size."""
    options = _options()
    print(
        f"{options.ledger}, chunk {options.chunk}, {options.runs} runs;"
        f" Python {platform.python_version()}, {os.cpu_count()} cores"
    )
    for items in options.items:
        with tempfile.TemporaryDirectory(prefix="cheapfirst-rows-") as folder:
            rows = Path(folder) / "rows.jsonl"
            write_rows(rows, items)
            results = [_run(rows, items, options) for _ in range(options.runs)]
            row_bytes = rows.stat().st_size / items
        print(f"{items} rows of {row_bytes:.0f} bytes")
        for name in results[-1]:
            values = [result[name] for result in results]
            print(f"  {name:36} {statistics.median(values):12.2f}   ({min(values):.2f} .. {max(values):.2f})")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--ledger", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--chunk", type=int, default=16)
    return parser.parse_args()


def write_rows(path: Path, items: int) -> None:
    """Write so many different rows of 0.4 kB."""
    with path.open("wb") as file:
        for number in range(items):
            row = {
                "custom_id": f"d{number:07}",
                "text": f"RECEIPT {number}\n{_TEXT}",
                "metadata": {"shop": number % 97},
            }
            file.write(orjson.dumps(row) + b"\n")


def _run(rows: Path, items: int, options: argparse.Namespace) -> dict[str, float]:
    server = [str(HERE / "model_server.py"), "--latency-ms", "0"]
    with stage(Queues(chunk=options.chunk), options.ledger, server) as at:
        return _measure(at, rows, items)


def _measure(at: Stage, rows: Path, items: int) -> dict[str, float]:
    postgres = [] if at.postgres is None else [at.postgres.pid]
    before_s = cpu_s(postgres)
    used = command(["submit", str(_TASK), str(rows), "--json"], at.environment | {"CHEAPFIRST_HOME": str(at.home)})
    return {
        "rows a second": items / used.took_s,
        "CPU us a row, command": used.cpu_s / items * 1e6,
        "CPU us a row, PostgreSQL": (cpu_s(postgres) - before_s) / items * 1e6,
        "greatest resident MB, command": used.resident_mb,
        "of it its own, no page of a file": used.anonymous_mb,
    }


if __name__ == "__main__":
    main()
