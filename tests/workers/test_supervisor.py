"""The supervisor keeps processes running: it replaces those that end or stand still, and stops them in order."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage import results, sweeping, workers
from storage.claims import MAX_CLAIMS
from storage.database import Database
from storage.states import FailReason
from tests.support.ledgers import claim, running_job
from tests.support.processes import ends_within
from workers import supervisor
from workers.supervisor import Supervisor, WorkerCommand

OBEDIENT = "import time\nprint('started', flush=True)\nwhile True: time.sleep(0.05)\n"
DEAF = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(0.05)\n"


@dataclass(frozen=True, slots=True)
class Script(WorkerCommand):
    """A process that is not Celery: it does what the test says."""

    code: str = OBEDIENT

    def argv(self, name: str) -> list[str]:
        """Return the command line of the script; its name is its argument."""
        return [sys.executable, "-c", self.code, name]


class QueueLengths:
    """Stands for the broker."""

    def __init__(self, length: int) -> None:
        self.length = length

    def queue_length(self, queue: str) -> int:
        """Return the length the test gave."""
        return self.length


def _supervisor(
    ledger: Database,
    logs: Path | None,
    *commands: WorkerCommand,
    length: int = 0,
    stall_s: float = 60,
    broker: QueueLengths | None = None,
    max_memory_mb: int | None = None,
    lease_s: float = 60,
    said: tuple[str, str] = ("A_TEST_SAYS", "hello"),
) -> Supervisor:
    environment: Mapping[str, str] = {"PATH": os.environ["PATH"]} | dict([said])
    return Supervisor(
        commands,
        environment=environment,
        database=ledger,
        broker=broker or QueueLengths(length),  # type: ignore[arg-type]
        log_directory=logs,
        stall_s=stall_s,
        max_memory_mb=max_memory_mb,
        lease_s=lease_s,
    )


def _wait(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.05)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "CHECK_S", 0.05)
    monkeypatch.setattr(supervisor, "START_S", 0.5)
    monkeypatch.setattr(supervisor, "_REPORT_AGE_S", 0.3)
    monkeypatch.setattr(supervisor, "KILL_AFTER_STALL_S", 0.5)
    monkeypatch.setattr(supervisor, "GRACE_S", 1.0)


def test_a_process_that_ends_is_started_again(sqlite_ledger: Database, tmp_path: Path) -> None:
    """However it ended; each has a log of its own and the environment it was given."""
    code = "import os\nprint(os.environ['A_TEST_SAYS'], os.environ['CHEAPFIRST_PARENT'], flush=True)\n"
    with _supervisor(sqlite_ledger, tmp_path / "logs", Script(("cheap",), code=code + OBEDIENT)) as watched:
        (first,) = watched.pids
        _wait(lambda: "started" in (tmp_path / "logs" / "worker-cheap.log").read_text())
        os.kill(first, signal.SIGKILL)
        _wait(lambda: watched.pids not in ([], [first]))
        assert watched.restarts == 1
    assert (tmp_path / "logs" / "worker-cheap.log").read_text().startswith(f"hello {os.getpid()}\nstarted\n")


@pytest.mark.parametrize(
    ("said", "told"),
    [(("ANOTHER", "7"), "0 0 1"), (("MIMALLOC_ALLOW_THP", "7"), "7 0 1"), (("MALLOC_ARENA_MAX", "7"), "0 0 7")],
)
def test_memory_is_kept_small(sqlite_ledger: Database, tmp_path: Path, said: tuple[str, str], told: str) -> None:
    """Unless whoever starts the worker says otherwise."""
    names = ("MIMALLOC_ALLOW_THP", "MIMALLOC_PURGE_DELAY", "MALLOC_ARENA_MAX")
    code = f"import os\nprint(*map(os.environ.get, {names}), flush=True)\n" + OBEDIENT
    with _supervisor(sqlite_ledger, tmp_path, Script(("cheap",), code=code), said=said):
        _wait(lambda: (tmp_path / "worker-cheap.log").read_text().startswith(f"{told}\nstarted"))


def test_processes_end_with_the_context(sqlite_ledger: Database, tmp_path: Path) -> None:
    """One that does not listen is killed once its grace is over."""
    with _supervisor(sqlite_ledger, tmp_path, Script(("a",)), Script(("b",), code=DEAF)) as watched:
        pids = watched.pids
        assert len(pids) == 2
        threading.Event().wait(0.3)
    assert all(ends_within(pid, 0.1) for pid in pids)


def test_a_process_that_says_nothing_while_work_waits_is_replaced(sqlite_ledger: Database, tmp_path: Path) -> None:
    """Even one that ignores the request to leave."""
    with _supervisor(sqlite_ledger, tmp_path, Script(("cheap",), code=DEAF), length=1, stall_s=0.5) as watched:
        first = watched.pids
        _wait(lambda: watched.restarts >= 1)
        assert watched.pids != first


@pytest.mark.parametrize(
    ("in_flight", "blocked", "idle_ms", "length", "replaced"),
    [
        (0, False, 60_000, 1, True),
        (3, False, 60_000, 1, False),  # its calls are bounded by their deadline
        (0, True, 60_000, 1, False),  # it waits for a provider
        (0, False, 0, 1, False),  # it has just claimed something
        (0, False, 60_000, 0, False),  # there is nothing to do
    ],
)
def test_only_a_process_that_stands_still_is_replaced(
    sqlite_ledger: Database, tmp_path: Path, *, in_flight: int, blocked: bool, idle_ms: int, length: int, replaced: bool
) -> None:
    """Waiting for an answer, for a provider, or for work is no standstill."""
    with _supervisor(sqlite_ledger, tmp_path, Script(("cheap",)), length=length, stall_s=1) as watched:
        name = _name(watched)
        deadline = time.monotonic() + 2.5
        while time.monotonic() < deadline and not watched.restarts:
            _report(sqlite_ledger, name, in_flight=in_flight, blocked=blocked, idle_ms=idle_ms)
            threading.Event().wait(0.05)
        assert (watched.restarts > 0) == replaced


def test_a_process_that_falls_silent_is_replaced(
    sqlite_ledger: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though no message waits: what it holds is work too, and only its successor gives that back."""
    monkeypatch.setattr(workers, "HEARD_WITHIN_MS", 500)
    with _supervisor(sqlite_ledger, tmp_path, Script(("cheap",), code=DEAF), stall_s=0.5) as watched:
        name = _name(watched)
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            _report(sqlite_ledger, name, idle_ms=60_000, in_flight=1)
            threading.Event().wait(0.05)
        assert watched.restarts == 0
        _wait(lambda: watched.restarts == 1)


