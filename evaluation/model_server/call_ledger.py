"""The server's own count of calls: what was really asked, to be compared with what was billed."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluation.model_server.engine import EngineRequest


class CallLedger:
    """Counts answered and faulty calls, their tokens, and answers by document (a hash of the first user message).

    `asked_by_document` counts whatever was asked, the calls that met a fault included. `cut` are calls whose connection
    this server ended before they were answered; nobody is billed for them. `again` has a document and the time (Unix,
    in seconds) for each answer to a document beyond its first.
    """

    def __init__(self) -> None:
        self.answered: Counter[str] = Counter()
        self.faulty: Counter[str] = Counter()
        self.cut: Counter[str] = Counter()
        self.by_document: Counter[str] = Counter()
        self.again: list[tuple[str, float]] = []
        self.asked_by_document: Counter[str] = Counter()
        self.input_tokens: Counter[str] = Counter()
        self.output_tokens: Counter[str] = Counter()
        self.in_flight = 0
        self.most_in_flight = 0

    def count_call(self, request: EngineRequest) -> None:
        """Count a call that came, whatever becomes of it."""
        self.asked_by_document[_key(request)] += 1

    def count_answer(self, request: EngineRequest, input_tokens: int, output_tokens: int) -> None:
        """Count a call that was answered, and will be billed."""
        self.answered[request.model] += 1
        self.input_tokens[request.model] += input_tokens
        self.output_tokens[request.model] += output_tokens
        key = _key(request)
        self.by_document[key] += 1
        if self.by_document[key] > 1:
            self.again.append((key, round(time.time(), 3)))

    def totals(self) -> dict[str, object]:
        """Return the few counts that do not grow with the documents, as `GET /calls/totals` shows them."""
        return {
            "answered": dict(self.answered),
            "faulty": dict(self.faulty),
            "cut": dict(self.cut),
            "in_flight": self.in_flight,
        }

    def as_json(self) -> dict[str, object]:
        """Return the counts, as `GET /calls` shows them."""
        return self.totals() | {
            "by_document": dict(self.by_document),
            "again": self.again,
            "asked_by_document": dict(self.asked_by_document),
            "input_tokens": dict(self.input_tokens),
            "output_tokens": dict(self.output_tokens),
            "most_in_flight": self.most_in_flight,
        }


def document_hash(text: str) -> str:
    """Return the name the ledger uses for a document: nothing of its text can be read from it."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()


def _key(request: EngineRequest) -> str:
    return f"{request.model}:{document_hash(request.document)}"
