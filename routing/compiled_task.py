"""A frozen task, compiled once and used for many items: it writes prompts and judges answers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from routing.answer import parse_answer
from routing.calibration import Thresholds
from routing.checks.agreement import AgreementCheck
from routing.checks.check import Evidence
from routing.checks.confidence import schema_with_confidence, without_confidence
from routing.checks.registry import compile_checks
from routing.comparison import Comparison
from routing.failed_fields import ask_for, failed_fields, merged, part_of_schema
from routing.field_names import field_names
from routing.field_path import known_part, leading_to
from routing.grounding.source_text import SourceText
from routing.output_schema import compile_output_schema
from routing.prompts import PromptSet
from routing.verdict import CheckName, Failure, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.answer import ParsedAnswer
    from routing.completion import Completion, Prompt
    from routing.json_value import JsonObject
    from routing.task import FrozenTask
    from routing.verdict import Span


AS_THE_TASK_SAYS = Thresholds()


class CompiledTask:
    """Everything of one task that is worth preparing. Keep it: compiling runs the user's schema. Safe between threads.

    Raises UsageError where schema, prompts or checks cannot be compiled; a checked task file has no such fault.
    """

    def __init__(self, task: FrozenTask) -> None:
        self.task = task
        self._schema = compile_output_schema(task.output)
        confidence, agreement = task.checks.confidence, task.checks.agreement
        self._reports_itself = confidence is not None and confidence.source == "self_report"
        self.wants_logprobs = confidence is not None and confidence.source == "logprobs"
        shown = self._schema.json_schema
        self._prompts = PromptSet(task, schema_with_confidence(shown) if self._reports_itself else shown)
        fields = field_names(shown)
        self._checks = compile_checks(task.checks, fields)
        self._nameable = fields | {place for path in task.checks.grounded for place in leading_to(path)}
        self._agreement = (
            None if agreement is None else AgreementCheck(agreement.fields, Comparison.of_task(task), agreement.min)
        )

    def prompt(
        self, tier: str, text: str, metadata: JsonObject, custom_id: str = "", pages: int | None = None
    ) -> Prompt:
        """Return what a tier's model is asked about a document.

        Raises UsageError where the document lacks what the template asks for.
        """
        return self._prompts.prompt(tier, text, metadata, custom_id, pages)

    def failed_fields(self, verdict: Verdict) -> tuple[str, ...]:
        """Return the fields the next tier may be asked for alone; none where it has to be asked for everything."""
        return failed_fields(verdict, self._schema.json_schema)

    def ask_for(self, prompt: Prompt, fields: Sequence[str]) -> Prompt:
        """Return a prompt that asks for these fields only."""
        part = part_of_schema(self._schema.json_schema, fields)
        return ask_for(prompt, schema_with_confidence(part) if self._reports_itself else part, fields)

    def judge(self, completion: Completion, source_text: str, least: Thresholds = AS_THE_TASK_SAYS) -> Verdict:
        """Check one answer, and tell all its failures; one that cannot be read has only that. Never raises."""
        answer = parse_answer(completion.text, completion.finish_reason)
        if answer.output is None:
            return Verdict(None, answer.failures)
        return self._judge(self._without_confidence(answer.output), answer, completion, source_text, least)

    def judge_fields(
        self, completion: Completion, source_text: str, known: JsonObject, fields: Sequence[str]
    ) -> Verdict:
        """Check what these fields of an answer make of what is known: all checks, on the whole. Never raises."""
        answer = parse_answer(completion.text, completion.finish_reason)
        if answer.output is None:
            return Verdict(None, answer.failures)
        return self._judge(merged(known, answer.output, fields), answer, completion, source_text, AS_THE_TASK_SAYS)

    def _judge(
        self, said: JsonObject, answer: ParsedAnswer, completion: Completion, source_text: str, least: Thresholds
    ) -> Verdict:
        result = self._schema.validate(said)
        output = said if result.output is None else result.output
        evidence = Evidence(output, answer, completion, SourceText(source_text), least.confidence)
        failures, confidence = list(result.failures), None
        spans: dict[str, Span] = {}
        for check in self._checks:
            found = check.check(evidence)
            failures += found.failures
            spans |= found.spans
            confidence = found.confidence if confidence is None else confidence
        return Verdict(
            output=output,
            failures=tuple(map(self._told, failures)),
            spans=spans,
            repaired=answer.repaired,
            confidence=confidence,
        )

    def second_opinion(self, tier: str) -> str | None:
        """Return the model to ask as well once an answer of this tier has passed, None where there is none."""
        agreement = self.task.checks.agreement
        return agreement.model if agreement is not None and tier in agreement.tiers else None

    def judge_second_opinion(
        self, verdict: Verdict, second: Completion, least: Thresholds = AS_THE_TASK_SAYS
    ) -> Verdict:
        """Return a passed verdict, with the failures that the second model's answer adds to it.

        A second answer that is no valid output agrees with nothing.
        """
        assert verdict.output is not None
        assert self._agreement is not None
        said = self._opinion(second)
        if not isinstance(said, Failure):
            failures = self._agreement.check(verdict.output, said, least.agreement)
        else:
            needed = self._agreement.least if least.agreement is None else least.agreement
            failures = (said,) if needed > 0 else ()
        return dataclasses.replace(verdict, failures=(*verdict.failures, *failures))

    def agreement(self, output: JsonObject, second: Completion) -> float:
        """Return how much a second model agrees with an output, from 0 to 1. Raises UsageError from a comparator."""
        assert self._agreement is not None
        said = self._opinion(second)
        return 0.0 if isinstance(said, Failure) else self._agreement.score(output, said)

    def _opinion(self, second: Completion) -> JsonObject | Failure:
        """Return the output of a second model, or why there is none."""
        answer = parse_answer(second.text, second.finish_reason)
        if answer.output is None:
            return _no_opinion(answer.failures[0])
        result = self._schema.validate(self._without_confidence(answer.output))
        return _no_opinion(self._told(result.failures[0])) if result.output is None else result.output

    def _told(self, failure: Failure) -> Failure:
        """Return a failure that names what the task names: keys of the model's own making may be the document's words.

        A rule's field is named by the rule.
        """
        if not failure.field or failure.check is CheckName.RULES:
            return failure
        return dataclasses.replace(failure, field=known_part(failure.field, self._nameable))

    def _without_confidence(self, output: JsonObject) -> JsonObject:
        return without_confidence(output, self._schema.json_schema) if self._reports_itself else output


def _no_opinion(failure: Failure) -> Failure:
    place = f" at `{failure.field}`" if failure.field else ""
    return Failure(CheckName.AGREEMENT, "", f"the second model's answer is not valid{place}: {failure.reason}")
