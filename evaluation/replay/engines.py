"""Engines that answer what real models answered when they were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation.model_server.engine import NotRecordedError
from evaluation.replay.document_index import DocumentIndex
from evaluation.replay.recordings import read_recordings

if TYPE_CHECKING:
    from pathlib import Path

    from evaluation.model_server.engine import Engine, EngineRequest


def replay_engines(path: Path) -> dict[str, Engine]:
    """Return an engine for each model in a recordings file.

    An engine raises NotRecordedError for a document that was not recorded, or not with its model.
    """
    recordings = read_recordings(path)
    index = DocumentIndex(recordings)

    def answer(request: EngineRequest) -> str:
        message = next((turn.content for turn in reversed(request.messages) if turn.role == "user"), "")
        recording = index.find(message)
        if recording is None:
            raise NotRecordedError(f"this document is not among the {len(recordings)} recorded ones")
        try:
            return recording.answers[request.model]
        except KeyError:
            raise NotRecordedError(f"`{request.model}` was not recorded on document {recording.id}") from None

    return dict.fromkeys(sorted({model for recording in recordings for model in recording.answers}), answer)
