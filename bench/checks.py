"""CPU time of judging one answer: `python bench/checks.py`.

A task with four fields, three rules and grounding, over 2 kB of receipt text. The target is 150 us.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import TYPE_CHECKING

from routing.answer import parse_answer
from routing.checks.check import Evidence
from routing.checks.grounding import GroundingCheck
from routing.checks.rules import RulesCheck, compile_rules
from routing.compiled_task import CompiledTask
from routing.completion import Completion, FinishReason, TokenUsage
from routing.field_names import field_names
from routing.grounding.source_text import SourceText
from routing.output_schema import compile_output_schema, describe_pydantic
from routing.task import ChecksSpec, FrozenTask, JsonSchema, PydanticSchema, TierSpec

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = """
from pydantic import BaseModel

class Receipt(BaseModel):
    company: str
    date: str | None
    address: str | None
    total: float
"""
FIELDS = ("company", "date", "address", "total")
RULES = ("total >= 0", "len(company) > 2 and not matches(company, '^[0-9]+$')", "date == null or len(date) == 10")
OUTPUT = {
    "company": "Acme Stationers & Books Sdn Bhd",
    "date": "2018-03-24",
    "address": "No. 12, Jalan Example 3/4, Taman Contoh, 81100 Johor Bahru",
    "total": 133.9,
}
LINE = "9556939040116   CLAY MODELLING KIT   1 PC   *   9.00   0.00   9.00\n"
SOURCE = (
    "ACME STATIONERS & BOOKS SDN BHD\n(123456-X)\nNO.12, JALAN EXAMPLE 3/4,\nTAMAN CONTOH,\n81100 JOHOR BAHRU.\n"
    f"INVOICE NO : SH180901   DATE: 24/03/2018 8:13:39 PM\n{LINE * 27}"
    "TOTAL   RM 133.90\nCASH   150.00\nCHANGE   16.10\n"
)
WRONG = {"company": "Nobody Trading", "date": "2018-03-25", "address": "Nowhere Street 1", "total": 77.77}
ROUNDS, CALLS = 30, 200


def measure(name: str, call: Callable[[], object]) -> None:
    """Print the median over rounds of the CPU time of one call."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS):
            call()
        rounds.append((time.process_time() - began) / CALLS * 1e6)
    print(f"{name:<44}{statistics.median(rounds):8.1f} us")


def task(output: PydanticSchema | JsonSchema) -> CompiledTask:
    """Compile the task with one kind of schema."""
    tier = TierSpec(name="cheap", model="small", system="", user="{{ text }}")
    return CompiledTask(
        FrozenTask(name="receipt", output=output, tiers=(tier,), checks=ChecksSpec(grounded=FIELDS, rules=RULES))
    )


def main() -> None:
    """Measure the whole verdict, and its parts."""
    json_schema = dict(describe_pydantic(MODEL, "Receipt"))
    pydantic = PydanticSchema(source=MODEL, class_name="Receipt", json_schema=json_schema)
    document = JsonSchema(json_schema=json_schema)
    text = json.dumps(OUTPUT)
    completion = Completion(text, FinishReason.STOP, TokenUsage(1, 1), "small", 1.0)
    wrong = Completion(json.dumps(WRONG), FinishReason.STOP, TokenUsage(1, 1), "small", 1.0)
    by_model, by_document = task(pydantic), task(document)
    assert by_model.judge(completion, SOURCE).passed
    print(f"answer {len(text)} characters, source {len(SOURCE)} characters")
    measure("judge, pydantic, passes", lambda: by_model.judge(completion, SOURCE))
    measure("judge, JSON Schema, passes", lambda: by_document.judge(completion, SOURCE))
    measure("judge, pydantic, nothing is grounded", lambda: by_model.judge(wrong, SOURCE))

    answer = parse_answer(text, FinishReason.STOP)
    schema, plain = compile_output_schema(pydantic), compile_output_schema(document)
    rules = compile_rules(RULES, field_names(json_schema))
    assert isinstance(rules, RulesCheck)
    grounding = GroundingCheck(FIELDS)

    def evidence(source: str = SOURCE) -> Evidence:
        return Evidence(OUTPUT, answer, completion, SourceText(source))

    measure("parse", lambda: parse_answer(text, FinishReason.STOP))
    measure("parse, fenced", lambda: parse_answer(f"```json\n{text}\n```", FinishReason.STOP))
    measure("validate, pydantic", lambda: schema.validate(OUTPUT))
    measure("validate, JSON Schema", lambda: plain.validate(OUTPUT))
    measure("three rules", lambda: rules.check(evidence()))
    measure("grounding of four fields", lambda: grounding.check(evidence()))
    long_source = SOURCE * 50
    measure(f"grounding, {len(long_source) // 1000} kB", lambda: grounding.check(evidence(long_source)))


if __name__ == "__main__":
    main()
