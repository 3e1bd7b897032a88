"""A queue with `concurrency: auto`, as users run it."""

from __future__ import annotations

import re
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from routing.deployment import SELF_TUNING_START
from storage import workers
from storage.database import Database
from tests.support.runs import first_task, slow_engines

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(120)
def test_a_queue_that_tunes_itself_grows_while_its_provider_keeps_up(tmp_path: Path) -> None:
    """Its worker comes to let more calls through than it began with, and every document is done."""
    place = first_task(tmp_path)
    deployment = place.folder / "cheapfirst.yaml"
    deployment.write_text(re.sub(r"cheap: \{concurrency: \d+", "cheap: {concurrency: auto", deployment.read_text()))
    place.invoices(200)
    with slow_engines(place, latency_ms=200) as (slow, server), slow.start("run", "invoices", "invoices.jsonl") as run:
        server.wait_for_answers(40, run)
        with closing(Database(f"sqlite:///{place.home / 'ledger.db'}")) as ledger:
            pause = threading.Event()
            while run.poll() is None and _concurrency(ledger) <= SELF_TUNING_START:
                pause.wait(0.2)
            assert _concurrency(ledger) > SELF_TUNING_START
        _, err = run.communicate(timeout=90)
        assert run.returncode == 0, err


def _concurrency(ledger: Database) -> int:
    return max((worker.concurrency for worker in workers.running(ledger) if worker.queue == "cheap"), default=0)
