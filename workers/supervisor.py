"""The supervisor: keeps worker processes running, and replaces those that end or stand still.

A worker process may exit or stop consuming when its broker goes away; what it held is safe in the ledger, but somebody
has to start the next one.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from time import monotonic
from typing import IO, TYPE_CHECKING, Self

from routing.errors import CheapfirstError
from storage import workers
from workers.autopsy import Autopsies, Death
from workers.black_box import KeptBox
from workers.hold import Hold
from workers.memory_bound import resident_mb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType

    from storage.database import Database
    from workers.broker import Broker

log = logging.getLogger(__name__)

CHECK_S = 1.0
MEMORY_CHECK_S = 0.1
"""Often: what eats memory gets a gigabyte a second."""
STALL_S = 20.0
"""How long a worker may neither claim nor settle anything while its queue holds messages all that time."""
START_S = 30.0
"""How long a new process may take before its first heartbeat is missed."""
GRACE_S = 90.0
"""How long calls in flight may take to finish when workers are stopped."""
KILL_AFTER_STALL_S = 10.0
_RESTART_DELAYS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""How long to wait after a process that had come up, and after the first, second, ... in a row that had not."""
_MEMORY = {"MIMALLOC_ALLOW_THP": "0", "MIMALLOC_PURGE_DELAY": "0", "MALLOC_ARENA_MAX": "1"}
"""How workers keep memory, unless somebody says otherwise. mimalloc is pyreqwest's allocator: in huge pages each
connection holds a third more, and what a burst of answers leaves goes back at once. A worker's threads run one at a
time, so that one arena is enough for all of them: where each few have one, more stays that nobody uses."""
_REPORT_AGE_S = 2.0
"""How old the newest report of a process that lives may be."""


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """A worker process to keep running. `concurrency` and `chunk` override the deployment's."""

    queues: tuple[str, ...]
    concurrency: int | None = None
    chunk: int | None = None

    def argv(self, name: str) -> list[str]:
        """Return the command line of the process."""
        command = [sys.executable, "-m", "workers.process", "--queues", ",".join(self.queues), "--name", name]
        return command if self.concurrency is None else [*command, "--concurrency", str(self.concurrency)]


class _Process:
    """One process slot: the process that runs in it now, and when the next one may be started."""

    def __init__(self, command: WorkerCommand, index: int, hold_s: float) -> None:
        self.command = command
        self.name = f"{'-'.join(command.queues)}-{os.getpid()}-{index}@{socket.gethostname()}"
        self.child: subprocess.Popen[bytes] | None = None
        self.box: KeptBox | None = None
        self.started = 0.0
        self.has_come_up = False
        self.starts_in_vain = 0
        self.start_at = 0.0
        self.still_since: float | None = None
        self.kill_at: float | None = None
        self.hold = Hold(hold_s)

    def pause_before_restart(self) -> None:
        self.starts_in_vain = 0 if self.has_come_up else self.starts_in_vain + 1
        self.start_at = monotonic() + _RESTART_DELAYS_S[min(self.starts_in_vain, len(_RESTART_DELAYS_S) - 1)]

    def stands_still(self, stall_s: float, *, still: bool, idle_s: float) -> bool:
        """Note whether nothing moves although something waits; tell whether that has lasted for too long."""
        now = monotonic()
        if not still:
            self.still_since = None
        elif self.still_since is None or idle_s < now - self.still_since - _REPORT_AGE_S:
            self.still_since = now
        return self.still_since is not None and now - self.still_since >= stall_s


