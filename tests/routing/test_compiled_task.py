from __future__ import annotations

import json
import math
from typing import Any

import pytest

from routing.compiled_task import CompiledTask
from routing.completion import Completion, FinishReason, Message, TokenLogprob, TokenUsage
from routing.errors import InvalidFileError, UsageError
from routing.output_schema import describe_pydantic
from routing.task import (
    AgreementSpec,
    ChecksSpec,
    ConfidenceSpec,
    FrozenTask,
    JsonSchema,
    PydanticSchema,
    TierSpec,
)
from routing.verdict import CheckName, Failure, Span, Verdict

SOURCE = "ACME SDN BHD\nDATE 24/03/2018\nTOTAL RM 9.00"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"company": {"type": "string"}, "date": {"type": ["string", "null"]}, "total": {"type": "number"}},
    "required": ["company", "total"],
    "additionalProperties": False,
}
GOOD = {"company": "Acme Sdn. Bhd.", "date": "2018-03-24", "total": 9.0}


def task(checks: ChecksSpec | None = None, output: JsonSchema | PydanticSchema | None = None) -> FrozenTask:
    """Make a task of two tiers."""
    return FrozenTask(
        name="receipt",
        output=output or JsonSchema(json_schema=SCHEMA),
        tiers=(
            TierSpec(name="cheap", model="small", system="", user="{{ text }}"),
            TierSpec(name="expensive", model="large", system="Be careful.", user="{{ text }}"),
        ),
        checks=checks or ChecksSpec(),
        compare={"total": "number"},
    )


def completion(output: object, *, reason: FinishReason = FinishReason.STOP, probability: float = 1.0) -> Completion:
    """Make a model's answer, as JSON unless it is text already."""
    text = output if isinstance(output, str) else json.dumps(output)
    return Completion(
        text, reason, TokenUsage(1, 1), "small", 1.0, logprobs=(TokenLogprob(text, math.log(probability)),)
    )


def test_a_good_answer_passes_every_check() -> None:
    """The verdict keeps the output, where its values stand, and how sure the model was."""
    checks = ChecksSpec(
        grounded=("company", "date", "total"),
        rules=("total >= 0",),
        confidence=ConfidenceSpec(min=0.5, source="logprobs"),
        max_output_chars=200,
    )
    verdict = CompiledTask(task(checks)).judge(completion(GOOD, probability=0.75), SOURCE)
    assert verdict == Verdict(
        GOOD, spans={"company": Span(0, 12), "date": Span(18, 28), "total": Span(38, 42)}, confidence=0.75
    )
    assert verdict.passed


def test_all_failures_are_told() -> None:
    """Schema, grounding, rules, confidence and length, each with its field; one that the schema has not is `*`."""
    checks = ChecksSpec(
        grounded=("company", "total"),
        rules=("total >= 0", "company != 'x'"),
        confidence=ConfidenceSpec(min=0.5, source="logprobs"),
        max_output_chars=10,
    )
    answer = completion({"company": "Other", "total": -1, "extra": 1}, probability=0.25)
    verdict = CompiledTask(task(checks)).judge(answer, SOURCE)
    assert [(failure.check, failure.field) for failure in verdict.failures] == [
        (CheckName.SCHEMA, ""),
        (CheckName.GROUNDING, "company"),
        (CheckName.GROUNDING, "total"),
        (CheckName.RULES, "total"),
        (CheckName.CONFIDENCE, "company"),
        (CheckName.CONFIDENCE, "total"),
        (CheckName.CONFIDENCE, "*"),
        (CheckName.LENGTH, ""),
    ]
    assert verdict.output == {"company": "Other", "total": -1, "extra": 1}
    assert verdict.confidence == pytest.approx(0.25)


def test_an_answer_that_cannot_be_read_has_only_that_failure() -> None:
    """There is nothing that another check could look at."""
    checks = ChecksSpec(grounded=("company",), rules=("total >= 0",), max_output_chars=1)
    verdict = CompiledTask(task(checks)).judge(completion("I cannot help with that."), SOURCE)
    assert verdict == Verdict(None, (Failure(CheckName.PARSE, "", "the answer holds no JSON object"),))


def test_a_repaired_answer_says_so() -> None:
    """What was mended may still pass."""
    verdict = CompiledTask(task()).judge(completion('{"company": "A", "total": 1,}'), SOURCE)
    assert verdict == Verdict({"company": "A", "total": 1}, repaired=True)


