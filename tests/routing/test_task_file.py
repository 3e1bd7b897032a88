"""Task files: every mistake at once, each with its place and, where there is one, the word that was meant."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.errors import InvalidFileError
from routing.task import ConditionSpec, FrozenTask, JsonSchema
from routing.task_file import PromptText, freeze, parse_task_file

SCHEMA = JsonSchema(
    json_schema={
        "type": "object",
        "properties": {
            "total": {"type": "number"},
            "shop": {"type": "string"},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"amount": {"type": "number"}}}},
        },
    }
)
TASK = """\
task: receipts
schema: schema.json
prompt: {system: Extract., user: "{{ text }}"}
checks:
  grounded: [total, shop]
  rules: ["total >= 0"]
  confidence: {min: 0.8, from: logprobs}
  agreement: {model: other, fields: [total]}
tiers:
  - {name: cheap, model: small}
  - {name: middle, model: medium, user: "Again: {{ text }}"}
  - {name: expensive, model: large, system: Think.}
compare: {total: number, shop: "fuzzy:0.9"}
budget: {usd: 2.5}
"""


def _freeze(text: str, file: str = "") -> FrozenTask:
    parsed, source, problems = parse_task_file(text, "task.yaml")
    if problems or parsed is None:
        raise InvalidFileError(problems)
    return freeze(parsed, source, SCHEMA, lambda _, value: PromptText(value, file))


def _mistakes(text: str) -> list[str]:
    with pytest.raises(InvalidFileError) as caught:
        _freeze(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_task_is_frozen_with_all_it_says() -> None:
    """Prompts go to their tiers, agreement is asked in every tier but the last, the rest is as written."""
    task = _freeze(TASK)
    assert [(tier.name, tier.system, tier.user) for tier in task.tiers] == [
        ("cheap", "Extract.", "{{ text }}"),
        ("middle", "Extract.", "Again: {{ text }}"),
        ("expensive", "Think.", "{{ text }}"),
    ]
    assert task.checks.agreement is not None
    assert task.checks.agreement.tiers == ("cheap", "middle")
    assert task.checks.confidence is not None
    assert (task.checks.confidence.min, task.checks.confidence.source) == (0.8, "logprobs")
    assert (str(task.budget.usd), task.budget.per_item_usd, task.max_output_tokens) == ("2.5", None, 1024)


def test_equal_tasks_have_equal_fingerprints() -> None:
    """Layout and comments change nothing; a word of the prompt does."""
    task = _freeze(TASK)
    assert _freeze("# a comment\n" + TASK).fingerprint == task.fingerprint
    assert _freeze(TASK.replace("Extract.", "Extract!")).fingerprint != task.fingerprint
    assert FrozenTask.model_validate_json(task.to_json()) == task


def test_the_ladder_is_climbed_rung_by_rung() -> None:
    """Each tier knows the next; the last has none; an unknown one is no tier."""
    task = _freeze(TASK)
    names = [tier.name if (tier := task.tier_after(name)) else None for name in ("cheap", "middle", "expensive")]
    assert names == ["middle", "expensive", None]
    with pytest.raises(KeyError):
        task.tier("nobody")


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("task: receipts", "tsk: receipts", "1:1: `tsk` is not a key here (did you mean `task`?)"),
        ("task: receipts", "task: 'a b'", "1:8: string should match"),
        ("compare:", "compair:", "13:1: `compair` is not a key here (did you mean `compare`?)"),
        ("min: 0.8", "mim: 0.8", "did you mean `min`?"),
        ("min: 0.8", "min: 8", "7:21: input should be less than or equal to 1"),
        ("from: logprobs", "from: guess", "7:32: input should be 'logprobs' or 'self_report'"),
        ("name: cheap,", "nam: cheap,", "did you mean `name`?"),
        ("model: small}", "model: small, ask: failed_fields}", "10:38: nothing is escalated to the first tier"),
        ("model: small}", "model: small, benefit: {least: 0.1}}", "10:42: nothing is escalated to the first tier"),
        ("budget:", "target: {margin: 3}\nbudget:", "14:18: input should be less than 1"),
        ("model: small}", "model: small, repair: 9}", "10:41: input should be less than or equal to 5"),
        ("budget:", "route: {rules: [{id: a, if: pagis > 3, tier: cheap}]}\nbudget:", "14:29: an item has no field"),
        (
            "budget:",
            "route: {rules: [{id: a, if: pages > 3, tier: cheep}]}\nbudget:",
            "14:46: there is no tier `cheep`",
        ),
        ("budget:", "route: {rules: [{id: a, if: pages >, tier: cheap}]}\nbudget:", "it cannot be read"),
        (
            "budget:",
            "route: {rules: [{id: a, if: pages > 1, tier: cheap}, {id: a, if: pages > 2, tier: classify}]}\nbudget:",
            "there is a rule `a` already",
        ),
        ("budget:", "rollout: {ramp: 101}\nbudget:", "14:17: input should be less than or equal to 100"),
        ("budget:", "rollout: {canary: {tier: x, model: m, share: 5}}\nbudget:", "14:26: there is no tier `x`"),
        (
            "budget:",
            "rollout: {canary: {tier: cheap, model: m, share: 5, rollback_if: {confidence: 0.9}}}\nbudget:",
            "14:53: `rollback_if` says nothing (give `pass_rate_drop`, `cost_rise` or both)",
        ),
        (
            "budget:",
            "rollout: {canary: {tier: cheap, model: m, share: 5, promote_if: {cost_rise: .nan}}}\nbudget:",
            "14:77: input should be a finite number",
        ),
        ("[total, shop]", "[totl, shop]", "5:14: the schema has no field `totl` (did you mean `total`?)"),
        ("fields: [total]", "fields: [zzz]", "8:38: the schema has no field `zzz` (the schema has: "),
        ("{total: number,", "{totals: number,", "13:11: the schema has no field `totals`"),
        ("total: number", "total: nunber", "did you mean `number`?"),
        ('["total >= 0"]', '["totl >= 0"]', "6:12"),
        ('["total >= 0"]', '["total >="]', "6:20: it cannot be read"),
        ("name: middle", "name: cheap", "11:12: there is a tier `cheap` already"),
        ("fields: [total]", "fields: [total], tiers: [cheep]", "there is no tier `cheep` (did you mean `cheap`?)"),
        ("Extract.", '"{{ txt }}"', "`{{ txt }}` is nothing a prompt may name (did you mean `text`?)"),
        ("Extract.", '"{{ nothing_alike }}"', "(there are: custom_id, metadata, pages, text)"),
        ("Extract.", '"{% if %}"', "3:19: "),
        ("budget:", 'input: {text: "{{ a "}\nbudget:', "14:16: "),
        ("usd: 2.5", "usd: -1", "14:15: input should be greater than 0"),
        ("checks:\n", "tiers: []\nchecks:\n", "`tiers` stands here a second time"),
    ],
)
def test_a_mistake_is_told_with_its_place(old: str, new: str, mistake: str) -> None:
    """File, line and column, what is wrong, and what was probably meant."""
    assert old in TASK
    told = _mistakes(TASK.replace(old, new, 1))
    assert any(mistake in problem for problem in told), told


def test_mistakes_of_all_kinds_are_told_at_once() -> None:
    """Unknown keys, fields, rules, comparators and templates, in the order of their lines."""
    wrong = TASK.replace("[total, shop]", "[totl, shop]").replace("number,", "nunber,").replace("Extract.", '"{{ x }}"')
    assert [problem.split(":")[1] for problem in _mistakes(wrong)] == ["3", "5", "13"]


def test_a_mistake_in_a_prompt_file_is_told_there() -> None:
    """The line is that of the prompt's own file."""
    parsed, source, _ = parse_task_file(TASK, "task.yaml")
    assert parsed is not None
    with pytest.raises(InvalidFileError) as caught:
        freeze(parsed, source, SCHEMA, lambda *_: PromptText("fine\n{{ text", "folder/prompt.md"))
    assert str(caught.value.problems[0]).startswith("folder/prompt.md:2:1:")


