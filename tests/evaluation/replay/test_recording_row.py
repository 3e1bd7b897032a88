"""Which calls about a document become which answers of its recording."""

from __future__ import annotations

import json
from pathlib import Path

from evaluation.replay.recording_row import recording_row
from evaluation.replay.recordings import RecordedAnswer, RecordedModel, read_recordings
from storage.recorded_calls import CalledItem, RecordedCall
from storage.states import AttemptOutcome


def _call(
    answer: str | None,
    cause: str = "first_tier",
    model: str = "small",
    outcome: AttemptOutcome = AttemptOutcome.REJECTED,
    trouble: str | None = None,
    fields: tuple[str, ...] = (),
) -> RecordedCall:
    return RecordedCall(model, cause, outcome, trouble, "stop", answer, 7, 2, None, fields)


def _item(*calls: RecordedCall) -> CalledItem:
    return CalledItem(1, "a", "a document", '{"user": "gold"}', '{"total": 1}', 3, calls)


def _read(folder: Path, item: CalledItem) -> dict[str, RecordedModel]:
    (folder / "r.jsonl").write_text(json.dumps(recording_row(item)))
    (recording,) = read_recordings(folder / "r.jsonl")
    return dict(recording.models)


def _answer(text: str) -> RecordedAnswer:
    return RecordedAnswer(text, input_tokens=7, output_tokens=2)


def test_a_row_is_an_input_as_well() -> None:
    """It holds the document with all that was given with it."""
    row = recording_row(_item(_call("{}")))
    assert {name: row[name] for name in ("kind", "custom_id", "text", "pages", "metadata", "expected")} == {
        "kind": "recording",
        "custom_id": "a",
        "text": "a document",
        "pages": 3,
        "metadata": {"user": "gold"},
        "expected": {"total": 1},
    }


def test_each_call_has_its_place(tmp_path: Path) -> None:
    """Repairs follow the first answer; parts, judgements and second opinions are kept apart."""
    item = _item(
        _call("0.7", "judge", outcome=AttemptOutcome.PREDICTION),
        _call("first"),
        _call("second", "repair"),
        _call("third", "repair"),
        _call("opinion", "agreement", "other", AttemptOutcome.OPINION),
        _call("part", "failed_fields", "large", fields=("total", "date")),
        _call("whole", "fields_not_enough", "large"),
    )
    assert _read(tmp_path, item) == {
        "small": RecordedModel((_answer("first"), _answer("second"), _answer("third")), {}, _answer("0.7")),
        "other": RecordedModel((_answer("opinion"),)),
        "large": RecordedModel((_answer("whole"),), {"date,total": _answer("part")}),
    }


def test_what_was_asked_again_is_kept_once(tmp_path: Path) -> None:
    """A retried item's first conversation counts; its second one is another."""
    item = _item(_call("first"), _call("second", "repair"), _call("again"), _call("other", "repair"))
    assert _read(tmp_path, item) == {"small": RecordedModel((_answer("first"), _answer("second")))}


def test_a_refusal_is_kept_unless_the_model_answered_after_all(tmp_path: Path) -> None:
    """That a judge was refused says nothing of the model's own answer."""
    refused = _call(None, outcome=AttemptOutcome.REFUSED, trouble="status_413")
    judged = _call(None, "judge", outcome=AttemptOutcome.REFUSED, trouble="status_400")
    assert _read(tmp_path, _item(refused)) == {"small": RecordedModel((RecordedAnswer(refused=413),))}
    assert _read(tmp_path, _item(judged, refused, _call("{}"))) == {"small": RecordedModel((_answer("{}"),))}
    assert _read(tmp_path, _item(judged)) == {}
    assert _read(tmp_path, _item(_call("{}"), refused)) == {"small": RecordedModel((_answer("{}"),))}


def test_estimated_tokens_are_estimated_again(tmp_path: Path) -> None:
    """They are left out, so that the replay counts as the gateway did."""
    call = RecordedCall("small", "first_tier", AttemptOutcome.ACCEPTED, None, "length", "{", None, None, 0.25, ())
    row = recording_row(_item(call))
    assert row["models"] == {"small": {"text": "{", "finish_reason": "length", "confidence": 0.25}}
