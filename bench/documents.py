"""CPU time of a document through the whole engine, and where it goes.

A cascade with 1.25 calls per document: one document in four fails the cheap tier's checks. Real Redis, PostgreSQL and
HTTP on loopback; the model server answers after a fixed latency. Counted is the CPU time of the worker processes, user
and system, between the first and the last item, from /proc; that of Redis, PostgreSQL and the model server is told
apart. Each run starts its services anew; the median of the runs is printed.

    python bench/documents.py [--documents 10000] [--runs 3] [--latency-ms 200] [--in-flight 200] [--chunk 16]
                              [--processes 1] [--together] [--ledger postgresql] [--http-client pyreqwest]
                              [--cpu-share 0.4]

`--cpu-share` holds each worker process to a share of a CPU, so that the services beside them always have room: how
processes add up where the machine is not the limit (`bench/cpu_share.py` says what it needs).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from bench.cpu_share import held_to
from bench.process_cost import cpu_s, most_resident_mb, resident_mb
from bench.stage import HERE, TIERS, Queues, Stage, stage, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

HARD_EVERY = 4


def main() -> None:
    """Run the benchmark and print a table."""
    options = _options()
    results = [_run(options) for _ in range(options.runs)]
    each = "for both queues" if options.together else "a queue"
    print(
        f"{options.documents} documents, {options.ledger}, chunk {options.chunk}, {options.latency_ms} ms latency, "
        f"{options.in_flight} in flight, {options.processes} processes {each}, {options.http_client}, "
        f"{options.runs} runs; Python {platform.python_version()}, {os.cpu_count()} cores"
    )
    for name in results[0]:
        values = [result[name] for result in results]
        print(f"{name:40} {statistics.median(values):10.3f}   ({min(values):.3f} .. {max(values):.3f})")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--latency-ms", type=int, default=200)
    parser.add_argument("--in-flight", type=int, default=200)
    parser.add_argument("--chunk", type=int, default=16)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--together", action="store_true", help="each process serves both queues")
    parser.add_argument("--cpu-share", type=float)
    parser.add_argument("--http-client", choices=["pyreqwest", "httpx"], default="pyreqwest")
    parser.add_argument("--ledger", choices=["postgresql", "sqlite"], default="postgresql")
    return parser.parse_args()


def _run(options: argparse.Namespace) -> dict[str, float]:
    queues = Queues(options.in_flight, options.chunk, options.http_client)
    server = [str(HERE / "model_server.py"), "--latency-ms", str(options.latency_ms)]
    with stage(queues, options.ledger, server) as at:
        return _measure(at, options)


def _measure(at: Stage, options: argparse.Namespace) -> dict[str, float]:
    job = at.submit(options.documents, HARD_EVERY)
    queues = [",".join(TIERS)] if options.together else TIERS
    with at.workers(queues * options.processes) as workers, _room(options, workers.pids):
        costs = {"worker CPU": workers.pids, "Redis CPU": [at.broker_pid], "model server CPU": [at.server.pid]}
        if at.postgres is not None:
            costs["PostgreSQL CPU"] = [at.postgres.pid]
        before = {name: cpu_s(pids) for name, pids in costs.items()}
        began = time.monotonic()
        at.publish(job)
        wait_until(lambda: at.is_done(job), 600)
        took_s = time.monotonic() - began
        result = {
            f"{name} ms per document": (cpu_s(pids) - before[name]) * 1000 / options.documents
            for name, pids in costs.items()
        }
        result["documents per second"] = options.documents / took_s
        result["largest worker, MB resident"] = max(resident_mb([pid]) for pid in workers.pids)
        result["the same, at most"] = max(map(most_resident_mb, workers.pids))
        result["most calls in flight at once"] = at.most_in_flight()
    return result


def _room(options: argparse.Namespace, pids: Sequence[int]) -> AbstractContextManager[None]:
    return nullcontext() if options.cpu_share is None else held_to(options.cpu_share, pids)


if __name__ == "__main__":
    main()
