"""Recorded answers of real models go through the product, tuned on one half and measured on the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from claims.__main__ import main, write_document
from claims.catalogue import cases
from claims.recorded_set import read_halves
from producer.cli.ending import ExitCode
from producer.embedded.redis_binary import find_redis_binary
from routing.errors import ServiceUnreachableError
from tests.support.recorded_sets import DATA, recorded_rows
from tests.support.services import missing

ROWS = 60
PAIR = "gemma-4o-schema"


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DATABASE_URL", "REDIS_URL", "CHEAPFIRST_DEPLOYMENT", "CHEAPFIRST_HOME"):
        monkeypatch.delenv(variable, raising=False)


def test_halves_are_apart_stable_and_without_repeated_texts() -> None:
    """The same rows give the same halves, whatever comes with them; no text stands in both."""
    recorded_rows("committees/records.jsonl", 1)
    whole, some = read_halves(DATA, "committees"), read_halves(DATA, "committees", ROWS)
    texts = [document.text for document in (*whole.tuning, *whole.testing)]
    assert len(texts) == len(set(texts))
    assert len(texts) + whole.repeated == 499
    assert abs(len(whole.tuning) - len(whole.testing)) < 50
    assert {document.custom_id for document in some.tuning} <= {document.custom_id for document in whole.tuning}


@pytest.mark.timeout(180)
def test_a_pair_is_replayed_through_the_queues_and_written_down(tmp_path: Path) -> None:
    """Gemma and gpt-4o on the first mails: right answers, escalations and the saving are those of the recordings."""
    try:
        find_redis_binary()
    except ServiceUnreachableError:
        missing("a Redis server", "apt-get install redis-server")
    rows = {row["id"]: row for row in recorded_rows("committees/records.jsonl", ROWS)}
    case = next(case for case in cases() if case.name == PAIR)
    (found,) = write_document([case], DATA, tmp_path / "results.md", ROWS)
    tested = [rows[document.custom_id]["models"] for document in read_halves(DATA, "committees", ROWS).testing]
    first, last = (case.models[name].recorded for name in ("first", "last"))
    stands = [isinstance(models[first]["output"].get("committee"), str) for models in tested]
    right = [models[first if stays else last]["correct"] for models, stays in zip(tested, stands, strict=True)]
    paths = found.evaluation["paths"]
    assert paths["routed"]["right"] == sum(right)
    assert paths["expensive"]["right"] == sum(models[last]["correct"] for models in tested)
    assert (found.escalated, found.straight) == (stands.count(False), 0)
    assert 0.5 < found.saved < 0.95
    assert f"| {len(tested)} |" in (tmp_path / "results.md").read_text(encoding="utf-8")


def test_a_set_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, the file, and how to name another folder; the document stays as it was."""
    output = tmp_path / "results.md"
    assert main(["--data", str(tmp_path), "--output", str(output)]) is ExitCode.WRONG_USAGE
    told = capsys.readouterr().err
    assert "There is no recorded set" in told
    assert "CHEAPFIRST_DATA" in told
    assert not output.exists()
