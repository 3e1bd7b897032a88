"""Worker processes that die by SIGKILL at a named step: `python -m tests.faults.dying_worker QUEUE...`.

It reads one JSON line for each life from its input, such as `{"die_at": "before the call", "within_s": 9}`, and
answers with the exit status and the steps that life went through. One that lives longer, has gone through all steps
that are listed as `enough`, or has seen the `job` end that is named, is killed at whatever it does.
A life is a fork of a process that has everything imported, in which Celery's own worker runs; this process tells the
ledger of deaths as the supervisor does.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import os
import pkgutil
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, NoReturn

import celery.apps
import celery.worker
from kombu.transport.virtual.base import Channel
from sqlalchemy import Engine, event

import gateway
import routing
import storage
import workers
from gateway.gateway import Gateway
from storage import claims, jobs, migrate, recording, sweeping
from storage.database import Database
from storage.states import JobState
from workers import app, publishing, sweeper, watches
from workers.autopsy import Autopsies, Death
from workers.black_box import KeptBox, LastWords
from workers.broker import Broker
from workers.chunk import Chunk
from workers.leases import Leases
from workers.loop_thread import LoopThread
from workers.pipeline import Pipeline
from workers.publishing import Publisher
from workers.recorder import Recorder
from workers.settings import read_settings
from workers.turn import Turn

PRELOADED = (celery.apps, celery.worker, gateway, routing, storage, workers)


LOOK_S = 0.1


def preload() -> None:
    """Import what every life needs, so that it begins with the work."""
    for package in PRELOADED:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" not in module.name:
                importlib.import_module(module.name)
    importlib.import_module("kombu.transport.redis")
    importlib.import_module("celery.bin.worker")


class Steps:
    """Every step this process goes through, told to a pipe; it dies on reaching the one that was named."""

    def __init__(self, pipe: int, die_at: str | None, *, statements: bool) -> None:
        self._pipe = pipe
        self._die_at = die_at
        self._statements = statements
        self._seen: set[str] = set()
        self._in = threading.local()

    def reach(self, step: str) -> None:
        """Come to a step."""
        is_last = step == self._die_at
        if is_last or step not in self._seen:  # the thread that kills tells of it itself: another may just be about to
            self._seen.add(step)
            os.write(self._pipe, step.encode() + b"\n")
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str, what: str, *, by: bool = False) -> None:  # noqa: ANN401 - a class or module
        """Make two steps of a function: before and after it. `by` tells apart the threads that call it."""
        function = getattr(owner, name)

        @functools.wraps(function)
        def between(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            told = f"{what} by the {threading.current_thread().name}" if by else what
            self.reach(f"before {told}")
            outer, self._in.operation, self._in.statements = getattr(self._in, "operation", None), told, 0
            try:
                result = function(*arguments, **options)
            finally:
                self._in.operation = outer
            self.reach(f"after {told}")
            return result

        @functools.wraps(function)
        async def between_waits(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            self.reach(f"before {what}")
            result = await function(*arguments, **options)
            self.reach(f"after {what}")
            return result

        setattr(owner, name, between_waits if inspect.iscoroutinefunction(function) else between)

    def watch_transactions(self) -> None:
        """Make a step of every commit of what was named, and of every statement in it where asked."""
        event.listen(Engine, "commit", self._at_commit)
        if self._statements:
            event.listen(Engine, "before_cursor_execute", self._at_statement)

    def _at_commit(self, _connection: object) -> None:
        operation = getattr(self._in, "operation", None)
        if operation is not None:
            self.reach(f"before the commit of {operation}")

    def _at_statement(self, *_: object) -> None:
        operation = getattr(self._in, "operation", None)
        if operation is not None:
            self._in.statements += 1
            self.reach(f"before statement {self._in.statements} of {operation}")


def name_steps(steps: Steps) -> None:
    """Name everything between a message and what it leads to, in the order of an item's life."""
    steps.around(Channel, "basic_ack", "the acknowledgement")
    steps.around(claims, "claim_chunks", "the claim")
    steps.around(LoopThread, "spawn", "the start of the chunk's items")
    steps.around(Gateway, "complete", "the call")
    steps.around(Turn, "judge", "the checks")
    steps.around(Recorder, "put", "the way to the recorder")
    steps.around(recording, "write", "the record")
    steps.around(Chunk, "settle_one", "the settling")
    steps.around(Publisher, "publish", "the publishing", by=True)
    steps.around(app.WorkerApp, "send_task", "a message", by=True)  # a process's first to a queue
    steps.around(publishing, "_push", "a message", by=True)
    steps.around(Leases, "drop", "the dropping of the lease")
    steps.around(Pipeline, "run_chunk", "the chunk")
    steps.around(claims, "extend", "the extending of leases")
    steps.around(sweeping, "release_expired", "the taking back")
    steps.around(Broker, "bring_forward", "the bringing forward")
    steps.around(sweeping, "claimable", "the finding of what waits")
    steps.watch_transactions()


def live(order: dict[str, Any], pipe: int, box: KeptBox, queues: list[str]) -> NoReturn:
    """Be a worker process, to the end that was ordered."""
    steps = Steps(pipe, order["die_at"], statements=order["statements"])
    name_steps(steps)
    sweeper.WATCH_S, sweeper.IDLE_MS, sweeper.ROLE_LEASE_MS, watches.ROLE_LEASE_MS = 0.1, 300, 200, 200
    os.environ["CHEAPFIRST_BLACK_BOX"] = str(box.descriptor)
    app.create_app(read_settings()).worker_main(["worker", "-Q", ",".join(queues), "-n", "dying@here", "-c", "12"])
    os._exit(0)


def follow(pipe: int, within_s: float, enough: set[str], is_over: Callable[[], bool]) -> list[str]:
    """Return the steps that a life tells of until it ends, its time or its work is over, or it has told enough."""
    told = b""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and not is_over():
        if not select.select([pipe], [], [], LOOK_S)[0]:
            continue
        more = os.read(pipe, 65_536)
        told += more
        if not more or (enough and enough <= set(told.decode().split("\n"))):
            break
    return told.decode().split("\n")[:-1]


def has_ended(database: Database, order: dict[str, Any]) -> bool:
    """Tell whether the job is done that an order names."""
    return bool(order["job"]) and jobs.find(database, order["job"]).state is JobState.DONE


def run(order: dict[str, Any], queues: list[str], database: Database) -> dict[str, Any]:
    """Let one worker live and die; return how."""
    assert threading.active_count() == 1
    read, write = os.pipe()
    with closing(KeptBox()) as box:
        pid = os.fork()
        if pid == 0:
            live(order, write, box, queues)
        os.close(write)
        reached = follow(read, order["within_s"], set(order["enough"]), functools.partial(has_ended, database, order))
        os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(read)
        autopsies = Autopsies(database)
        # Whatever its code was at, the death came from outside.
        autopsies.add(Death("dying", LastWords(box.read().process, None), status))
    autopsies.tell()
    database.close()
    return {"status": status, "reached": reached}


def main(queues: list[str]) -> None:
    """Run one life for each line of the input."""
    preload()
    database = Database(read_settings().database_url)
    migrate.require_current(database)
    database.close()
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # Celery prints to its standard output
        for line in sys.stdin:
            answers.write(json.dumps(run(json.loads(line), queues, database)) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
