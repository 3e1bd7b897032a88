"""What an engine is asked."""

from __future__ import annotations

from evaluation.model_server.engine import EngineRequest
from routing.completion import Message


def test_the_document_is_what_was_asked_first() -> None:
    """A repair goes on about the same document; a conversation without a user has none."""
    asked = (Message("system", "s"), Message("user", "document"), Message("assistant", "{}"), Message("user", "wrong"))
    assert EngineRequest("m", asked, None).document == "document"
    assert EngineRequest("m", (Message("system", "s"),), None).document == ""
