"""Budget, cancel and pause while 500 calls are in flight: these end and are paid, and nothing else begins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

import pytest

from evaluation.model_server.server import Latency
from storage import jobs, results, sweeping
from storage.database import Database
from storage.states import ItemState, JobState, StopReason
from tests.faults.oracle import Findings, examine
from tests.faults.scene import wait_until
from tests.faults.trial import Trial
from tests.support.engine_room import EngineRoom, engine_room
from tests.support.ledgers import TASK, running_job
from tests.support.loopback import answering, loopback

IN_FLIGHT = 500
CHUNK = 50
COST_OF_ONE = 4_000 + 30_000
"""Four tokens in at 1 000 nano-dollars, three out at 10 000."""
MOST_OF_ONE = 50_000 + 5 * 10_000
SHORT = TASK.model_copy(update={"max_output_tokens": 5})


def answer(_: str) -> str:
    """Return an answer of three tokens."""
    return '{"total": 9}'


def work(room: EngineRoom, ledger: Database, job: int, threads: ThreadPoolExecutor) -> list[Future[int]]:
    """Take up everything that is queued, as many messages at once as there are threads."""
    queued = sweeping.queued_positions(ledger, job, "cheap", 0, 100_000)
    chunks = [queued[start : start + CHUNK] for start in range(0, len(queued), CHUNK)]
    return [threads.submit(room.pipeline.run_chunk, "cheap", job, chunk) for chunk in chunks]


def names(count: int) -> list[str]:
    """Return the ids of a job of so many items."""
    return [f"item-{number}" for number in range(1, count + 1)]


@pytest.mark.parametrize("halt", [jobs.cancel, jobs.pause])
def test_what_waits_behind_500_calls_is_not_called(
    ledger: Database, trial: Trial, halt: Callable[[Database, int], bool]
) -> None:
    """The 500 are answered and paid; the others are called once the job is resumed, and nobody is called twice."""
    count = 700
    with (
        loopback({"small": answering(answer)}, Latency(2.0)) as server,
        engine_room(ledger, server.deployment(timeout_s=30), limit=IN_FLIGHT) as room,
        ThreadPoolExecutor(count // CHUNK) as threads,
    ):
        counted = server.server.ledger
        job = running_job(ledger, count).id
        working = work(room, ledger, job, threads)
        assert wait_until(lambda: room.gate.inside == IN_FLIGHT, 60) is not None
        assert halt(ledger, job)
        answered = counted.answered["small"]  # none, unless this machine is very slow
        for chunk in working:
            chunk.result()
        called, halted = counted.answered["small"], jobs.find(ledger, str(job))
        jobs.resume(ledger, job)
        for chunk in work(room, ledger, job, threads):
            chunk.result()
        findings = examine(ledger, str(job), names(count), counted.as_json())
        billed = server.billed_nano_usd(server.deployment())
    fault = f"{halt.__name__} with 500 in flight on {ledger.engine.dialect.name}"
    trial.report(9, fault, findings, called_beyond=called - answered - IN_FLIGHT)
    assert called <= answered + IN_FLIGHT
    assert halted.items_done == called
    assert findings == Findings(0, 0, 0)
    assert jobs.find(ledger, str(job)).cost_nano_usd == billed


def test_a_steady_flow_ends_within_a_fifth_of_a_second(ledger: Database, trial: Trial) -> None:
    """Where calls end and begin all the time, some begin before the word has come round, and none much later."""
    count, times = trial.size((600, 1), (4_000, 5))
    begun: list[float] = []
    last_s = later = 0.0

    def noted(text: str) -> str:
        begun.append(monotonic())
        return answer(text)

    limit = trial.size(50, IN_FLIGHT)
    with (
        loopback({"small": answering(noted)}, Latency(trial.size(0.3, 2.0), 0.3)) as server,
        engine_room(ledger, server.deployment(timeout_s=30), limit=limit) as room,
        ThreadPoolExecutor(count // CHUNK) as threads,
    ):
        counted = server.server.ledger
        job = running_job(ledger, count).id
        for time in range(times):
            working = work(room, ledger, job, threads)
            assert wait_until(lambda time=time: counted.answered["small"] > (time + 1) * limit, 120) is not None
            threading.Event().wait(trial.random.uniform(0, 0.5))
            halt = trial.random.choice([jobs.cancel, jobs.pause])
            assert halt(ledger, job)
            halted_at, called = monotonic(), len(begun)
            for chunk in working:
                chunk.result()
            last_s, later = max(last_s, begun[-1] - halted_at), max(later, len(begun) - called)
            jobs.resume(ledger, job)
        for chunk in work(room, ledger, job, threads):
            chunk.result()
        findings = examine(ledger, str(job), names(count), counted.as_json())
    fault = f"halts of a steady flow of {limit} in flight on {ledger.engine.dialect.name}"
    trial.report(9, fault, findings, times=times, begun_later=later, last_begun_after_s=round(last_s, 2))
    assert findings == Findings(0, 0, 0)
    assert last_s < 2  # a fifth of a second for the word, the rest for a slow machine


def test_500_calls_in_flight_cannot_overspend(ledger: Database, trial: Trial) -> None:
    """The cap is hit in mid-flight: ledger and provider agree to the cent, and the cap holds."""
    count, affordable = 1_400, 1_200
    budget = affordable * COST_OF_ONE
    with (
        loopback({"small": answering(answer)}, Latency(2.5)) as server,
        engine_room(ledger, server.deployment(timeout_s=30), IN_FLIGHT) as room,
        ThreadPoolExecutor(count // CHUNK) as threads,
    ):
        job = running_job(ledger, count, budget=budget, task=SHORT).id
        working = work(room, ledger, job, threads)
        assert wait_until(lambda: room.gate.inside == IN_FLIGHT, 60) is not None
        while jobs.is_running(ledger, job):
            for chunk in working:
                chunk.result()
            working = work(room, ledger, job, threads)
        counted = server.server.ledger
        billed = server.billed_nano_usd(server.deployment())
        stopped = jobs.find(ledger, str(job))
        done = [item.custom_id for item in results.items(ledger, job, ItemState.DONE)]
        findings = examine(ledger, str(job), done, counted.as_json())
    overspent = max(0, stopped.cost_nano_usd - budget)
    fault = f"budget used up with 500 in flight on {ledger.engine.dialect.name}"
    trial.report(9, fault, findings, overspent_calls=overspent / COST_OF_ONE)
    assert (stopped.state, stopped.stop_reason) == (JobState.STOPPED, StopReason.BUDGET)
    assert (stopped.cost_nano_usd, stopped.reserved_nano_usd) == (billed, 0)
    assert budget - MOST_OF_ONE <= stopped.cost_nano_usd <= budget
    assert findings == Findings(0, 0, 0)
