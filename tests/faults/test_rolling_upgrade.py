"""Point 5: workers of three builds on one ledger and one queue, the oldest from this repository's history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from storage import workers
from tests.faults.scene import Scene, wait_until
from tests.faults.trial import Trial
from tests.support.builds import newer_build, older_build, using
from tests.support.documents import write_lines
from tests.support.runs import Workplace, invoice
from workers.messages import PARKED

OLDER = "438adce4b1b36da2571fbcbecda3facbd26210c1"
"""The last one that keeps a copy in Redis of every message it has fetched, as kombu does."""
WITHIN_S = 90.0


@pytest.mark.timeout(1800)
def test_a_rolling_upgrade_loses_nothing_and_pays_nothing_twice(
    make_scene: Callable[..., Scene], trial: Trial, tmp_path: Path, postgres_url: str
) -> None:
    """Messages are worked off by both builds; what neither knows is parked, and back once a newer one starts."""
    if not trial.full:
        pytest.skip("three builds come up one after the other: a minute, at --faults=full")
    older, newer = older_build(OLDER, tmp_path / "older"), newer_build(tmp_path / "newer")
    _upgrade(using(Workplace(tmp_path, {"DATABASE_URL": postgres_url}), older))
    scene = make_scene(latency_ms=300, cheap=(10, 4), is_upgraded=False)
    place, count = scene.place, 1000

    # The older build's own worker, messages and ledger; then the ledger is upgraded beneath it.
    running = [scene.serve("cheap", place=using(place, older))]
    assert wait_until(lambda: bool(workers.running(scene.database)), WITHIN_S) is not None
    scene.place = using(place, older)
    scene.submit(count)
    scene.place = place
    _upgrade(place)
    running += [scene.serve(queue) for queue in ("cheap", "expensive")]
    assert scene.wait_for_the_end(900.0)
    before = scene.examine()

    # A newer producer beside them: its messages are of a version that no running worker knows.
    later = [invoice(number) for number in range(count + 1, 2 * count + 1)]
    write_lines(place.folder / "invoices.jsonl", *later)
    scene.place = using(place, newer)
    submitted = scene.place.run("submit", "invoices", "invoices.jsonl", "--json")
    assert submitted.code == 0, submitted.err
    scene.job, scene.submitted = submitted.json["job"], [row["custom_id"] for row in later]
    assert wait_until(lambda: scene.redis.length("cheap" + PARKED) > 0, WITHIN_S) is not None
    assert "of another version wait on cheap.parked" in place.run("check").out
    assert [worker.end() for worker in running] == [0, 0, 0]
    newest = [scene.serve(queue) for queue in ("cheap", "expensive")]
    assert scene.wait_for_the_end(900.0)
    assert wait_until(lambda: scene.redis.length("cheap" + PARKED) == 0, WITHIN_S) is not None
    assert "parked messages are back on cheap" in newest[0].log.read_text()
    after = scene.examine()
    trial.report(5, "rolling upgrade over three builds", after, documents=2 * count)
    for findings in (before, after):
        assert (findings.lost, findings.duplicate_results, findings.unexpected) == (0, 0, ())
        assert findings.duplicate_paid_calls == 0


def _upgrade(place: Workplace) -> None:
    upgraded = place.run("db", "upgrade")
    assert upgraded.code == 0, upgraded.err
