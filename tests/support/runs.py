"""`cheapfirst run` as users start it: a process of its own, in a folder with the first task."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.documents import write_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = (sys.executable, "-c", "from producer.cli.entry import main; main()")
ROOT = Path(__file__).parents[2]
TIMEOUT_S = 90
POLL_S = 0.05
_CONFIGURED = ("DATABASE_URL", "REDIS_URL", "CHEAPFIRST_DEPLOYMENT", "CHEAPFIRST_HOME", "FLOWER_PASSWORD")


@dataclass(frozen=True)
class Workplace:
    """A folder in which commands run, with nothing configured but `environment`."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """Where embedded services keep what they write."""
        return self.folder / ".cheapfirst"

    def start(self, *arguments: str, command: tuple[str, ...] = COMMAND) -> subprocess.Popen[str]:
        """Start a command, `cheapfirst` unless another is given."""
        environment = {name: value for name, value in os.environ.items() if name not in _CONFIGURED}
        return subprocess.Popen(
            [*command, *arguments],
            cwd=self.folder,
            env=environment | {"PYTHONPATH": str(ROOT)} | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def worker_pids(self, queue: str) -> list[int]:
        """Return the processes that serve a queue for a run in this folder."""
        home = f"CHEAPFIRST_HOME={self.home}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().split(b"\0")
                environment = (process / "environ").read_bytes().split(b"\0")
            except OSError:  # it ended meanwhile, or is another user's
                continue
            if b"workers.process" in command and queue.encode() in command and home in environment:
                found.append(int(process.name))
        return found

    def run(self, *arguments: str, command: tuple[str, ...] = COMMAND) -> Completed:
        """Run a command to its end."""
        with self.start(*arguments, command=command) as process:
            try:
                out, err = process.communicate(timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Completed(process.returncode, out, err)

    def invoices(self, count: int, *, hopeless: int = 0) -> Path:
        """Write JSONL with invoices: every third is beyond the cheap engine, `hopeless` more are beyond both."""
        rows = [invoice(number) for number in range(1, count + 1)]
        rows += [
            {"custom_id": f"hopeless-{number}", "text": f"A letter about invoice L-{number}"}
            for number in range(1, hopeless + 1)
        ]
        return write_lines(self.folder / "invoices.jsonl", *rows)


@dataclass(frozen=True)
class Completed:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the command prints
        """What it printed, as JSON."""
        return json.loads(self.out)


def invoice(number: int) -> dict[str, Any]:
    """Return the line of an invoice; every third is beyond the cheap engine."""
    word = "Amount due" if number % 3 == 0 else "Total"
    text = f"Supplier {number} Ltd\nInvoice no. N-{number}\n{word} {number}.50\n"
    return {"custom_id": f"invoice-{number}", "text": text, "expected": {"total": number + 0.5}}


def first_task(folder: Path) -> Workplace:
    """Return a workplace with what `cheapfirst init` writes."""
    place = Workplace(folder)
    assert place.run("init").code == 0
    return place


@dataclass(frozen=True)
class ModelServerProcess:
    """The first task's engines behind a server that is slow on purpose."""

    base_url: str
    pid: int

    def calls(self) -> dict[str, Any]:
        """Return the server's own count of its calls."""
        counted: dict[str, Any] = json.loads(self._ask("/calls"))
        return counted

    def totals(self) -> dict[str, Any]:
        """Return those of its counts that are asked for often."""
        counted: dict[str, Any] = json.loads(self._ask("/calls/totals"))
        return counted

    def begin_storm(self, **order: object) -> None:
        """Begin what evaluation/model_server/storms.py says."""
        self._ask("/storm", json.dumps(order).encode())

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(self.base_url.removesuffix("/v1") + path, body) as answer:
            read: bytes = answer.read()
            return read

    def wait_for_answers(self, count: int, running: subprocess.Popen[str]) -> None:
        """Return once this many calls were answered, while a command runs."""
        while sum(self.calls()["answered"].values()) < count:
            try:
                running.wait(POLL_S)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"it ended with {running.returncode}: {running.communicate()[1]}")


@contextmanager
def slow_engines(place: Workplace, latency_ms: int) -> Iterator[tuple[Workplace, ModelServerProcess]]:
    """Yield the workplace with its models answered slowly, by a server that outlives runs."""
    command = [sys.executable, "-m", "evaluation.model_server", "--engines", str(place.folder / "invoices/engines.py")]
    with subprocess.Popen(
        [*command, "--latency-ms", str(latency_ms), "--storms"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        try:
            base_url = json.loads(process.stdout.readline())["base_url"]
            environment = place.environment | {"CHEAPFIRST_SERVER_OFFLINE": base_url}
            yield Workplace(place.folder, environment), ModelServerProcess(base_url, process.pid)
        finally:
            process.terminate()
