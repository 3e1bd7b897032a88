"""A task file as users write it: one YAML file beside its schema and prompts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from routing.checks.rules import RulesCheck, compile_rules
from routing.comparison import check_comparator
from routing.errors import InvalidFileError, Problem
from routing.field_names import field_names
from routing.file_errors import in_order, nearest, validate
from routing.prompts import VARIABLES
from routing.task import (
    AgreementSpec,
    BudgetSpec,
    ChecksSpec,
    ConfidenceSpec,
    FrozenTask,
    InputSpec,
    TierSpec,
)
from routing.templates import Template, TemplateProblemError, is_template
from routing.yaml_source import YamlSource, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from routing.task import JsonSchema, PydanticSchema
    from routing.yaml_source import Path

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]
LATER = {
    "route": "rules and classifier",
    "rollout": "ramp, canary and holdout",
    "target": "quality targets",
    "repair": "asking the same tier again",
    "ask": "asking for failed fields only",
    "cache": "exact results",
}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PromptSection(_Section):
    """What every tier is told unless it says otherwise: texts, or names of files in the task's folder."""

    system: str = ""
    user: str = "{{ text }}"


class ConfidenceSection(_Section):
    """The least confidence to accept, and where it is read from."""

    min: float = Field(ge=0, le=1)
    source: Literal["logprobs", "self_report"] = Field(alias="from")


class AgreementSection(_Section):
    """A second model to ask in the same tier; without `tiers`, in every tier but the last."""

    model: str
    fields: list[str] = Field(min_length=1)
    tiers: list[str] | None = None


class ChecksSection(_Section):
    """What an output must pass besides its schema."""

    grounded: list[str] = []
    rules: list[str] = []
    confidence: ConfidenceSection | None = None
    agreement: AgreementSection | None = None
    max_output_chars: int | None = Field(default=None, ge=1)


class TierSection(_Section):
    """A rung of the ladder."""

    name: Name
    model: str
    system: str | None = None
    user: str | None = None


class InputSection(_Section):
    """Where a row keeps the parts of a document."""

    custom_id: str = "custom_id"
    text: str = "text"
    expected: str = "expected"


class BudgetSection(_Section):
    """The most a job, and one item of it, may cost, in dollars."""

    usd: Decimal | None = Field(default=None, gt=0)
    per_item_usd: Decimal | None = Field(default=None, gt=0)


class TaskFile(_Section):
    """A task file's keys."""

    task: Name
    output_schema: str = Field(alias="schema")
    prompt: PromptSection = PromptSection()
    checks: ChecksSection = ChecksSection()
    tiers: list[TierSection] = Field(min_length=1)
    compare: dict[str, str] = {}
    input: InputSection = InputSection()
    budget: BudgetSection = BudgetSection()
    max_output_tokens: int = Field(default=1024, ge=1, le=1_000_000)


@dataclass(frozen=True, slots=True)
class PromptText:
    """A prompt as it was found: its text, and the file it is from, empty where it stands in the task file itself."""

    text: str
    file: str = ""


def parse_task_file(text: str, file: str) -> tuple[TaskFile | None, YamlSource, list[Problem]]:
    """Parse a task file's own text, and tell every mistake in its form; no file where too much is wrong to go on.

    Raises InvalidFileError where it is no YAML.
    """
    source = parse_yaml(text, file)
    parsed, problems = validate(TaskFile, source, LATER)
    return parsed, source, problems


def freeze(
    parsed: TaskFile,
    source: YamlSource,
    output: PydanticSchema | JsonSchema,
    prompt_text: Callable[[Path, str], PromptText],
) -> FrozenTask:
    """Return the task by value. `prompt_text` finds the text of a prompt given by its path and value in the file.

    Raises InvalidFileError with every mistake: fields the schema does not have, rules that do not parse, comparators,
    tiers and template variables that do not exist.
    """
    task = FrozenTask(
        name=parsed.task,
        output=output,
        tiers=tuple(_tier(parsed, index, prompt_text) for index in range(len(parsed.tiers))),
        checks=_checks(parsed),
        input=InputSpec(**parsed.input.model_dump()),
        compare=parsed.compare,
        budget=BudgetSpec(**parsed.budget.model_dump()),
        max_output_tokens=parsed.max_output_tokens,
    )
    fields = field_names(output.json_schema)
    problems = [
        *_field_problems(parsed, source, fields),
        *_rule_problems(parsed, source, fields),
        *_comparator_problems(parsed, source),
        *_tier_problems(parsed, source),
        *_template_problems(parsed, source, prompt_text),
    ]
    if problems:
        raise InvalidFileError(in_order(problems))
    return task


