"""A whole job with canaries in it, everything going wrong on the way, and all that was written or sent meanwhile.

Real Redis and PostgreSQL with passwords, a supervised worker that is killed, Flower, a collector, a provider that gives
back what it was sent, a database that quotes rows in its errors. What is gathered is bytes by place.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql

from tests.faults.scene import wait_until
from tests.hostile.canary_task import CASES, QUOTE_THE_DOCUMENT, answers, write_files
from tests.support.canaries import Canaries
from tests.support.command_line import Ended, run_command
from tests.support.echoing_provider import EchoingProvider, echoing_provider
from tests.support.postgres_server import PostgresServer
from tests.support.redis_process import RedisProcess
from tests.support.runs import COMMAND, ROOT
from tests.support.watching import RedisCommands, command_lines, redis_commands

WITHIN_S = 120.0
_FLOWER_PAGES = (
    *("/", "/workers", "/tasks", "/broker", "/metrics", "/api/workers?refresh=1", "/api/workers?status=1"),
    *("/api/tasks?limit=1000", "/api/task/types", "/api/queues/length", "/healthcheck"),
)


class CanaryJob:
    """Runs it, and gathers `places`: what was written or sent, by where. Entered by `canary_job`."""

    def __init__(self, folder: Path, canaries: Canaries, provider: EchoingProvider, database_url: str) -> None:
        self.canaries = canaries
        self.provider = provider
        self.places: dict[str, bytes] = {}
        self.ids: list[str] = []
        self._folder = folder
        self._database_url = database_url
        self.environment = {
            "DATABASE_URL": database_url,
            "CHEAPFIRST_HOME": str(folder / "home"),
            "CHEAPFIRST_DEPLOYMENT": str(folder / "cheapfirst.yaml"),
            "SMALL_KEY": canaries.secret["key of small"],
            "LARGE_KEY": canaries.secret["key of large"],
            "FLOWER_PASSWORD": canaries.secret["Flower password"],
            "OTEL_EXPORTER_OTLP_ENDPOINT": provider.base_url,
        }

    def command(self, name: str, *arguments: str) -> Ended:
        """Run a command, and keep what it prints under its name."""
        ended = run_command(*arguments)
        self._add(name, f"{ended.out}\n{ended.err}".encode())
        return ended

    def _add(self, place: str, told: bytes) -> None:
        self.places[place] = self.places.get(place, b"") + told

    def run(self, broker: RedisProcess) -> None:
        """Play the whole of it."""
        self.ids = write_files(self._folder, self.canaries, self.provider.base_url)
        upgraded = self.command("db upgrade", "db", "upgrade")
        assert upgraded.code == 0, upgraded.err
        self._execute(QUOTE_THE_DOCUMENT)
        with redis_commands(broker.url) as commands, command_lines() as processes:
            with self._service("worker", "worker", "cheap", "expensive") as worker, self._flower() as flower:
                self._work(worker, flower, commands)
            self._look_at_redis(broker)
        self._look_back()
        self.places |= {"process lists": b"\n".join(processes), "Redis commands": bytes(commands.told)}
        self.places["messages and events"] = commands.bodies
        self.places["spans"] = bytes(self.provider.spans)
        self.places["ledger"] = self._dumped_ledger()
        for file in sorted((self._folder / "home").rglob("*")):
            if file.is_file():
                self._add("home", file.read_bytes())

    def _work(self, worker: Path, flower: str, commands: RedisCommands) -> None:
        self.command("check", "check", "task")
        submitted = self.command("submit", "submit", "task", "documents.jsonl", "--name", "canaries")
        assert submitted.code == 0, submitted.err
        self._until(lambda: self.provider.calls.total() > 0)
        self.command("status", "status", "canaries", "--json")
        self._until(self._has_met_a_storm)  # what is written down before the kill is not lost with it
        self._kill_worker_process()
        self._until(lambda: b"Traceback" in worker.read_bytes() and b"WorkerFaultError" in commands.bodies)
        self._execute("DROP TRIGGER quote_the_document ON items")
        self._until(lambda: self._state("canaries") == "done")
        assert self.command("submit", "submit", "task", "key.jsonl", "--name", "refused").code == 0
        self._until(lambda: self._state("refused") == "stopped")
        self._browse(flower)

    def _until(self, condition: Callable[[], bool]) -> None:
        assert wait_until(condition, WITHIN_S) is not None, self.places

    def _kill_worker_process(self) -> None:
        """Kill the process the supervisor has started, with calls in its hands."""
        own = f"CHEAPFIRST_HOME={self._folder / 'home'}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                is_worker = b"workers.process" in (process / "cmdline").read_bytes()
                if is_worker and own in (process / "environ").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:  # another's, or gone
                continue

    def _has_met_a_storm(self) -> bool:
        with psycopg.connect(self._database_url) as connection:
            return bool(
                connection.execute("SELECT 1 FROM attempts WHERE attempts::text LIKE '%overloaded%'").fetchone()
            )

    def _state(self, job: str) -> str:
        with psycopg.connect(self._database_url) as connection:
            told = connection.execute("SELECT state FROM jobs WHERE name = %s", (job,)).fetchone()
        return "" if told is None else str(told[0])

    def _look_back(self) -> None:
        """Ask for everything that is told of a job, in every form."""
        for job in ("canaries", "refused"):
            for place in ("status", "items", "log"):
                self.command(place, place, job)
                self.command(place, place, job, "--json")
            self.command("report", "report", job)
            self.command("report --md", "report", job, "--md")
            self.command("report --json", "report", job, "--json")
            page = self._folder / f"{job}.html"
            self.command("report --html", "report", job, "--html", str(page))
            self._add("report --html", page.read_bytes())
            for form in ("jsonl", "csv", "parquet"):
                export = self._folder / f"{job}.{form}"
                self.command("results", "results", job, "--output", str(export))
                self._add("results", export.read_bytes())
        for case in ("hopeless", "raises", "bad_request", "storm"):
            shown = self.ids[CASES.index(case)]
            self.command("show", "show", shown, "--job", "canaries")
            self.command("show", "show", shown, "--job", "canaries", "--json")
        self.command("jobs", "jobs")
        self.command("route", "route", "task", "documents.jsonl", "--explain")
        self.command("rollout", "rollout", "task")
        self._fail_a_command()

    def _fail_a_command(self) -> None:
        """Let the database refuse a submission in the document's own words: a fault of this program, with a log."""
        self._execute(
            "CREATE FUNCTION quote_it() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no: %', NEW.text; END $$;"
            "CREATE TRIGGER quote_it BEFORE INSERT ON documents FOR EACH ROW EXECUTE FUNCTION quote_it()"
        )
        assert self.command("a fault", "submit", "task", "fault.jsonl", "--name", "fault").code == 70

    @contextmanager
    def _service(self, name: str, *arguments: str) -> Iterator[Path]:
        log = self._folder / f"{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*COMMAND, *arguments],
                cwd=self._folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        try:
            yield log
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(WITHIN_S)
            self.places[f"log of {name}"] = log.read_bytes()

    @contextmanager
    def _flower(self) -> Iterator[str]:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        with self._service("Flower", "flower", "--port", str(port)):
            url = f"http://127.0.0.1:{port}"
            self._until(lambda: self._page(url, "/healthcheck") != b"")
            yield url

    def _page(self, url: str, path: str) -> bytes:
        token = b64encode(f"cheapfirst:{self.canaries.secret['Flower password']}".encode()).decode()
        request = urllib.request.Request(url + path, headers={"Authorization": f"Basic {token}"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return str(answer.headers).encode() + bytes(answer.read())
        except urllib.error.HTTPError as error:
            return str(error.headers).encode() + error.read()
        except OSError:  # it is not up yet
            return b""

    def _browse(self, flower: str) -> None:
        """Look at every page, those of each worker (its settings too) and of each message included."""
        self._until(lambda: b"broker_url" in self._page(flower, "/api/workers?refresh=1"))
        pages = [self._page(flower, path) for path in _FLOWER_PAGES]
        tasks = json.loads(pages[_FLOWER_PAGES.index("/api/tasks?limit=1000")].partition(b"\n\n")[2])
        workers = json.loads(pages[_FLOWER_PAGES.index("/api/workers?refresh=1")].partition(b"\n\n")[2])
        for uuid in list(tasks)[:10]:
            pages += [self._page(flower, f"/task/{uuid}"), self._page(flower, f"/api/task/info/{uuid}")]
        pages += [self._page(flower, f"/worker/{name}") for name in workers]
        assert tasks
        assert workers
        self.places["Flower"] = b"\n".join(pages)

    def _look_at_redis(self, broker: RedisProcess) -> None:
        held = []
        with redis.Redis.from_url(broker.url) as client:
            client.config_set("rdbcompression", "no")
            client.save()
            for key in client.scan_iter("*"):
                held += [key, *_values(client, key)]
        self.places["Redis memory"] = b"\n".join(held)
        files = [
            file.read_bytes() for file in sorted(broker.folder.rglob("*")) if file.suffix != ".conf" and file.is_file()
        ]
        self.places["Redis files"] = b"\n".join(files)

    def _execute(self, statements: str) -> None:
        with psycopg.connect(self._database_url, autocommit=True) as connection:
            connection.execute(statements)

    def _dumped_ledger(self) -> bytes:
        rows = []
        with psycopg.connect(self._database_url) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (table,) in tables:
                query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))
                rows += [row for (row,) in connection.execute(query)]
        return "\n".join(rows).encode()


