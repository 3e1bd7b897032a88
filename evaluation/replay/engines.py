"""Engines that answer what real models answered when they were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from evaluation.model_server.engine import EngineAnswer, NotRecordedError, RefusedError
from evaluation.replay.document_index import DocumentIndex
from evaluation.replay.recordings import RecordedAnswer, part_key, read_recordings
from routing.answer import parse_answer
from routing.failed_fields import fields_asked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from evaluation.model_server.engine import Engine, EngineRequest
    from evaluation.replay.recordings import RecordedModel

_JUDGED_FIELDS = frozenset({"probability"})


def replay_engines(path: Path) -> dict[str, Engine]:
    """Return an engine for each model in a recordings file.

    An engine raises NotRecordedError for a document that was not recorded, or not with its model, and RefusedError for
    one that its model refused.
    """
    recordings = read_recordings(path)
    index = DocumentIndex(recordings)

    def answer(request: EngineRequest) -> EngineAnswer:
        recording = index.find(request.document)
        if recording is None:
            raise NotRecordedError(f"this document is not among the {len(recordings)} recorded ones")
        model = recording.models.get(request.model)
        recorded = None if model is None else _recorded(model, request)
        if recorded is None:
            raise NotRecordedError(f"`{request.model}` was not recorded on document {recording.id}")
        if recorded.refused is not None:
            raise RefusedError(recorded.refused)
        return EngineAnswer(
            recorded.text,
            recorded.finish_reason,
            recorded.input_tokens,
            recorded.output_tokens,
            recorded.confidence,
        )

    return dict.fromkeys(sorted({model for recording in recordings for model in recording.models}), answer)


def _recorded(model: RecordedModel, request: EngineRequest) -> RecordedAnswer | None:
    """Return what was recorded of such a request, None where nothing was.

    A model that is asked for some fields, and was recorded on all of them only, gives those of its whole answer. One
    that is asked to repair more often than when it was recorded says the same again.
    """
    if model.judged is not None and (_is_judging(request) or not model.whole):
        return model.judged
    fields = fields_asked(request.messages[-1].content) if request.messages else ()
    if fields:
        part = model.parts.get(part_key(fields))
        return part or (_narrowed(model.whole[0], fields) if model.whole else None)
    if not model.whole:
        return None
    repairs = sum(message.role == "assistant" for message in request.messages)
    return model.whole[min(repairs, len(model.whole) - 1)]


def _is_judging(request: EngineRequest) -> bool:
    properties = (request.schema or {}).get("properties")
    return isinstance(properties, dict) and properties.keys() == _JUDGED_FIELDS


def _narrowed(whole: RecordedAnswer, fields: Sequence[str]) -> RecordedAnswer:
    output = parse_answer(whole.text, whole.finish_reason).output
    if output is None:
        return whole
    return RecordedAnswer(
        orjson.dumps({name: output[name] for name in fields if name in output}).decode(), confidence=whole.confidence
    )
