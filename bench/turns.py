"""The contenders of `compare.py`: what each is, how it is made ready, and where its results are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import redis

from bench.environments import python_of
from bench.stage import HERE, TIERS, Queues, Stage, model_server, stage
from producer.embedded.redis_server import EmbeddedRedis
from storage import jobs
from workers.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from workers.supervisor import Supervisor

SCRIPTS = HERE / "contenders"
LATENCY_MS = 200
IN_FLIGHT = 200
HARD_EVERY = 4
PROCESSES = 32
"""Of the pool that Celery takes where nobody names another; each holds one call."""
SERVER = (str(HERE / "model_server.py"), "--latency-ms", str(LATENCY_MS))


class Turn(Protocol):
    """A contender that is ready to begin."""

    def own(self) -> Sequence[int]:
        """Return its processes."""
        ...

    def services(self) -> Sequence[int]:
        """Return the processes of the services it needs."""
        ...

    def begin(self) -> None:
        """Give it the documents."""
        ...

    def done(self) -> int:
        """Return how many documents have a result."""
        ...

    def start_again(self) -> bool:
        """Start its processes anew, and tell whether they have anything to go on with."""
        ...


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the work. `turn` makes it ready for so many documents."""

    name: str
    turn: Callable[[int], AbstractContextManager[Turn]]


class InMemory:
    """A script without queue or database: what it has done is gone with it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._done = 0
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._done = int(line)

    def own(self) -> Sequence[int]:
        """Return the script's process."""
        return [self._process.pid]

    def services(self) -> Sequence[int]:
        """Return nothing: it needs none."""
        return []

    def begin(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def done(self) -> int:
        """Return what it says; nothing once it is dead."""
        return self._done if self._process.poll() is None else 0

    def start_again(self) -> bool:
        """Start nothing: nobody knows what was to be done."""
        return False


class Queued:
    """Workers on a Redis queue, and a program that publishes."""

    def __init__(
        self, worker: Sequence[str], publish: Sequence[str], environment: dict[str, str], broker: EmbeddedRedis
    ) -> None:
        self._worker = worker
        self._publish = publish
        self._environment = environment
        self._results = redis.Redis.from_url(broker.url)
        self._broker_pid = int(self._results.info("server")["process_id"])
        self._process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self._worker,
            cwd=SCRIPTS,
            env=self._environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if "ready" in line:
                break
        threading.Thread(target=process.stdout.read, daemon=True).start()
        return process

    def own(self) -> Sequence[int]:
        """Return the worker's first process; the others are its children."""
        return [self._process.pid]

    def services(self) -> Sequence[int]:
        """Return Redis."""
        return [self._broker_pid]

    def begin(self) -> None:
        """Publish everything."""
        subprocess.run(self._publish, cwd=SCRIPTS, env=self._environment, check=True, stdout=subprocess.DEVNULL)

    def done(self) -> int:
        """Return how many results are in Redis."""
        return int(self._results.hlen("results"))

    def start_again(self) -> bool:
        """Start the worker anew."""
        self._process = self._started()
        return True

    def close(self) -> None:
        """End the worker, and what it leaves behind: Celery's processes do not always hear of it."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Ours:
    """A worker process under its supervisor, a ledger, Redis."""

    def __init__(self, at: Stage, supervisor: Supervisor, documents: int) -> None:
        self._at = at
        self._supervisor = supervisor
        self._job = at.submit(documents, HARD_EVERY)

    def own(self) -> Sequence[int]:
        """Return the workers."""
        return self._supervisor.pids

    def services(self) -> Sequence[int]:
        """Return Redis, and PostgreSQL if it is the ledger."""
        return self._at.service_pids()

    def begin(self) -> None:
        """Publish the job."""
        self._at.publish(self._job)

    def done(self) -> int:
        """Return what the ledger says."""
        return jobs.find(self._at.database, str(self._job)).items_done

    def start_again(self) -> bool:
        """Do nothing: the supervisor starts them."""
        return True


def contenders() -> list[Contender]:
    """Return every contender, the least that a call costs first."""
    return [
        Contender("bare aiohttp", lambda count: _in_memory("aiohttp", Path(sys.executable), count)),
        Contender("openai SDK", lambda count: _in_memory("openai", python_of("openai"), count)),
        Contender("openai SDK with aiohttp", lambda count: _in_memory("openai-aiohttp", python_of("openai"), count)),
        Contender("LiteLLM Router", lambda count: _in_memory("litellm", python_of("litellm"), count)),
        Contender(f"tutorial Celery, {PROCESSES} processes", lambda count: _celery("prefork", PROCESSES, count)),
        Contender(f"tutorial Celery, {IN_FLIGHT} threads", lambda count: _celery("threads", IN_FLIGHT, count)),
        Contender("Dramatiq, 2 x 100 threads", _dramatiq),
        Contender("cheapfirst, SQLite", lambda count: _ours("sqlite", count)),
        Contender("cheapfirst, PostgreSQL", lambda count: _ours("postgresql", count)),
    ]


@contextmanager
def _in_memory(kind: str, python: Path, documents: int) -> Iterator[Turn]:
    with model_server(SERVER) as (_, base_url):
        command = [python, SCRIPTS / "in_memory.py", kind, base_url, str(documents), str(IN_FLIGHT)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield InMemory(process)
            process.kill()


@contextmanager
def _celery(pool: str, concurrency: int, documents: int) -> Iterator[Turn]:
    python = python_of("celery")
    worker = [*(str(python), "-m", "celery", "-A", "tutorial_celery", "worker"), *("-P", pool)]
    worker += ["-c", str(concurrency), "-Q", "cheap,expensive", "--loglevel", "INFO"]
    with _queued(worker, [str(python), "tutorial_celery.py", str(documents)]) as turn:
        yield turn


@contextmanager
def _dramatiq(documents: int) -> Iterator[Turn]:
    python = python_of("dramatiq")
    worker = [str(python), "-m", "dramatiq", "tutorial_dramatiq", "--processes", "2", "--threads", str(IN_FLIGHT // 2)]
    with _queued(worker, [str(python), "tutorial_dramatiq.py", str(documents)]) as turn:
        yield turn


@contextmanager
def _queued(worker: Sequence[str], publish: Sequence[str]) -> Iterator[Turn]:
    with ExitStack() as stack:
        _, base_url = stack.enter_context(model_server(SERVER))
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cheapfirst-bench-")))
        broker = stack.enter_context(EmbeddedRedis(home / "redis"))
        environment = read_settings().environment() | {"BROKER_URL": broker.url, "BASE_URL": base_url}
        queued = Queued(worker, publish, environment, broker)
        stack.callback(queued.close)
        yield queued


@contextmanager
def _ours(ledger: str, documents: int) -> Iterator[Turn]:
    # One process for both queues, as the others have; its gate is the sum of theirs.
    queues = Queues(IN_FLIGHT // len(TIERS))
    with stage(queues, ledger, SERVER) as at, at.workers([",".join(TIERS)]) as supervisor:
        yield Ours(at, supervisor, documents)