def _values(client: redis.Redis, key: bytes) -> list[bytes]:
    match client.type(key):
        case b"string":
            return [client.get(key) or b""]
        case b"list":
            return list(client.lrange(key, 0, -1))
        case b"set":
            return list(client.smembers(key))
        case b"hash":
            return [part for pair in client.hgetall(key).items() for part in pair]
        case b"zset":
            return list(client.zrange(key, 0, -1))
        case other:
            raise AssertionError(f"nobody looks into a {other!r}")


@contextmanager
def canary_job(folder: Path, server: PostgresServer) -> Iterator[CanaryJob]:
    """Yield a job that has ended."""
    canaries = Canaries.draw()
    with ExitStack() as ending:
        patched = ending.enter_context(pytest.MonkeyPatch.context())
        provider = ending.enter_context(echoing_provider(answers(canaries)))
        broker = RedisProcess(folder / "redis", "everysec", canaries.secret["Redis password"])
        ending.enter_context(broker)
        url = ending.enter_context(_database(server, canaries.secret["database password"]))
        job = CanaryJob(folder, canaries, provider, url)
        for name, value in (job.environment | {"REDIS_URL": broker.url}).items():
            patched.setenv(name, value)
        patched.chdir(folder)
        job.run(broker)
        yield job


@contextmanager
def _database(server: PostgresServer, password: str) -> Iterator[str]:
    name = f"canary_{secrets.token_hex(4)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        role = sql.Identifier(name)
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
        try:
            yield f"postgresql://{name}:{password}@127.0.0.1:{server.port}/{name}"
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(role))
            admin.execute(sql.SQL("DROP ROLE {}").format(role))
