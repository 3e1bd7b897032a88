"""What rules may ask about an item before any model has seen it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from routing.cached_property import cached_property
from routing.field_path import parse_path, take

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from routing.decision import Signal
    from routing.expressions.expression import Expression
    from routing.json_value import JsonObject, JsonValue

FACT_NAMES = frozenset(
    {"task", "characters", "tokens", "pages", "language", "hour", "weekday", "metadata", "metadata.*", "flags"}
)
"""The names a rule may use besides its deployment's flags."""
CHARACTERS_PER_TOKEN = 4
LANGUAGE_CHARACTERS = 2_000
"""How much of a text its language is read from."""


@dataclass(frozen=True)
class ItemFacts:
    """The facts of one item. `hour` (0-23) and `weekday` (1 is Monday) are in UTC, `tokens` estimated from characters.

    `language` is the metadata's own, or an ISO 639-1 code guessed from the text, guessed only where a rule asks for it.
    """

    task: str
    text: str = field(repr=False)
    pages: int | None
    metadata: JsonObject = field(repr=False)
    flags: Mapping[str, bool | int | float | str]
    now_ms: int

    @cached_property
    def language(self) -> str:
        """Return the language of the text."""
        own = self.metadata.get("language")
        if isinstance(own, str):
            return own
        from py3langid import classify  # loads a model of 0.2 s, which most tasks never need

        code: str = classify(self.text[:LANGUAGE_CHARACTERS])[0]
        return code

    def value(self, name: str) -> JsonValue:
        """Return a fact by the first step of its path. Raises KeyError for a name that is none."""
        return _FACTS[name](self)

    def at(self, path: str) -> JsonValue:
        """Return the fact at a path such as `language` or `metadata.kind`, null where the item has none there.

        Raises ValueError for what is no path, KeyError for a name that is none.
        """
        return self._at(parse_path(path))

    def signals(self, condition: Expression) -> dict[str, Signal]:
        """Return the facts a condition reads, as far as they may be kept: numbers, flags, and no text but its own.

        Of a text that the condition does not name as a value, only the length is told, as `PATH.characters`.
        """
        found: dict[str, Signal] = {}
        for path, steps in condition.paths.items():
            value = self._at(steps)
            if isinstance(value, str) and value not in condition.texts.get(path, ()):
                found[f"{path}.characters"] = len(value)
            elif value is None or isinstance(value, str | bool | int | float):
                found[path] = value
        return found

    def _at(self, steps: tuple[str | int, ...]) -> JsonValue:
        value: JsonValue = self.value(str(steps[0]))
        for step in steps[1:]:
            value = take(value, step)
        return value


_FACTS: Mapping[str, Callable[[ItemFacts], JsonValue]] = {
    "task": lambda facts: facts.task,
    "characters": lambda facts: len(facts.text),
    "tokens": lambda facts: -(-len(facts.text) // CHARACTERS_PER_TOKEN),
    "pages": lambda facts: facts.pages,
    "language": lambda facts: facts.language,
    "hour": lambda facts: _moment(facts.now_ms).hour,
    "weekday": lambda facts: _moment(facts.now_ms).isoweekday(),
    "metadata": lambda facts: facts.metadata,
    "flags": lambda facts: dict(facts.flags),
}


def _moment(now_ms: int) -> datetime:
    return datetime.fromtimestamp(now_ms / 1000, UTC)
