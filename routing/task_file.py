"""A task file as users write it: one YAML file beside its schema and prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from routing.classifier.judge import INSTRUCTIONS
from routing.errors import InvalidFileError, Problem
from routing.field_names import field_names
from routing.file_errors import in_order, nearest, validate
from routing.prompts import VARIABLES
from routing.task import (
    AgreementSpec,
    BenefitSpec,
    BudgetSpec,
    CacheSpec,
    CanarySpec,
    ChecksSpec,
    CircuitSpec,
    ClassifierSpec,
    ConditionSpec,
    ConfidenceSpec,
    FrozenTask,
    InputSpec,
    JudgeSpec,
    RolloutSpec,
    RouteRuleSpec,
    RouteSpec,
    TargetSpec,
    TierSpec,
)
from routing.task_file_problems import CONDITION_KEYS, problems_of
from routing.task_file_sections import TaskFile
from routing.templates import Template, TemplateProblemError, is_template
from routing.yaml_source import YamlSource, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from routing.task import JsonSchema, PydanticSchema
    from routing.yaml_source import Path

_PROMPT_KEYS = ("system", "user")
_JUDGE: Path = ("route", "classifier", "judge")


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
    parsed, problems = validate(TaskFile, source)
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
        route=RouteSpec(
            rules=tuple(
                RouteRuleSpec(id=rule.id, condition=rule.condition, tier=rule.tier) for rule in parsed.route.rules
            ),
            classifier=_classifier(parsed, prompt_text),
        ),
        rollout=_rollout(parsed, prompt_text),
        circuit=CircuitSpec(**parsed.circuit.model_dump()),
        cache=CacheSpec(**parsed.cache.model_dump()),
        target=parsed.target and TargetSpec(**parsed.target.model_dump()),
        max_output_tokens=parsed.max_output_tokens,
    )
    fields = field_names(output.json_schema)
    problems = [*problems_of(parsed, source, fields), *_template_problems(parsed, source, prompt_text)]
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
    classifier = parsed.route.classifier
    judge = None if classifier is None else classifier.judge
    if judge is not None:
        yield (*_JUDGE, "user"), judge.user
        if judge.system is not None:
            yield (*_JUDGE, "system"), judge.system
    canary = parsed.rollout.canary
    for key in _PROMPT_KEYS if canary is not None else ():
        text = getattr(canary, key)
        if text is not None:
            yield ("rollout", "canary", key), text


def _tier(parsed: TaskFile, index: int, prompt_text: Callable[[Path, str], PromptText]) -> TierSpec:
    tier = parsed.tiers[index]

    def told(key: Literal["system", "user"]) -> str:
        own: str | None = getattr(tier, key)
        if own is not None:
            return prompt_text(("tiers", index, key), own).text
        return prompt_text(("prompt", key), getattr(parsed.prompt, key)).text

    return TierSpec(
        name=tier.name,
        model=tier.model,
        system=told("system"),
        user=told("user"),
        repair=tier.repair,
        ask=tier.ask,
        benefit=tier.benefit and BenefitSpec(**tier.benefit.model_dump()),
    )


def _classifier(parsed: TaskFile, prompt_text: Callable[[Path, str], PromptText]) -> ClassifierSpec | None:
    section = parsed.route.classifier
    if section is None:
        return None
    judge = section.judge
    asked = None
    if judge is not None:
        system = judge.system
        asked = JudgeSpec(
            model=judge.model,
            system=INSTRUCTIONS if system is None else prompt_text((*_JUDGE, "system"), system).text,
            user=prompt_text((*_JUDGE, "user"), judge.user).text,
        )
    return ClassifierSpec(
        trained=judge is None or section.train_from is not None,
        judge=asked,
        band=section.band,
        min_labels=section.min_labels,
        threshold=section.threshold,
    )


def _rollout(parsed: TaskFile, prompt_text: Callable[[Path, str], PromptText]) -> RolloutSpec:
    rollout = parsed.rollout
    canary = rollout.canary
    if canary is None:
        return RolloutSpec(ramp=rollout.ramp, holdout=rollout.holdout, salt=rollout.salt)
    told = {
        key: prompt_text(("rollout", "canary", key), text).text
        for key in _PROMPT_KEYS
        if (text := getattr(canary, key)) is not None
    }
    conditions = {
        key: ConditionSpec(**section.model_dump())
        for key in CONDITION_KEYS
        if (section := getattr(canary, key)) is not None
    }
    spec = CanarySpec(tier=canary.tier, model=canary.model, share=canary.share, **told, **conditions)
    return RolloutSpec(ramp=rollout.ramp, holdout=rollout.holdout, salt=rollout.salt, canary=spec)


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
            min=agreement.min,
        ),
        max_output_chars=checks.max_output_chars,
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
            nearest(name, tuple(known or ())) or f"there are: {', '.join(sorted(known or ()))}",
        )
        for name in unknown
    ]
