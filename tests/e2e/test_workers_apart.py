from __future__ import annotations

import re
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from producer.embedded.redis_server import EmbeddedRedis
from tests.support.processes import children_of, ends_within
from tests.support.runs import ROOT, Workplace, first_task, slow_engines

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(ROOT, "docs", "python-api.md")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    """A folder with the first task, a broker that is configured, and a ledger that was upgraded."""
    folder = tmp_path / "place"
    folder.mkdir()
    with EmbeddedRedis(tmp_path / "redis") as redis:
        place = Workplace(first_task(folder).folder, {"REDIS_URL": redis.url})
        assert place.run("db", "upgrade").code == 0
        yield place


@pytest.mark.timeout(240)
def test_a_worker_serves_what_others_submit(place: Workplace) -> None:
    """`worker`, `submit`, `status --watch`, `scale` and the Python API work together over one broker and ledger."""
    place.invoices(30)
    with slow_engines(place, latency_ms=0) as (served, _), served.start("worker", "cheap", "expensive") as worker:
        try:
            submitted = served.run("submit", "invoices", "invoices.jsonl", "--json").json
            assert (submitted["state"], submitted["created"], submitted["refused"]) == ("running", True, 0)
            watched = served.run("status", submitted["job"], "--watch")
            assert watched.code == 0, watched.err
            scaled = served.run("scale", "cheap", "7")
            assert re.fullmatch(r"\S+: 60 -> 17\n", scaled.out), scaled.out + scaled.err
            printed = _python(served, "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)))
            assert "bakery.txt done cheap" in printed
            assert "surveyor.txt done expensive" in printed
            assert "{'total': 3, 'done': 3, 'failed': 0}" in printed
            assert "'number': 'OP-8841'" in printed
        finally:
            worker.send_signal(signal.SIGTERM)
            _, err = worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert "Serving cheap, expensive" in err
    assert "Stopping" in err


@pytest.mark.timeout(240)
def test_a_scaled_worker_fetches_as_much_as_it_calls(place: Workplace) -> None:
    """It began with the four messages of 16 that four calls need; 100 in flight need seven."""
    place.invoices(400)
    with slow_engines(place, latency_ms=2000) as (served, server):
        assert served.run("submit", "invoices", "invoices.jsonl").code == 0
        with served.start("worker", "cheap", "--concurrency", "4") as worker:
            try:
                server.wait_for_answers(1, worker)
                assert served.run("scale", "cheap", "100").out.endswith(": 4 -> 100\n")
                server.wait_for_answers(300, worker)
                assert 64 < server.calls()["most_in_flight"] <= 100
            finally:
                worker.send_signal(signal.SIGTERM)
                worker.communicate(timeout=60)


@pytest.mark.timeout(240)
def test_a_worker_whose_supervisor_died_while_it_started_ends(place: Workplace) -> None:
    """It takes seconds to come up, and nobody is left by then to tell it to go."""
    with slow_engines(place, latency_ms=0) as (served, _), served.start("worker", "cheap") as supervisor:
        try:
            while not (pids := children_of(supervisor.pid)):
                assert supervisor.poll() is None
                threading.Event().wait(0.01)
        finally:
            supervisor.kill()
            supervisor.wait(60)
        assert all(ends_within(pid, 100.0) for pid in pids)


def _python(place: Workplace, code: str) -> str:
    ended = place.run(code, command=(sys.executable, "-c"))
    assert ended.code == 0, ended.err
    return ended.out
