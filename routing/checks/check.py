"""What every check is: a test of one output that says which fields it refuses, and why."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from routing.immutable import immutable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.answer import ParsedAnswer
    from routing.completion import Completion
    from routing.grounding.source_text import SourceText
    from routing.json_value import JsonObject
    from routing.verdict import Failure, Span


@immutable
class Evidence:
    """What a check may look at. `output` is the validated object, or the parsed one where the schema refused it.

    `answer` is the text as it was read, `completion` all the model sent, `source` the document. `least_confidence`
    takes the place of the task's own, None where that holds.
    """

    output: JsonObject
    answer: ParsedAnswer
    completion: Completion
    source: SourceText
    least_confidence: float | None = None


@immutable
class CheckResult:
    """What one check found: failures, where values stand in the source, and how sure the model was."""

    failures: tuple[Failure, ...] = ()
    spans: Mapping[str, Span] = field(default_factory=dict)
    confidence: float | None = None


class Check(Protocol):
    """One way to test an output, compiled for one task."""

    def check(self, evidence: Evidence) -> CheckResult:
        """Test one output. Never raises, and never quotes the document in a reason."""
        ...
