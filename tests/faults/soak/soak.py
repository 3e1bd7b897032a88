"""A soak: a steady trickle of jobs, one large burst, and a random fault every few minutes, for as long as wanted.

Afterwards the backlog must be drained, the oracle must find nothing lost and nothing paid for twice but what died with
a worker, and what processes hold must be flat (flatness.py). All is real but the provider, whose server is on loopback
and whose engines are rules; PostgreSQL runs without fsync.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

from storage import workers
from storage.database import Database
from tests.faults.oracle import Findings, examine
from tests.faults.scene import Scene, Service, is_right, wait_until
from tests.faults.soak.flatness import Census, Patience
from tests.faults.soak.patient import known, soon
from tests.faults.soak.repeats import Repeats, answers, judge_repeats, recorded
from tests.faults.soak.strikes import FAULTS, UP_WITHIN_S, Planned, Strikes, plan
from tests.faults.soak.submitter import job_name
from tests.faults.soak.watch import ROLES, Watch, samples, standing
from tests.support.documents import write_lines
from tests.support.postgres_server import PostgresServer
from tests.support.runs import ROOT, invoice
from workers.pool import threads_for

TIERS = ("cheap", "expensive")
BURST = "burst"
FIRST_OF_BURST = 10_000_001
RECOVERS_WITHIN_S = 120.0
"""Beyond the lease."""
HELD_WITHIN_S = 20.0
ALWAYS_THREADS = 6
"""Of a worker: its own, event loop, heartbeat, recorder, sweeper, and the transport's."""
LOOP_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""In which the event loop asks the ledger: what asyncio opens by itself, by need."""


@dataclass(frozen=True, slots=True)
class Size:
    """How a soak is played. Jobs of `items` come every `every_s`; the burst comes at `burst_at_s`.

    `queues` are the calls in flight and the chunk of each tier.
    """

    lasts_s: float
    items: int
    every_s: float
    fault_every_s: float
    burst: int
    burst_at_s: float
    seed: int
    faults: tuple[str, ...] = FAULTS
    longest_fault_s: float = 30.0
    sample_s: float = 5.0
    lease_s: float = 30.0
    latency_ms: int = 250
    queues: tuple[tuple[int, int], tuple[int, int]] = ((64, 16), (32, 4))
    drain_within_s: float = 1200.0
    patience: Patience = field(default=Patience(120.0, 36))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a soak. `not_flat` has a sentence for each thing that grew or could not be judged.

    `cut` is how many calls the provider left unanswered, and billed to nobody, as it began to refuse connections.
    """

    findings: Findings
    items: int
    repeats: Repeats
    cut: int
    recoveries_s: dict[str, list[float]]
    drained_after_s: float | None
    not_flat: list[str]
    census: Census = field(repr=False)

    @property
    def faults(self) -> list[str]:
        """What is wrong, in a sentence each; empty where the soak was passed."""
        found = self.findings
        wrong = [*found.unexpected, *self.repeats.told(), *self.not_flat]
        if found.lost or found.duplicate_results:
            wrong.append(f"{found.lost} items are lost and {found.duplicate_results} results are duplicates")
        if self.drained_after_s is None:
            wrong.append("the backlog was not drained in time")
        return wrong