class Supervisor:
    """A context in which worker processes run. `environment` is theirs.

    Each logs to a file of its own in `log_directory`, or to our own output where that is None. One that holds more than
    `max_memory_mb` is killed; None sets no limit. So is one that a single item's code has held, heartbeat included, for
    a third of `lease_s`.
    """

    def __init__(
        self,
        commands: Sequence[WorkerCommand],
        *,
        environment: Mapping[str, str],
        database: Database,
        broker: Broker,
        log_directory: Path | None,
        stall_s: float = STALL_S,
        max_memory_mb: int | None = None,
        lease_s: float = 30.0,
    ) -> None:
        # A lease has two thirds of its time left at least when a process falls silent.
        self._processes = [_Process(command, index, lease_s / 3) for index, command in enumerate(commands, 1)]
        self._environment = _MEMORY | dict(environment)
        self._database = database
        self._broker = broker
        self._log_directory = log_directory
        self._stall_s = stall_s
        self._max_memory_mb = max_memory_mb
        self._autopsies = Autopsies(database)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self.restarts = 0

    @property
    def starts_in_vain(self) -> dict[str, int]:
        """How many processes in a row have ended before they came up, by the queues they were to serve."""
        return {"-".join(process.command.queues): process.starts_in_vain for process in self._processes}

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers that run now."""
        return [process.child.pid for process in self._processes if process.child is not None]

    def __enter__(self) -> Self:
        if self._log_directory is not None:
            self._log_directory.mkdir(parents=True, exist_ok=True)
        for process in self._processes:
            self._start(process)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()
        for process in self._processes:
            _signal(process.child, signal.SIGTERM)
        deadline = monotonic() + GRACE_S
        for process in self._processes:
            if process.child is not None:
                try:
                    process.child.wait(max(0.1, deadline - monotonic()))
                except subprocess.TimeoutExpired:
                    _signal(process.child, signal.SIGKILL)
                    process.child.wait()
                self._ended(process, process.child)
        self._autopsies.tell()

    def _start(self, process: _Process) -> None:
        if process.box is None:
            process.box = KeptBox()
        environment = self._environment | {
            "CHEAPFIRST_PARENT": str(os.getpid()),
            "CHEAPFIRST_BLACK_BOX": str(process.box.descriptor),
        }
        if process.command.chunk is not None:
            environment["CHEAPFIRST_CHUNK"] = str(process.command.chunk)
        with self._log(process) as log_file:
            # A group of its own, so that Ctrl-C in a terminal reaches us alone and we stop it in order.
            process.child = subprocess.Popen(  # noqa: S603 - our own command line
                process.command.argv(process.name),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=None if log_file is None else subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(process.box.descriptor,),
            )
        process.started = monotonic()
        process.has_come_up = False
        process.still_since = None
        process.kill_at = None

    def _log(self, process: _Process) -> AbstractContextManager[IO[bytes] | None]:
        if self._log_directory is None:
            return contextlib.nullcontext()
        return (self._log_directory / f"worker-{'-'.join(process.command.queues)}.log").open("ab")

    def _run(self) -> None:
        next_check = monotonic() + CHECK_S
        while not self._closing.wait(min(CHECK_S, MEMORY_CHECK_S)):
            try:
                self._bound_memory()
                if monotonic() >= next_check:
                    next_check = monotonic() + CHECK_S
                    self._check()
            except Exception as error:  # noqa: BLE001 - whatever it is (no memory to start a process), go on looking
                log.warning("Supervising failed: %s", type(error).__name__)

    def _check(self) -> None:
        for process in self._processes:
            self._look_after(process)
        self._autopsies.tell()
        self._replace_stalled()

    def _bound_memory(self) -> None:
        if self._max_memory_mb is None:
            return
        for process in self._processes:
            if process.child is None or process.child.poll() is not None:
                continue
            held_mb = resident_mb(process.child.pid)
            if held_mb is not None and held_mb > self._max_memory_mb:
                _signal(process.child, signal.SIGKILL)
                log.warning(
                    "Worker %s held %.0f MB, more than `workers.max_memory_mb` (%d), and was killed",
                    process.name,
                    held_mb,
                    self._max_memory_mb,
                )

    def _ended(self, process: _Process, child: subprocess.Popen[bytes]) -> Death:
        assert process.box is not None
        death = Death(process.name, process.box.read(), child.returncode)
        self._autopsies.add(death)
        process.box.close()
        process.child = process.box = None
        return death

    def _look_after(self, process: _Process) -> None:
        if process.child is None:
            if monotonic() >= process.start_at:
                self.restarts += 1
                self._start(process)
        elif process.child.poll() is not None:
            log.warning("%s", self._ended(process, process.child))
            with contextlib.suppress(CheapfirstError):
                self._look_at_reports([process])
            process.pause_before_restart()
        elif process.kill_at is not None and monotonic() >= process.kill_at:
            _signal(process.child, signal.SIGKILL)

    def _replace_stalled(self) -> None:
        try:
            reports = self._look_at_reports(self._processes)
            self._end_held(reports)
            waiting = {
                queue: self._broker.queue_length(queue) > 0
                for process in self._processes
                for queue in process.command.queues
            }
        except CheapfirstError:
            # Without ledger or broker nobody can make progress; replacing workers would not help.
            for process in self._processes:
                process.still_since = None
            return
        for process in self._processes:
            if process.child is not None and process.kill_at is None:
                self._replace_if_stalled(process, reports[process.name], waiting)

    def _look_at_reports(self, processes: Sequence[_Process]) -> dict[str, list[workers.WorkerReport]]:
        """Return what these processes last said of their queues, and note which of them have come up."""
        running = workers.running(self._database)
        reports = {process.name: [report for report in running if report.name == process.name] for process in processes}
        for process in processes:
            lived_ms = (monotonic() - process.started) * 1000
            if any(report.silent_ms < lived_ms for report in reports[process.name]):
                process.has_come_up = True  # whatever ends it later, the next one may come at once
        return reports

    def _end_held(self, reports: Mapping[str, Sequence[workers.WorkerReport]]) -> None:
        for process in self._processes:
            if process.child is None or process.box is None:
                continue
            silent_s = min((report.silent_ms / 1000 for report in reports[process.name]), default=math.inf)
            if process.hold.look(process.box.read().item, silent_s):
                _signal(process.child, signal.SIGKILL)
                process.child.wait()
                self._look_after(process)

    def _replace_if_stalled(
        self, process: _Process, reports: Sequence[workers.WorkerReport], waiting: Mapping[str, bool]
    ) -> None:
        lived_s = monotonic() - process.started
        stalled = process.stands_still(
            self._stall_s,
            still=_has_fallen_silent(process, reports)
            or (any(waiting[queue] for queue in process.command.queues) and not any(map(_is_busy, reports))),
            # One that is not heard of has made no progress that anybody knows of.
            idle_s=min((report.idle_ms / 1000 for report in reports), default=lived_s),
        )
        if stalled and lived_s > START_S:
            log.warning("Worker %s stands still and is replaced", process.name)
            process.kill_at = monotonic() + KILL_AFTER_STALL_S
            _signal(process.child, signal.SIGTERM)


def _has_fallen_silent(process: _Process, reports: Sequence[workers.WorkerReport]) -> bool:
    """Tell whether a process that did speak says nothing any more: something holds up all of its threads."""
    return process.has_come_up and not reports


def _is_busy(report: workers.WorkerReport) -> bool:
    return report.in_flight > 0 or report.blocked


def _signal(child: subprocess.Popen[bytes] | None, number: signal.Signals) -> None:
    if child is not None:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(number)