def prompt_places(parsed: TaskFile) -> Iterator[tuple[Path, str]]:
    """Yield the path and the value of each prompt a task file gives."""
    yield ("prompt", "system"), parsed.prompt.system
    yield ("prompt", "user"), parsed.prompt.user
    for index, tier in enumerate(parsed.tiers):
        if tier.system is not None:
            yield ("tiers", index, "system"), tier.system
        if tier.user is not None:
            yield ("tiers", index, "user"), tier.user


def _tier(parsed: TaskFile, index: int, prompt_text: Callable[[Path, str], PromptText]) -> TierSpec:
    tier = parsed.tiers[index]

    def told(key: Literal["system", "user"]) -> str:
        own: str | None = getattr(tier, key)
        if own is not None:
            return prompt_text(("tiers", index, key), own).text
        return prompt_text(("prompt", key), getattr(parsed.prompt, key)).text

    return TierSpec(name=tier.name, model=tier.model, system=told("system"), user=told("user"))


def _checks(parsed: TaskFile) -> ChecksSpec:
    checks = parsed.checks
    agreement = checks.agreement
    every_but_last = [tier.name for tier in parsed.tiers[:-1]]
    return ChecksSpec(
        grounded=tuple(checks.grounded),
        rules=tuple(checks.rules),
        confidence=checks.confidence and ConfidenceSpec(min=checks.confidence.min, source=checks.confidence.source),
        agreement=agreement
        and AgreementSpec(
            model=agreement.model,
            fields=tuple(agreement.fields),
            tiers=tuple(every_but_last if agreement.tiers is None else agreement.tiers),
        ),
        max_output_chars=checks.max_output_chars,
    )


def _field_problems(parsed: TaskFile, source: YamlSource, fields: frozenset[str]) -> Iterator[Problem]:
    named: list[tuple[Path, str, bool]] = [
        (("checks", "grounded", index), name, False) for index, name in enumerate(parsed.checks.grounded)
    ]
    named += [(("compare", name), name, True) for name in parsed.compare]
    if parsed.checks.agreement is not None:
        agreed = enumerate(parsed.checks.agreement.fields)
        named += [(("checks", "agreement", "fields", index), name, False) for index, name in agreed]
    for path, name, at_key in named:
        if name not in fields:
            suggestion = nearest(name, fields) or f"the schema has: {', '.join(sorted(fields)[:20])}"
            yield source.problem(path, f"the schema has no field `{name}`", suggestion, at_key=at_key)


def _rule_problems(parsed: TaskFile, source: YamlSource, fields: frozenset[str]) -> Iterator[Problem]:
    compiled = compile_rules(parsed.checks.rules, fields)
    if isinstance(compiled, RulesCheck):
        return
    for wrong in compiled:
        at = source.problem(("checks", "rules", wrong.rule_index), wrong.message)
        quoted = source.data["checks"]["rules"][wrong.rule_index]
        yield Problem(at.file, at.line, at.column + wrong.column - 1, wrong.message, f"in `{quoted}`")


def _comparator_problems(parsed: TaskFile, source: YamlSource) -> Iterator[Problem]:
    for name, comparator in parsed.compare.items():
        wrong = check_comparator(comparator)
        if wrong is not None:
            yield source.problem(("compare", name), wrong)


def _tier_problems(parsed: TaskFile, source: YamlSource) -> Iterator[Problem]:
    names = [tier.name for tier in parsed.tiers]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield source.problem(("tiers", index, "name"), f"there is a tier `{name}` already")
    agreement = parsed.checks.agreement
    for index, name in enumerate((agreement and agreement.tiers) or ()):
        if name not in names:
            yield source.problem(
                ("checks", "agreement", "tiers", index), f"there is no tier `{name}`", nearest(name, names)
            )


def _template_problems(
    parsed: TaskFile, source: YamlSource, prompt_text: Callable[[Path, str], PromptText]
) -> Iterator[Problem]:
    for path, value in prompt_places(parsed):
        yield from _problems_of_template(path, prompt_text(path, value), source, VARIABLES)
    if is_template(parsed.input.text):
        yield from _problems_of_template(("input", "text"), PromptText(parsed.input.text), source, None)


def _problems_of_template(
    path: Path, prompt: PromptText, source: YamlSource, known: Iterable[str] | None
) -> Sequence[Problem]:
    try:
        template = Template(prompt.text)
    except TemplateProblemError as error:
        if prompt.file:
            return [Problem(prompt.file, error.line, 1, error.message)]
        return [source.problem(path, f"{error.message} (line {error.line} of the text)")]
    unknown = sorted(template.variables - set(known)) if known is not None else []
    return [
        source.problem(
            path,
            f"`{{{{ {name} }}}}`{f' in {prompt.file}' if prompt.file else ''} is nothing a prompt may name",
            nearest(name, known or ()) or f"there are: {', '.join(sorted(known or ()))}",
        )
        for name in unknown
    ]
