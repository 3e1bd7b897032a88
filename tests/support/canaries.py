"""Canaries: words that must not get out, and a search that finds them in every form in which they would."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Canaries:
    """One word of each kind, drawn anew for every run, so that no other run's words are found.

    `of_documents` are words of a document, its metadata or the prompt that no answer repeats, and of its name;
    `of_answers` are those that models gave back, rightly and wrongly.
    """

    secret: Mapping[str, str]
    of_documents: Mapping[str, str]
    of_answers: Mapping[str, str]

    @classmethod
    def draw(cls) -> Canaries:
        """Draw them."""
        return cls(
            secret=_drawn("key of small", "key of large", "Redis password", "database password", "Flower password"),
            of_documents=_drawn("text", "metadata", "prompt", "label", "id"),
            of_answers=_drawn("right value", "another value", "wrong value"),
        )

    @property
    def all(self) -> dict[str, str]:
        """Every word by its kind."""
        return {**self.secret, **self.of_documents, **self.of_answers}


def found(data: bytes, canaries: Mapping[str, str]) -> list[str]:
    """Return the kinds of canaries that are in some bytes, as they are or encoded."""
    return [kind for kind, word in canaries.items() if any(form in data for form in forms(word))]


def forms(word: str) -> set[bytes]:
    """Return what a word looks like as text, UTF-16, percent-encoded, in hexadecimal, and within base64 of more."""
    raw = word.encode()
    plain = {raw, word.encode("utf-16-le"), quote(word, safe="").encode()}
    return plain | {raw.hex().encode(), raw.hex().upper().encode()} | _within_base64(raw)


def _within_base64(raw: bytes) -> set[bytes]:
    """Return the letters that a word alone decides, at each of the three places it may have within base64.

    Messages of Celery travel so: none of their bytes is the text's own.
    """
    within = set()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)
        whole = encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        within |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    return within


def _drawn(*kinds: str) -> dict[str, str]:
    return {kind: f"canary{''.join(kind.split())}{secrets.token_hex(8)}" for kind in kinds}
