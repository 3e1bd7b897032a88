"""What is to be taken out of a recording: kinds of personal data, patterns of the user's, values of fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import re2

from routing.errors import UsageError
from routing.field_path import check_path, parse_path, select
from routing.file_errors import nearest
from routing.normalisation.dates import date_readings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from routing.json_value import JsonObject, JsonValue

_KINDS = {
    "email": r"[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8}",
    "phone": r"(?:\+|\b)\(?\d{1,4}\)?(?:[ .\-/]?\(?\d{2,4}\)?){2,5}\b",
    "iban": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b",
    "card": r"\b\d{4}(?:[ \-]?\d{4}){2}[ \-]?\d{1,7}\b",
}
_PHONE = "phone"
_FIELD = "field:"


@dataclass(frozen=True, slots=True)
class RedactionRule:
    """One `--redact`: texts that match a pattern, or else the values that answers and labels give a field."""

    name: str
    _pattern: Any  # a compiled re2 pattern, or None
    _steps: tuple[str | int, ...] = ()

    def matches(self, text: str) -> Iterator[str]:
        """Yield what the pattern finds in a text; nothing for a rule about a field."""
        if self._pattern is not None:
            found = (match.group() for match in self._pattern.finditer(text))
            yield from (value for value in found if value and not (self.name == _PHONE and date_readings(value)))

    def values(self, output: JsonObject) -> Iterator[str]:
        """Yield the texts an output gives the field; nothing for a rule about a pattern."""
        if self._steps:
            for _, value in select(output, self._steps):
                yield from strings(value)


def compile_rules(texts: Iterable[str]) -> list[RedactionRule]:
    """Read rules as they are typed: `email`, `/PATTERN/`, `field:NAME`. Raises UsageError."""
    return [_compile(text) for text in texts]


def require_fields(rules: Iterable[RedactionRule], fields: frozenset[str]) -> None:
    """Raise UsageError where a rule is about a field that outputs do not have: it would redact nothing."""
    for rule in rules:
        problem = check_path(rule.name.removeprefix(_FIELD), fields) if rule.name.startswith(_FIELD) else None
        if problem is not None:
            raise UsageError(f"`{rule.name}` would redact nothing: {problem}.", "Name a field of the schema.")


def _compile(text: str) -> RedactionRule:
    if text.startswith(_FIELD):
        try:
            return RedactionRule(text, None, parse_path(text.removeprefix(_FIELD)))
        except ValueError as error:
            raise UsageError(
                f"`{text}` names no field: {error}.", "Write field:company or field:lines[*].name."
            ) from None
    is_pattern = len(text) > len("//") and text.startswith("/") and text.endswith("/")
    if not is_pattern and text not in _KINDS:
        known = ", ".join(_KINDS)
        raise UsageError(
            f"`{text}` says not what to redact.",
            nearest(text, _KINDS) or f"Write one of {known}, /PATTERN/ or field:NAME.",
        )
    try:
        return RedactionRule(text, re2.compile(text[1:-1] if is_pattern else _KINDS[text], _options()))
    except re2.error:
        raise UsageError(f"{text} is no regular expression (RE2).", "Mind the shell: quote it.") from None


def _options() -> Any:  # noqa: ANN401 - re2 has no types
    options = re2.Options()
    options.log_errors = False
    return options


def strings(value: JsonValue) -> Iterator[str]:
    """Yield every text within a JSON value; keys are not values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for element in value:
            yield from strings(element)
    elif isinstance(value, dict):
        for member in value.values():
            yield from strings(member)