class Soak:
    """One soak, its samples and events in `file` as lines of JSON."""

    def __init__(self, size: Size, folder: Path, postgres: PostgresServer, database_url: str, file: Path) -> None:
        self._size = size
        self._folder = folder
        self._postgres = postgres
        self._database_url = database_url
        self._file = file
        self._unexpected: list[str] = []
        self._recoveries_s: dict[str, list[float]] = {}

    def play(self) -> Outcome:
        """Play it."""
        size = self._size
        with ExitStack() as ending:
            scene = ending.enter_context(
                Scene(
                    self._folder,
                    self._database_url,
                    persistence="everysec",
                    latency_ms=size.latency_ms,
                    lease_s=size.lease_s,
                    cheap=size.queues[0],
                    expensive=size.queues[1],
                )
            )
            services = {tier: scene.serve(tier) for tier in TIERS}
            assert wait_until(lambda: len(workers.running(scene.database)) == len(TIERS), UP_WITHIN_S) is not None
            submitter = ending.enter_context(_submitter(scene, size, self._folder / "submitter.log"))
            ending.callback(submitter.terminate)
            strikes = Strikes(scene, self._postgres, services)
            with Watch(scene, services, submitter, self._file, size.sample_s) as watch:
                burst = threading.Thread(target=self._burst, args=(scene, watch), daemon=True)
                burst.start()
                for planned in plan(
                    Random(size.seed), size.faults, size.fault_every_s, size.lasts_s, size.longest_fault_s
                ):
                    _wait_until_s(watch, planned.at_s)
                    self._strike(scene, strikes, planned, watch)
                if submitter.wait(size.lasts_s + size.drain_within_s):
                    self._unexpected.append("the application that submits ended early; see submitter.log")
                burst.join(size.drain_within_s)
                drained_after_s = wait_until(lambda: self._is_drained(scene), size.drain_within_s)
                watch.note(drained_after_s=drained_after_s)
            self._leave(services)
            self._unexpected += strikes.unexpected
            calls = scene.server.calls()
            repeats = self._repeats(scene, calls, strikes)
            findings = self._examine(scene, calls, repeats)
        census = Census(size.patience, _ceilings(size))
        for holding in samples(self._file):
            census.take(holding)
        return Outcome(
            findings,
            self._items,
            repeats,
            sum(calls["cut"].values()),
            self._recoveries_s,
            drained_after_s,
            census.verdict(ROLES),
            census,
        )

    @property
    def _jobs(self) -> int:
        return int(self._size.lasts_s // self._size.every_s)

    @property
    def _items(self) -> int:
        return self._jobs * self._size.items + self._size.burst

    def _burst(self, scene: Scene, watch: Watch) -> None:
        """Submit the burst by the command line, as often as it takes."""
        _wait_until_s(watch, self._size.burst_at_s)
        numbers = range(FIRST_OF_BURST, FIRST_OF_BURST + self._size.burst)
        file = write_lines(self._folder / "burst.jsonl", *map(invoice, numbers))
        began = monotonic()
        tries = 0
        while True:
            tries += 1
            with scene.place.start("submit", "invoices", str(file), "--name", BURST, "--json") as submitting:
                _, err = submitting.communicate()
            if submitting.returncode == 0:
                watch.note(burst=self._size.burst, submitted_in_s=round(monotonic() - began, 1), tries=tries)
                return
            watch.note(burst_refused=err.strip()[-300:])
            if "Traceback" in err:
                self._unexpected.append("a submission ended with a traceback")
                return
            threading.Event().wait(1.0)

    def _strike(self, scene: Scene, strikes: Strikes, planned: Planned, watch: Watch) -> None:
        """Play a fault while its tier has something in hand, and wait until work goes on."""
        wait_until(lambda: known(lambda: bool(scene.leases(planned.tier))) is True, HELD_WITHIN_S)
        began = watch.at_s
        strikes.play(planned)
        over_s = watch.at_s - began
        held = {tier: soon(lambda tier=tier: scene.leases(tier)) for tier in TIERS}
        ended = soon(lambda: standing(scene.database)).ended

        def goes_on() -> bool:
            same = any(held[tier].items() & scene.leases(tier).items() for tier in TIERS)
            stands = standing(scene.database)
            return not same and (stands.ended > ended or stands.ended == stands.taken)

        took = wait_until(lambda: known(goes_on) is True, self._size.lease_s + RECOVERS_WITHIN_S)
        in_hand = sum(map(len, held.values()))
        watch.note(
            fault=planned.fault,
            tier=planned.tier,
            over_after_s=round(over_s, 1),
            held=in_hand,
            recovered_s=None if took is None else round(took, 1),
        )
        if took is None:
            self._unexpected.append(f"{planned.fault} at {began} s: work did not go on")
        else:
            self._recoveries_s.setdefault(planned.fault, []).append(round(took, 1))

    def _is_drained(self, scene: Scene) -> bool:
        stands = known(lambda: standing(scene.database))
        return stands is not None and stands.taken == self._items and stands.ended == stands.taken

    def _leave(self, services: dict[str, Service]) -> None:
        for tier, service in services.items():
            status = service.end()
            if status:
                self._unexpected.append(f"the worker of {tier} ended with {status}")

    def _repeats(self, scene: Scene, calls: dict[str, Any], strikes: Strikes) -> Repeats:
        numbers = [*range(1, self._jobs * self._size.items + 1)]
        numbers += range(FIRST_OF_BURST, FIRST_OF_BURST + self._size.burst)
        answered, strange = answers(calls["by_document"], numbers)
        if strange:
            self._unexpected.append(f"{len(strange)} documents were called that nobody submitted")
        repeats = judge_repeats(answered, strikes.killed_holding)
        if repeats.unexplained:
            at_s = {again[0]: again[1] for again in calls["again"]}
            told = {"again": at_s, "recorded": recorded(scene.database, list(repeats.unexplained))}
            (self._folder / "unexplained.json").write_text(json.dumps(told))
        return repeats

    def _examine(self, scene: Scene, calls: dict[str, Any], repeats: Repeats) -> Findings:
        """Judge every job by itself; what the provider answered is judged once for all of them."""
        jobs = [
            (job_name(number), range(number * self._size.items + 1, (number + 1) * self._size.items + 1))
            for number in range(self._jobs)
        ]
        if self._size.burst:
            jobs.append((BURST, range(FIRST_OF_BURST, FIRST_OF_BURST + self._size.burst)))
        found = [self._examine_job(scene, name, numbers, calls | {"by_document": {}}) for name, numbers in jobs]
        recoveries = [took for times in self._recoveries_s.values() for took in times]
        return Findings(
            lost=sum(one.lost for one in found),
            duplicate_results=sum(one.duplicate_results for one in found),
            duplicate_paid_calls=repeats.paid_twice,
            unexpected=(*self._unexpected, *(sentence for one in found for sentence in one.unexpected)),
            recovered_s=max(recoveries, default=None),
        )

    def _examine_job(self, scene: Scene, name: str, numbers: range, calls: dict[str, Any]) -> Findings:
        submitted = [f"invoice-{number}" for number in numbers]
        return examine(scene.database, name, submitted, calls, is_right=is_right)


def _ceilings(size: Size) -> dict[tuple[str, str], float]:
    """Return how many threads and connections the pools of a worker may hold, with what it always has."""
    ceilings: dict[tuple[str, str], float] = {}
    for tier, (in_flight, chunk) in zip(TIERS, size.queues, strict=True):
        ceilings[f"worker-{tier}", "threads"] = ALWAYS_THREADS + threads_for(in_flight, chunk) + LOOP_THREADS
        ceilings[f"worker-{tier}", "database"] = inspect.signature(Database).parameters["pool_size"].default
    return ceilings


def read_events(file: Path) -> list[dict[str, Any]]:
    """Return what happened in a soak, without its samples."""
    with file.open() as lines:
        return [event for line in lines if "processes" not in (event := json.loads(line))]


def _submitter(scene: Scene, size: Size, log: Path) -> subprocess.Popen[bytes]:
    jobs = int(size.lasts_s // size.every_s)
    command = [sys.executable, "-m", "tests.faults.soak.submitter", str(scene.place.folder / "invoices")]
    with log.open("ab") as file:
        return subprocess.Popen(
            [*command, str(jobs), str(size.items), str(size.every_s)],
            cwd=scene.place.folder,
            env=os.environ | scene.place.environment | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def _wait_until_s(watch: Watch, at_s: float) -> None:
    threading.Event().wait(max(0.0, at_s - watch.at_s))
