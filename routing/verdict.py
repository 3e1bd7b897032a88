"""The result of checking one output."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from routing.immutable import immutable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.json_value import JsonObject


class CheckName(StrEnum):
    """The stable names of checks, as stored and reported. Never rename one: add an alias."""

    PARSE = "parse"  # the answer is not one JSON object
    SCHEMA = "schema"
    RULES = "rules"
    GROUNDING = "grounding"
    CONFIDENCE = "confidence"
    AGREEMENT = "agreement"
    LENGTH = "length"


@immutable
class Failure:
    """One reason why an output is not accepted.

    `field` is a path such as `total` or `lines[2].amount`, empty where the whole output is meant. `reason` is a short
    sentence for a person; it may quote the rule that failed, never the document. `related` are the fields a rule reads
    where it reads several.
    """

    check: CheckName
    field: str
    reason: str
    related: tuple[str, ...] = ()


@immutable
class Span:
    """Where a value stands in the source text, as character offsets (end excluded)."""

    start: int
    end: int


@immutable
class Verdict:
    """All check results of one attempt. `output` is the parsed object, None where there is none.

    `repaired` tells that the JSON was mended before it was read. `confidence` is what the confidence check measured.
    """

    output: JsonObject | None
    failures: tuple[Failure, ...] = ()
    spans: Mapping[str, Span] = field(default_factory=dict)
    repaired: bool = False
    confidence: float | None = None

    @property
    def passed(self) -> bool:
        """Whether every check accepted the output."""
        return not self.failures