def test_the_output_is_what_the_schema_makes_of_it() -> None:
    """Later checks and the result see a pydantic model's defaults and conversions."""
    source = "from pydantic import BaseModel\nclass Receipt(BaseModel):\n    total: float\n    currency: str = 'MYR'\n"
    schema = PydanticSchema(source=source, class_name="Receipt", json_schema=dict(describe_pydantic(source, "Receipt")))
    compiled = CompiledTask(task(ChecksSpec(rules=("currency == 'MYR'",)), schema))
    assert compiled.judge(completion({"total": 9}), SOURCE) == Verdict({"total": 9.0, "currency": "MYR"})


def test_a_self_report_is_asked_for_and_taken_out_before_the_schema_sees_it() -> None:
    """The schema that forbids other keys is not in the way."""
    compiled = CompiledTask(task(ChecksSpec(confidence=ConfidenceSpec(min=0.5, source="self_report"))))
    schema = compiled.prompt("cheap", SOURCE, {}).schema
    assert schema["required"] == ["company", "total", "confidence"]
    verdict = compiled.judge(completion({**GOOD, "confidence": 0.75}), SOURCE)
    assert verdict == Verdict(GOOD, confidence=0.75)
    assert not compiled.wants_logprobs


@pytest.mark.parametrize("source", ["logprobs", None])
def test_probabilities_are_asked_for_only_where_they_are_checked(source: str | None) -> None:
    """They make answers larger and are not offered everywhere."""
    confidence = None if source is None else ConfidenceSpec(min=0.5, source="logprobs")
    assert CompiledTask(task(ChecksSpec(confidence=confidence))).wants_logprobs == (source is not None)


def test_each_tier_has_its_own_prompt() -> None:
    """The schema goes with it as it is."""
    prompt = CompiledTask(task()).prompt("expensive", SOURCE, {}, "receipt-1", 1)
    assert prompt.messages == (Message("system", "Be careful."), Message("user", SOURCE))
    assert prompt.schema == SCHEMA


class TestAgreement:
    CHECKS = ChecksSpec(agreement=AgreementSpec(model="small_b", fields=("company", "total"), tiers=("cheap",)))

    def test_a_second_opinion_is_asked_for_in_its_tiers(self) -> None:
        """A task without the check, or another tier, asks nobody."""
        compiled = CompiledTask(task(self.CHECKS))
        assert (compiled.second_opinion("cheap"), compiled.second_opinion("expensive")) == ("small_b", None)
        assert CompiledTask(task()).second_opinion("cheap") is None

    @pytest.mark.parametrize(
        ("second", "failures"),
        [
            (completion({"company": "ACME SDN BHD", "total": 9}), ()),
            (
                completion({"company": "ACME", "total": 9}),
                (Failure(CheckName.AGREEMENT, "company", "a second model says otherwise"),),
            ),
            (
                completion("no", reason=FinishReason.REFUSAL),
                (
                    Failure(
                        CheckName.AGREEMENT,
                        "",
                        "the second model's answer is not valid: the model declined to answer",
                    ),
                ),
            ),
            (
                completion({"company": "ACME"}),
                (Failure(CheckName.AGREEMENT, "", "the second model's answer is not valid at `total`: it is missing"),),
            ),
        ],
    )
    def test_disagreement_is_added_to_the_verdict(self, second: Completion, failures: tuple[Failure, ...]) -> None:
        """A second answer that is no valid output agrees with nothing."""
        compiled = CompiledTask(task(self.CHECKS))
        verdict = compiled.judge(completion(GOOD), SOURCE)
        assert compiled.judge_second_opinion(verdict, second) == Verdict(GOOD, failures)


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        (ChecksSpec(rules=("total >= 0", "totl > 0", "abs")), "rule 2: the schema has no field `totl`"),
        (ChecksSpec(grounded=("total[",)), "`total\\[` is not a field path"),
    ],
)
def test_a_task_whose_checks_are_wrong_is_refused(checks: ChecksSpec, message: str) -> None:
    """A task file that was checked never gets here."""
    with pytest.raises(UsageError, match=message):
        CompiledTask(task(checks))


def test_a_task_whose_schema_is_wrong_is_refused() -> None:
    """The same error that the task file's reader tells."""
    with pytest.raises(InvalidFileError):
        CompiledTask(task(output=JsonSchema(json_schema={"type": "array"})))
