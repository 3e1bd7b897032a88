r"""Taking texts out of a recording so that it still behaves as before: the same value becomes the same other value.

A replacement has the shape of what it replaces: a letter for a letter, a digit for a digit, all else as it is. Each
depends on those before it in its value, as in Crypto-PAn (Xu and others, 2002): values that begin alike are replaced
alike, so that a name without its last word still stands in the document, in whatever case and spacing. All follows from
a secret that is thrown away, so that guesses cannot be tried.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import string
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from evaluation.replay.redaction_rules import strings
from routing.answer import parse_answer
from routing.completion import FinishReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from evaluation.replay.redaction_rules import RedactionRule
    from routing.json_value import JsonValue

# What may stand between two parts of a value where it is written another way, as an escape within JSON too.
_GAP = r"(?:[\W_]|\\[nrt/\"]|\\u[0-9a-fA-F]{4}){0,6}"
_WORD = re.compile(r"[^\W_]+")
_ESCAPES = re.compile(r"(\\u[0-9a-fA-F]{4}|\\.)")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\.")
LEAST_WITHIN = 4
"""Letters and digits a value needs to be replaced within a longer word as well."""
LEAST_SPACED = 6
"""Letters and digits a value needs for finding it across other spaces than its own to mean something."""


class Redactor:
    """Redacts rows by rules. `found` counts the values each rule took out; `dropped` the answers that had to go."""

    def __init__(self, rules: Sequence[RedactionRule], secret: bytes) -> None:
        self._rules = rules
        self._secret = secret
        self.found: Counter[str] = Counter({rule.name: 0 for rule in rules})
        self.dropped = 0

    def redact(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row of `recording_row` without what the rules name."""
        originals = self._originals(row)
        if not originals:
            return row
        words = _any_of(_in_words(value) for value in originals)
        plain = {value for original in originals if len(value := _plain(original)) >= LEAST_SPACED}

        def replaced(text: str) -> str:
            text = words.sub(lambda match: self._replacement(match.group()), text)
            if left := _left_in(text, plain):
                spaced = _any_of(_GAP.join(map(re.escape, value)) for value in left)
                text = spaced.sub(lambda match: self._replacement(match.group()), text)
            return text

        def answer(recorded: dict[str, Any]) -> dict[str, Any] | None:
            return _answer(recorded, replaced, plain)

        redacted = {key: _mapped(row[key], replaced) for key in ("custom_id", "text", "metadata", "expected")}
        models = {name: self._model(recorded, answer) for name, recorded in row["models"].items()}
        return row | redacted | {"models": {name: recorded for name, recorded in models.items() if recorded}}

    def _originals(self, row: dict[str, Any]) -> set[str]:
        answers = [answer for model in row["models"].values() for answer in _answers(model)]
        outputs = [parse_answer(answer.get("text", ""), FinishReason.STOP).output for answer in answers]
        objects = [output for output in (*outputs, row["expected"]) if output is not None]
        texts = [row["custom_id"], row["text"], *strings(row["metadata"])]
        texts += [text for output in objects for text in strings(output)]
        texts += [answer.get("text", "") for answer in answers]
        originals: set[str] = set()
        for rule in self._rules:
            found = {match for text in texts for match in rule.matches(text)}
            found |= {value for output in objects for value in rule.values(output)}
            found = {value for value in found if _WORD.search(value)}
            self.found[rule.name] += len(found)
            originals |= found
        return originals

    def _model(
        self, recorded: dict[str, Any], answer: Callable[[dict[str, Any]], dict[str, Any] | None]
    ) -> dict[str, Any]:
        """Redact every answer of a model; what cannot be redacted for sure is left out, with what followed it."""
        kept: dict[str, Any] = {}
        if "refused" in recorded:
            kept["refused"] = recorded["refused"]
        whole = answer(recorded) if "text" in recorded else None
        if whole is not None:
            kept |= whole
            repairs = [answer(repair) for repair in recorded.get("repairs", ())]
            kept["repairs"] = [repair for repair in repairs if repair is not None]
        parts = {key: answer(part) for key, part in recorded.get("parts", {}).items()}
        kept["parts"] = {key: part for key, part in parts.items() if part is not None}
        kept["judged"] = answer(recorded["judged"]) if "judged" in recorded else None
        kept = {key: value for key, value in kept.items() if value or key == "text"}
        self.dropped += len(list(_answers(recorded))) - len(list(_answers(kept)))
        return kept

    def _replacement(self, text: str) -> str:
        parts = _ESCAPES.split(text)  # every other part is an escape of JSON, which stays
        so_far = hmac.new(self._secret, digestmod=hashlib.sha256)
        for at in range(0, len(parts), 2):
            parts[at] = "".join(_like(one, so_far) if one.isalnum() else one for one in parts[at])
        return "".join(parts)


def _answers(recorded: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "text" in recorded:
        yield recorded
    yield from recorded.get("repairs", ())
    yield from recorded.get("parts", {}).values()
    if "judged" in recorded:
        yield recorded["judged"]


def _answer(recorded: dict[str, Any], replaced: Callable[[str], str], originals: set[str]) -> dict[str, Any] | None:
    """Return an answer without these values, None where they may be left in it.

    Its own writing is kept where that can be; escapes may hide a value, and then the object in it is written anew.
    """
    kept = {key: value for key, value in recorded.items() if key not in {"repairs", "parts", "judged", "refused"}}
    text = replaced(recorded["text"])
    if _left_in(text, originals):
        output = parse_answer(recorded["text"], FinishReason.STOP).output
        text = "" if output is None else orjson.dumps(_mapped(output, replaced)).decode()
        if output is None or _left_in(text, originals):
            return None
    return kept | {"text": text}


def _left_in(text: str, originals: set[str]) -> set[str]:
    """Return which of these values can still be read in a text, whatever spaces and escapes are within it."""
    plain = _plain(_unescaped(text))
    return {original for original in originals if original in plain}


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    plain = _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else " ", text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # halves of a pair become one character


def _plain(text: str) -> str:
    return "".join(_WORD.findall(text)).lower()


def _in_words(value: str) -> str:
    """Return a pattern for a value in any spacing of its words; a short one is never found within a longer word."""
    written = _GAP.join(map(re.escape, _WORD.findall(value)))
    return written if len(_plain(value)) >= LEAST_WITHIN else rf"(?<![^\W_]){written}(?![^\W_])"


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for any of these, longest first, in any case."""
    return re.compile("|".join(sorted(patterns, key=len, reverse=True)), re.IGNORECASE)


def _like(character: str, so_far: hmac.HMAC) -> str:
    """Return another letter or digit; a zero stays, so that a number never begins with one it did not have."""
    so_far.update(character.lower().encode("utf-8", "replace"))
    number = int.from_bytes(so_far.digest()[:4], "big")
    if character.isdigit():
        others = string.digits[1:].replace(character, "")
        return character if character == "0" else others[number % len(others)]
    others = string.ascii_lowercase.replace(character.lower(), "")
    letter = others[number % len(others)]
    return letter.upper() if character.isupper() else letter


def _mapped(value: JsonValue, replaced: Callable[[str], str]) -> JsonValue:
    if isinstance(value, str):
        return replaced(value)
    if isinstance(value, list):
        return [_mapped(element, replaced) for element in value]
    if isinstance(value, dict):
        return {key: _mapped(member, replaced) for key, member in value.items()}
    return value
