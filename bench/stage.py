"""What the benchmarks run on: real Redis, a real ledger, a model server and worker processes, all new and all ours."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from pydantic import SecretStr
from redis import Redis

from producer.embedded.redis_server import EmbeddedRedis
from routing.task import ChecksSpec, FrozenTask, JsonSchema, TierSpec
from storage import jobs, migrate, workers
from storage.database import Database
from storage.states import JobState
from tests.support.postgres_server import PostgresServer, find_binaries
from workers.app import create_app
from workers.broker import Broker
from workers.publishing import publish_job
from workers.settings import Settings
from workers.supervisor import Supervisor, WorkerCommand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from workers.app import WorkerApp

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
TIERS = [tier.name for tier in TASK.tiers]
_ITEMS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Queues:
    """How the queues are set: `concurrency` is a number or `auto`; `http_client` is what calls are made with."""

    concurrency: int | str = 200
    chunk: int = 16
    http_client: str = "pyreqwest"


@dataclass(frozen=True, slots=True)
class Stage:
    """Services that run. `postgres` is None where the ledger is SQLite; `home` is a folder that ends with them."""

    home: Path
    base_url: str
    server: subprocess.Popen[bytes]
    postgres: PostgresServer | None
    broker_pid: int
    database: Database
    broker: Broker
    app: WorkerApp
    environment: dict[str, str]

    def service_pids(self) -> list[int]:
        """Return the processes of Redis and, where it is the ledger, PostgreSQL."""
        pids = [self.broker_pid]
        return pids if self.postgres is None else [*pids, self.postgres.pid]

    def submit(self, documents: int, hard_every: int, name: str = "bench") -> int:
        """Write a job of so many documents, one in `hard_every` hard (0: none), and return its id."""
        job = jobs.create(
            self.database,
            name=name,
            task=TASK,
            content_hash="bench",
            items_total=documents,
            budget=None,
            item_budget=None,
        )
        for start in range(0, documents, _ITEMS_AT_ONCE):
            numbers = range(start, min(documents, start + _ITEMS_AT_ONCE))
            items = [
                jobs.NewItem(f"d{number}", "cheap", text(number, hard_every), "{}", None, None) for number in numbers
            ]
            jobs.add_items(self.database, job.id, start + 1, items)
        jobs.open_job(self.database, job.id, TIERS)
        return job.id

    def publish(self, job: int) -> None:
        """Put a job's documents on their queue."""
        publish_job(self.database, self.app.publisher, job, TIERS)

    @contextmanager
    def workers(self, queues: Sequence[str]) -> Iterator[Supervisor]:
        """Run one worker process for each of these queues, and wait until they have said that they are there.

        One that serves several is told them with commas between.
        """
        commands = [WorkerCommand(tuple(queue.split(","))) for queue in queues]
        served = sum(len(command.queues) for command in commands)
        with Supervisor(
            commands,
            environment=self.environment,
            database=self.database,
            broker=self.broker,
            log_directory=self.home,
        ) as supervisor:
            wait_until(lambda: len(workers.running(self.database)) == served, 30)
            yield supervisor

    def most_in_flight(self) -> int:
        """Return how many calls the model server has held at once at most."""
        with urlopen(f"{self.base_url.removesuffix('/v1')}/stats") as answer:
            return int(json.load(answer)["most_in_flight"])

    def is_done(self, job: int) -> bool:
        """Tell whether a job has ended, and raise AssertionError where not every document was done."""
        found = jobs.find(self.database, str(job))
        if found.state != JobState.DONE:
            return False
        assert found.items_done == found.items_total, found
        return True


def text(number: int, hard_every: int) -> str:
    """Return the document of this number."""
    is_hard = hard_every and number % hard_every == 0
    return f"{number} {'HARD' if is_hard else ''}\n{TEXT}"


@contextmanager
def stage(queues: Queues, ledger: str, server: Sequence[str]) -> Iterator[Stage]:
    """Start Redis, a ledger (`postgresql` or `sqlite`) and a model server with these arguments after `python`."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cheapfirst-bench-")))
        redis = stack.enter_context(EmbeddedRedis(home / "redis"))
        postgres = stack.enter_context(_postgres()) if ledger == "postgresql" else None
        database_url = postgres.url("postgres") if postgres else f"sqlite:///{home / 'ledger.db'}"
        process, base_url = stack.enter_context(model_server(server))
        deployment = home / "cheapfirst.yaml"
        deployment.write_text(_deployment(queues, base_url))
        settings = Settings(DATABASE_URL=database_url, REDIS_URL=redis.url, CHEAPFIRST_DEPLOYMENT=deployment)
        database, broker = Database(database_url), Broker(SecretStr(redis.url))
        stack.callback(database.close)
        stack.callback(broker.close)
        migrate.upgrade(database)
        environment = settings.environment() | {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis.url,
            "CHEAPFIRST_DEPLOYMENT": str(deployment),
        }
        yield Stage(
            home, base_url, process, postgres, _pid(redis.url), database, broker, create_app(settings), environment
        )


def wait_until(condition: Callable[[], bool], timeout_s: float) -> None:
    """Wait for a condition. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark did not come to its end")
        pause.wait(0.2)


def _pid(redis_url: str) -> int:
    with Redis.from_url(redis_url) as client:
        return int(client.info("server")["process_id"])


def _postgres() -> PostgresServer:
    binaries = find_binaries()
    assert binaries is not None, "install PostgreSQL"
    return PostgresServer(binaries)


@contextmanager
def model_server(arguments: Sequence[str]) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run a model server with these arguments after `python`, and give its process and address."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline())["base_url"]
    finally:
        process.terminate()
        process.wait()


def _deployment(queues: Queues, base_url: str) -> str:
    price = "price: {input: 0.25, output: 2}"
    return (
        f"http_client: {queues.http_client}\n"
        f"models:\n"
        f"  small: {{provider: openai, model: cheap, base_url: '{base_url}', {price}}}\n"
        f"  large: {{provider: openai, model: expensive, base_url: '{base_url}', {price}}}\n"
        f"queues:\n"
        f"  cheap: {{concurrency: {queues.concurrency}, chunk: {queues.chunk}}}\n"
        f"  expensive: {{concurrency: {queues.concurrency}, chunk: {queues.chunk}}}\n"
    )
