"""Messages that come three times, at once and in any order, to a real worker's engine."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from evaluation.model_server.server import Latency
from routing.task import ChecksSpec
from storage import jobs
from storage.database import Database
from storage.states import JobState
from tests.faults.oracle import Findings, examine
from tests.faults.scene import wait_until
from tests.faults.trial import Trial
from tests.support.engine_room import engine_room
from tests.support.ledgers import TASK, TIERS, running_job
from tests.support.loopback import answering, loopback

DELIVERIES = 3
CHUNK = 4
THREADS = 16
CHECKED = TASK.model_copy(update={"checks": ChecksSpec(rules=("total >= 0",))})


def right_total(text: str) -> str:
    """Return what a capable model makes of a document."""
    return json.dumps({"total": int(text.split()[1])})


def wrong_when_odd(text: str) -> str:
    """Return what a model makes of it that every second document is beyond."""
    return right_total(text) if int(text.split()[1]) % 2 == 0 else '{"total": -1}'


def test_messages_delivered_three_times_at_once_are_called_once(ledger: Database, trial: Trial) -> None:
    """Sixteen threads take them up in any order; each model is asked once for each document, and billed once."""
    count = trial.size(120, 3_000)
    with (
        loopback({"small": answering(wrong_when_odd), "large": answering(right_total)}, Latency(0.02)) as server,
        engine_room(ledger, server.deployment(), limit=50) as room,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        job = running_job(ledger, count, task=CHECKED)
        room.published.keys["cheap"] = [(job.id, position) for position in range(1, count + 1)]
        for tier, handed_on in zip(TIERS, (count, count // 2), strict=True):
            assert wait_until(lambda t=tier, n=handed_on: len(room.published.keys.get(t, ())) == n, 30) is not None
            positions = [position for _, position in room.published.keys[tier]]
            messages = [positions[start : start + CHUNK] for start in range(0, count, CHUNK)] * DELIVERIES
            trial.random.shuffle(messages)
            list(threads.map(lambda message, tier=tier: room.pipeline.run_chunk(tier, job.id, message), messages))
        findings = examine(
            ledger,
            job.name,
            [f"item-{number}" for number in range(1, count + 1)],
            server.server.ledger.as_json(),
            is_right=lambda name, output: output == {"total": int(name.removeprefix("item-"))},
        )
        billed = server.billed_nano_usd(server.deployment())
    fault = f"each message three times, shuffled and at once, on {ledger.engine.dialect.name}"
    trial.report(6, fault, findings, items=count)
    assert findings == Findings(0, 0, 0)
    ended = jobs.find(ledger, job.name)
    assert (ended.state, ended.items_done, ended.cost_nano_usd) == (JobState.DONE, count, billed)