GREEDY = """
import os, time
from workers.black_box import BlackBox
BlackBox(int(os.environ["CHEAPFIRST_BLACK_BOX"]), "abc").mark(int(os.environ["JOB"]), 2)
hoard = [b"x" * 1_000_000 for _ in range(200)]
time.sleep(60)
"""


def test_what_eats_memory_is_killed_and_its_item_blamed(
    sqlite_ledger: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What else it held comes back at once, without a claim that counts."""
    job = running_job(sqlite_ledger, 2)
    for _ in range(MAX_CLAIMS - 1):
        claim(sqlite_ledger, job.id, [1, 2], token="lost-1", lease_ms=-1)
        sweeping.release_expired(sqlite_ledger)
    claim(sqlite_ledger, job.id, [1, 2], token="abc-1")
    with _supervisor(
        sqlite_ledger, tmp_path, Script(("cheap",), code=GREEDY), max_memory_mb=150, said=("JOB", str(job.id))
    ):
        _wait(lambda: sweeping.release_expired(sqlite_ledger).requeued == {"cheap": [(job.id, 1)]})
    assert results.trail(sqlite_ledger, job.id, "item-2").item.fail_reason is FailReason.QUARANTINED
    assert "more than `workers.max_memory_mb` (150), and was killed" in caplog.text
    assert f"ended with status -9 while it handled job {job.id} item 2" in caplog.text


HELD = """
import os, time
from workers.black_box import BlackBox
BlackBox(int(os.environ["CHEAPFIRST_BLACK_BOX"]), "abc").mark(int(os.environ["JOB"]), 2)
while True: time.sleep(0.05)
"""


@pytest.mark.parametrize("speaks", [False, True])
def test_what_holds_a_process_is_blamed_before_the_leases_of_its_neighbours_run_out(
    sqlite_ledger: Database, tmp_path: Path, *, speaks: bool
) -> None:
    """Code that lets no heartbeat through ends its process in time; while the heartbeat is heard, it may go on."""
    job = running_job(sqlite_ledger, 2)
    for _ in range(MAX_CLAIMS - 1):
        claim(sqlite_ledger, job.id, [1, 2], token="lost-1", lease_ms=-1)
        sweeping.release_expired(sqlite_ledger)
    claim(sqlite_ledger, job.id, [1, 2], token="abc-1", lease_ms=20_000)
    with _supervisor(
        sqlite_ledger, tmp_path, Script(("cheap",), code=HELD), lease_s=3, said=("JOB", str(job.id))
    ) as watched:
        name = _name(watched)
        _report(sqlite_ledger, name, idle_ms=0, in_flight=2)
        if speaks:
            until = time.monotonic() + 2.5
            while time.monotonic() < until:
                _report(sqlite_ledger, name, idle_ms=0, in_flight=2)
                threading.Event().wait(0.05)
            assert watched.restarts == 0
            return
        _wait(lambda: sweeping.release_expired(sqlite_ledger).requeued == {"cheap": [(job.id, 1)]})
    assert results.trail(sqlite_ledger, job.id, "item-2").item.fail_reason is FailReason.QUARANTINED


def test_a_process_that_was_idle_for_long_is_given_time_to_begin(sqlite_ledger: Database, tmp_path: Path) -> None:
    """What counts is how long its queue has held messages, not how long it had none."""
    broker = QueueLengths(0)
    with _supervisor(sqlite_ledger, tmp_path, Script(("cheap",)), stall_s=1, broker=broker) as watched:
        name = _name(watched)
        began = time.monotonic()
        while time.monotonic() < began + 2.5:
            elapsed_s = time.monotonic() - began
            broker.length = int(elapsed_s > 1.0)
            idle_ms = 60_000 if elapsed_s < 1.5 else 0  # it takes half a second to begin
            _report(sqlite_ledger, name, idle_ms=idle_ms)
            threading.Event().wait(0.05)
        assert watched.restarts == 0


def test_a_process_that_came_up_is_followed_at_once(
    sqlite_ledger: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is killed; only those that end before they come up are waited for, longer and longer."""
    monkeypatch.setattr(supervisor, "_RESTART_DELAYS_S", (0.0, 0.0, 60.0))
    with _supervisor(sqlite_ledger, tmp_path, Script(("cheap",))) as watched:
        for restarts in range(1, 4):
            (pid,) = _wait_for_pids(watched)
            _report(sqlite_ledger, _name(watched), idle_ms=0)
            os.kill(pid, signal.SIGKILL)
            _wait(lambda: watched.restarts == restarts)  # noqa: B023 - called before the next one
        assert watched.starts_in_vain == {"cheap": 0}
        for restarts in range(1, 3):
            (pid,) = _wait_for_pids(watched)
            workers.forget(sqlite_ledger, _name(watched))
            os.kill(pid, signal.SIGKILL)
            _wait(lambda: watched.starts_in_vain == {"cheap": restarts})  # noqa: B023 - called before the next one
        threading.Event().wait(0.3)
        assert (watched.pids, watched.restarts) == ([], 4)


def test_a_supervisor_outlives_its_own_faults(
    sqlite_ledger: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without memory for a new process has some later."""
    with _supervisor(sqlite_ledger, tmp_path, Script(("cheap",))) as watched:
        (first,) = watched.pids
        with monkeypatch.context() as scarce:
            scarce.setattr(supervisor.subprocess, "Popen", _no_memory)
            os.kill(first, signal.SIGKILL)
            _wait(lambda: watched.restarts >= 2)
        _wait(lambda: watched.pids not in ([], [first]))


def _no_memory(*_: object, **__: object) -> None:
    raise MemoryError


def _name(watched: Supervisor) -> str:
    (pid,) = _wait_for_pids(watched)
    command = Path(f"/proc/{pid}/cmdline")
    _wait(lambda: "-c\0" in command.read_text())  # before that, it is a copy of this process
    return command.read_text().split("\0")[-2]


def _wait_for_pids(watched: Supervisor) -> list[int]:
    _wait(lambda: watched.pids != [])
    return watched.pids


def _report(ledger: Database, name: str, *, idle_ms: int, in_flight: int = 0, blocked: bool = False) -> None:
    workers.report(
        ledger, name=name, queue="cheap", concurrency=1, in_flight=in_flight, blocked=blocked, idle_ms=idle_ms
    )


def test_without_a_ledger_nobody_is_replaced(tmp_path: Path) -> None:
    """Where nothing can be known, nothing is killed."""
    ledger = Database(f"sqlite:///{tmp_path / 'nowhere' / 'ledger.db'}")
    with _supervisor(ledger, tmp_path, Script(("cheap",)), length=1) as watched:
        first = watched.pids
        threading.Event().wait(1.0)
        assert (watched.pids, watched.restarts) == (first, 0)


def test_a_worker_process_is_told_its_queues_and_its_name() -> None:
    """And its concurrency, where that is not the deployment's."""
    command = ["-m", "workers.process", "--queues", "cheap,expensive", "--name", "me@here"]
    assert WorkerCommand(("cheap", "expensive")).argv("me@here")[1:] == command
    assert WorkerCommand(("cheap", "expensive"), concurrency=7).argv("me@here")[1:] == [*command, "--concurrency", "7"]
