"""CPU time of a document through the whole engine, and where it goes.

A cascade with 1.25 calls per document: one document in four fails the cheap tier's checks. Real Redis, PostgreSQL and
HTTP on loopback; the model server answers after a fixed latency. Counted is the CPU time of the worker processes, user
and system, between the first and the last item, from /proc; that of PostgreSQL, Redis and the model server is told
apart. Each run starts its services anew; the median of the runs is printed.

    python bench/documents.py [--documents 10000] [--runs 3] [--latency-ms 200] [--in-flight 200] [--chunk 16]
                              [--ledger postgresql] [--http-client pyreqwest]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from pydantic import SecretStr

from producer.embedded.redis_server import EmbeddedRedis
from routing.task import ChecksSpec, FrozenTask, JsonSchema, TierSpec
from storage import jobs, migrate
from storage.database import Database
from storage.states import JobState
from tests.support.postgres_server import PostgresServer, find_binaries
from workers.app import create_app
from workers.broker import Broker
from workers.publishing import publish_job
from workers.settings import Settings
from workers.supervisor import Supervisor, WorkerCommand

HERE = Path(__file__).parent
TEXT = (
    "CORNER SHOP\n1 HIGH STREET\nDATE: 25/12/2018\n" + "ITEM   1 X 3.00   3.00\n" * 40 + "TOTAL 9.00\nCASH 10.00\n"
    "CHANGE 1.00\nTHANK YOU\n"
)
TASK = FrozenTask(
    name="bench",
    output=JsonSchema(
        json_schema={
            "type": "object",
            "properties": {
                "company": {"type": "string"},
                "date": {"type": "string"},
                "address": {"type": "string"},
                "total": {"type": "number"},
            },
            "required": ["company", "date", "address", "total"],
            "additionalProperties": False,
        }
    ),
    tiers=(
        TierSpec(name="cheap", model="small", system="Extract.", user="<document>\n{{ text }}\n</document>"),
        TierSpec(name="expensive", model="large", system="Extract.", user="<document>\n{{ text }}\n</document>"),
    ),
    checks=ChecksSpec(
        grounded=("company", "date", "total"), rules=("total >= 0", "len(company) > 2"), max_output_chars=4000
    ),
)
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run the benchmark and print a table."""
    options = _options()
    results = [_run(options) for _ in range(options.runs)]
    print(
        f"{options.documents} documents, {options.ledger}, chunk {options.chunk}, {options.latency_ms} ms latency, "
        f"{options.in_flight} in flight, {options.http_client}, {options.runs} runs",
        f"Python {platform.python_version()}, {os.cpu_count()} cores",
        sep="; ",
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
    parser.add_argument("--http-client", choices=["pyreqwest", "httpx"], default="pyreqwest")
    parser.add_argument("--ledger", choices=["postgresql", "sqlite"], default="postgresql")
    return parser.parse_args()


def _run(options: argparse.Namespace) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory(prefix="cheapfirst-bench-") as folder,
        EmbeddedRedis(Path(folder) / "redis") as redis,
    ):
        home = Path(folder)
        if options.ledger == "sqlite":
            return _measure(options, home, redis.url, f"sqlite:///{home / 'ledger.db'}", None)
        binaries = find_binaries()
        assert binaries is not None, "install PostgreSQL"
        with PostgresServer(binaries) as postgres:
            return _measure(options, home, redis.url, postgres.url("postgres"), postgres)


def _measure(
    options: argparse.Namespace, home: Path, redis_url: str, database_url: str, postgres: PostgresServer | None
) -> dict[str, float]:
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "evaluation.model_server"),
            *("--engines", str(HERE / "engines.py"), "--latency-ms", str(options.latency_ms)),
        ],
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    base_url = json.loads(server.stdout.readline())["base_url"]
    deployment = home / "cheapfirst.yaml"
    deployment.write_text(_deployment(options, base_url))
    settings = Settings(DATABASE_URL=database_url, REDIS_URL=redis_url, CHEAPFIRST_DEPLOYMENT=deployment)
    database, broker = Database(database_url), Broker(SecretStr(redis_url))
    migrate.upgrade(database)
    environment = settings.environment() | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "CHEAPFIRST_DEPLOYMENT": str(deployment),
    }
    try:
        job = _submitted(database, options.documents)
        app = create_app(settings)
        workers = [WorkerCommand(("cheap",)), WorkerCommand(("expensive",))]
        with Supervisor(workers, environment=environment, database=database, broker=broker, log_directory=home) as pool:
            _wait(lambda: broker_ready(database), 30)
            names = {"worker CPU ms per document": pool.pids, "model server CPU ms per document": [server.pid]}
            if postgres is not None:
                names["PostgreSQL CPU ms per document"] = _tree(postgres.pid)
            before = {name: _cpu_s(pids) for name, pids in names.items()}
            began = time.monotonic()
            publish_job(database, app.publisher, job, [tier.name for tier in TASK.tiers])
            _wait(lambda: jobs.find(database, str(job)).state == JobState.DONE, 600)
            took = time.monotonic() - began
            if postgres is not None:
                names["PostgreSQL CPU ms per document"] = _tree(postgres.pid)
            result = {name: (_cpu_s(pids) - before[name]) * 1000 / options.documents for name, pids in names.items()}
            result["documents per second"] = options.documents / took
            result["largest worker, MB resident"] = max(_resident_mb(pid) for pid in pool.pids)
        done = jobs.find(database, str(job))
        assert done.items_done == options.documents, done
        return result
    finally:
        server.terminate()
        server.wait()
        database.close()
        broker.close()


def broker_ready(database: Database) -> bool:
    """Tell whether both workers have said that they are there."""
    from storage import workers

    return len(workers.running(database)) == 2


def _deployment(options: argparse.Namespace, base_url: str) -> str:
    price = "price: {input: 0.25, output: 2}"
    return (
        f"http_client: {options.http_client}\n"
        f"models:\n"
        f"  small: {{provider: openai, model: cheap, base_url: '{base_url}', {price}}}\n"
        f"  large: {{provider: openai, model: expensive, base_url: '{base_url}', {price}}}\n"
        f"queues:\n"
        f"  cheap: {{concurrency: {options.in_flight}, chunk: {options.chunk}}}\n"
        f"  expensive: {{concurrency: {options.in_flight}, chunk: {options.chunk}}}\n"
    )


def _submitted(database: Database, documents: int) -> int:
    job = jobs.create(
        database,
        name="bench",
        task=TASK,
        content_hash="bench",
        items_total=documents,
        budget=None,
        item_budget=None,
    )
    items = [
        jobs.NewItem(f"d{number}", "cheap", f"{number} {'HARD' if number % 4 == 0 else ''}\n{TEXT}", "{}", None, None)
        for number in range(documents)
    ]
    for start in range(0, documents, 5000):
        jobs.add_items(database, job.id, start + 1, items[start : start + 5000])
    jobs.open_job(database, job.id, [tier.name for tier in TASK.tiers])
    return job.id


def _wait(condition: object, timeout_s: float) -> None:
    assert callable(condition)
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark did not come to its end")
        pause.wait(0.2)


def _cpu_s(pids: list[int]) -> float:
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += (int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])) / TICKS_PER_S
    return total


def _resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(int(child) for child in children)]


if __name__ == "__main__":
    main()