def test_agreement_may_be_asked_in_chosen_tiers() -> None:
    """Where tiers are named, it is asked in these."""
    task = _freeze(TASK.replace("fields: [total]", "fields: [total], tiers: [cheap]"))
    assert task.checks.agreement is not None
    assert task.checks.agreement.tiers == ("cheap",)


def test_conditions_on_a_canary_are_frozen_with_it() -> None:
    """What is given is kept, what is not is no condition."""
    canary = "{tier: cheap, model: new, share: 5, rollback_if: {pass_rate_drop: 0.03}}"
    frozen = _freeze(f"{TASK}rollout: {{canary: {canary}}}\n").rollout.canary
    assert frozen is not None
    assert frozen.rollback_if == ConditionSpec(pass_rate_drop=0.03, cost_rise=None, confidence=0.95)
    assert frozen.promote_if is None


def test_one_tier_is_a_ladder_too() -> None:
    """Checks without an expensive model are a task."""
    only = "task: t\nschema: s.json\ntiers: [{name: only, model: m}]\n"
    assert [tier.name for tier in _freeze(only).tiers] == ["only"]


@given(st.text(max_size=200))
def test_no_text_raises_anything_else(text: str) -> None:
    """Whatever stands in the file is a task or a list of mistakes."""
    with suppress(InvalidFileError):
        _freeze(text)


def test_a_judge_has_prompts_of_its_own() -> None:
    """Alone it replaces the trained classifier; with `train_from` both are asked."""
    alone = _freeze(f"{TASK}route: {{classifier: {{judge: {{model: tiny}}}}}}\n").route.classifier
    assert alone is not None
    assert alone.judge is not None
    assert (alone.trained, alone.judge.model, alone.judge.user) == (False, "tiny", "{{ text }}")
    assert "probability" in alone.judge.system
    both = "route: {classifier: {train_from: outcomes, judge: {model: tiny, system: Guess.}, band: 0.2}}"
    hybrid = _freeze(f"{TASK}{both}\n").route.classifier
    assert hybrid is not None
    assert hybrid.judge is not None
    assert (hybrid.trained, hybrid.judge.system, hybrid.band) == (True, "Guess.", 0.2)
    wrong = "route: {classifier: {judge: {model: tiny, user: '{{ txt }}'}}}"
    assert "`{{ txt }}` is nothing a prompt may name" in _mistakes(f"{TASK}{wrong}\n")[0]


def test_a_quality_target_is_frozen_as_it_is_said() -> None:
    """A margin and a confidence."""
    target = _freeze(f"{TASK}target: {{margin: 0.03}}\n").target
    assert target is not None
    assert (target.margin, target.confidence) == (0.03, 0.95)
    assert _freeze(TASK).target is None
