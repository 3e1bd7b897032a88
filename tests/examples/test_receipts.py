"""The receipts example: its documents are what its generator writes, and its engines generalise."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.accuracy import AccuracyCount
from evaluation.model_server.engine import EngineRequest
from evaluation.model_server.loading import load_engines
from producer.documents.intake import read_documents
from producer.task_folder import load_task
from routing.comparison import Comparison
from routing.compiled_task import CompiledTask
from routing.completion import Completion, FinishReason, Message, TokenUsage
from routing.document import Document
from routing.row_reader import RowReader
from tests.support.services import missing

EXAMPLE = Path(__file__).parents[2] / "examples" / "receipts"
DATA = Path(os.environ.get("CHEAPFIRST_DATA", EXAMPLE.parents[2] / "shared" / "data"))
TASK = load_task(EXAMPLE)
HELD_OUT_OF = 3


@pytest.fixture(scope="module")
def engines() -> Iterator[dict[str, object]]:
    """The example's engines, as the model server loads them."""
    before = list(sys.path)
    yield dict(load_engines(EXAMPLE / "engines.py"))
    sys.path[:] = before


def _answer(engine: object, text: str) -> str:
    assert callable(engine)
    message = Message("user", f"<document>\n{text}\n</document>\n")
    answer = engine(EngineRequest("offline", (message,), None))
    assert isinstance(answer, str)
    return answer


def _real_receipts() -> list[dict[str, object]]:
    file = DATA / "receipts" / "dev.jsonl"
    if not file.exists():
        missing(f"The real receipts ({file})", "set CHEAPFIRST_DATA to the folder that holds them")
    return [json.loads(line) for line in file.read_text().splitlines()]


def _is_held_out(row: dict[str, object]) -> bool:
    return int(hashlib.sha256(str(row["custom_id"]).encode()).hexdigest(), 16) % HELD_OUT_OF == 0


def _macro(engine: object, rows: list[dict[str, object]]) -> float:
    count = AccuracyCount(Comparison.of_task(TASK))
    for row in rows:
        expected = row["expected"]
        assert isinstance(expected, dict)
        count.add(json.loads(_answer(engine, str(row["text"]))), expected)
    result = count.result()
    assert result is not None
    return result.macro


@pytest.mark.parametrize(("name", "least"), [("offline-small", 0.60), ("offline-large", 0.85)])
def test_engines_read_real_receipts_they_were_not_tuned_on(engines: dict[str, object], name: str, least: float) -> None:
    """On a held-out third of the real receipts an engine is as good as on the rest, within five points."""
    rows = _real_receipts()
    tuned_on = _macro(engines[name], [row for row in rows if not _is_held_out(row)])
    held_out = _macro(engines[name], [row for row in rows if _is_held_out(row)])
    assert _macro(engines[name], rows) >= least
    assert abs(tuned_on - held_out) <= 0.05


def test_the_large_engine_is_clearly_the_better_one(engines: dict[str, object]) -> None:
    """There is something to escalate to."""
    rows = _real_receipts()
    assert _macro(engines["offline-large"], rows) - _macro(engines["offline-small"], rows) > 0.1


@given(text=st.text(max_size=400))
@pytest.mark.parametrize("name", ["offline-small", "offline-large"])
def test_no_text_makes_an_engine_raise(engines: dict[str, object], name: str, text: str) -> None:
    """Whatever a document holds, the answer is an object with the four fields."""
    answer = json.loads(_answer(engines[name], text))
    assert set(answer) == {"company", "date", "address", "total"}


def test_the_generator_writes_the_documents_that_ship(tmp_path: Path) -> None:
    """Documents and labels are the same bytes, wherever and whenever they are written."""
    sys.path.insert(0, str(EXAMPLE))
    try:
        from generate import generate  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(EXAMPLE))
    generate(tmp_path)
    written = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    shipped = [*sorted((EXAMPLE / "documents").iterdir()), EXAMPLE / "labels.jsonl"]
    assert [path.name for path in written] == [path.name for path in sorted(shipped)]
    for path in written:
        assert path.read_bytes() == (EXAMPLE / path.relative_to(tmp_path)).read_bytes(), path.name


def test_every_document_that_ships_is_read() -> None:
    """The intake refuses none, and each has its labels."""
    labelled = {json.loads(line)["custom_id"] for line in (EXAMPLE / "labels.jsonl").read_text().splitlines()}
    read = list(read_documents([EXAMPLE / "documents"], RowReader(TASK.input)))
    assert all(isinstance(document, Document) for document in read)
    assert {document.custom_id for document in read if isinstance(document, Document)} == labelled


def test_checks_catch_most_of_the_small_engines_mistakes_on_shipped_documents(engines: dict[str, object]) -> None:
    """An output with a wrong field is mostly not accepted, and a right one mostly is."""
    task = CompiledTask(TASK)
    labels = {
        row["custom_id"]: row["expected"]
        for row in map(json.loads, (EXAMPLE / "labels.jsonl").read_text().splitlines())
    }
    seen = {(right, passed): 0 for right in (True, False) for passed in (True, False)}
    for document in read_documents([EXAMPLE / "documents"], RowReader(TASK.input)):
        assert isinstance(document, Document)
        answer = _answer(engines["offline-small"], document.text)
        completion = Completion(answer, FinishReason.STOP, TokenUsage(1, 1), "small", 1.0)
        count = AccuracyCount(Comparison.of_task(TASK))
        count.add(json.loads(answer), labels[document.custom_id])
        result = count.result()
        assert result is not None
        seen[result.macro == 1.0, task.judge(completion, document.text).passed] += 1
    assert seen[True, True] > 10 * seen[True, False]
    assert seen[False, False] > seen[False, True]
