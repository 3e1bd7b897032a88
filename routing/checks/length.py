"""The answer is not longer than it should be: a model that rambles, repeats itself or copies the document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.checks.check import CheckResult
from routing.verdict import CheckName, Failure

if TYPE_CHECKING:
    from routing.checks.check import Evidence


@dataclass(frozen=True, slots=True)
class LengthCheck:
    """Refuses an answer of more than `max_output_chars` characters, with everything around its JSON."""

    max_output_chars: int

    def check(self, evidence: Evidence) -> CheckResult:
        """Count the characters of the whole answer."""
        chars = len(evidence.completion.text)
        if chars <= self.max_output_chars:
            return CheckResult()
        reason = f"the answer has {chars} characters, more than {self.max_output_chars}"
        return CheckResult((Failure(CheckName.LENGTH, "", reason),))
