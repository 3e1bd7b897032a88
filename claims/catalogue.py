"""What is replayed, case by case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claims import prices
from claims.case import Case, Outside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claims.prices import Model

MARGIN = 0.03
WIDE_MARGIN = 0.15
"""What the tuning half lets a classifier of questions show at all."""
_BY_SOURCE = {"committee": "custom:compare.py:same"}
_GLUED_WORDS = "not matches(committee, '[a-z](for |[A-Z])')"
"""Mails lost blanks ("Rosenfor Nevada"), and the larger models put them back. Found by reading the tuning half."""
_NORMALISED = {"committee": "custom:compare.py:same_normalised"}


def _committees(name: str, models: Mapping[str, Model], outside: Outside, *, by_rules: bool) -> Case:
    title = f"{models['first'].title} → {models['last'].title}"
    return Case(
        name=name,
        data_set="committees",
        title=title,
        checks="all rules" if by_rules else "schema only",
        task=name,
        models=models,
        changes={"compare": _BY_SOURCE} if by_rules else {"compare": _BY_SOURCE, "checks": {}},
        more_rules=(_GLUED_WORDS,) if by_rules else (),
        normalised=_NORMALISED,
        outside=outside,
    )


def cases() -> tuple[Case, ...]:
    """Return every case, in the order of the document."""
    return (
        Case("receipts", "receipts", "offline engines, small → large", "grounding, rules", "receipts"),
        _committees(
            "mini-4o",
            {"first": prices.GPT_4O_MINI, "last": prices.GPT_4O},
            Outside(0.0, 0.0, 0.940),
            by_rules=False,
        ),
        _agreeing_committees(),
        _committees(
            "flash-claude",
            {"first": prices.GEMINI_FLASH, "last": prices.CLAUDE_37},
            Outside(0.057, 0.004, 0.917, normalised=True),
            by_rules=True,
        ),
        _committees(
            "gemma-4o-schema",
            {"first": prices.GEMMA_2, "last": prices.GPT_4O},
            Outside(None, -0.043, 0.799),
            by_rules=False,
        ),
        _committees(
            "gemma-4o",
            {"first": prices.GEMMA_2, "last": prices.GPT_4O},
            Outside(None, -0.005, 0.738),
            by_rules=True,
        ),
        _committees(
            "nano-4o",
            {"first": prices.GPT_41_NANO, "last": prices.GPT_4O},
            Outside(None, -0.019, 0.877),
            by_rules=True,
        ),
        *_answers(),
        *_questions(),
    )


def _agreeing_committees() -> Case:
    models = {"first": prices.GEMINI_FLASH, "second": prices.MISTRAL_SMALL, "last": prices.CLAUDE_37}
    checks = {"agreement": {"model": "second", "fields": ["committee"]}}
    return Case(
        name="flash-mistral-claude",
        data_set="committees",
        title="Gemini 2.0 Flash, Mistral Small agreeing → Claude 3.7 Sonnet",
        checks="agreement",
        task="flash-mistral-claude",
        models=models,
        changes={"compare": _BY_SOURCE, "checks": checks},
        margin=MARGIN,
        normalised=_NORMALISED,
        outside=Outside(0.092, 0.001, 0.852),
    )


def _answers() -> tuple[Case, ...]:
    mini, haiku, large = prices.ANSWERS_GPT_4O_MINI, prices.ANSWERS_HAIKU, prices.ANSWERS_GPT_4O
    agreement = {"agreement": {"model": "second", "fields": ["answer"]}}
    classifier = {"classifier": {"train_from": "outcomes", "min_labels": 200}}
    return (
        Case(
            name="answers-mini",
            data_set="json_answers",
            title="gpt-4o-mini → gpt-4o",
            checks="schema only",
            task="answers-mini",
            models={"first": mini, "last": large},
        ),
        Case(
            name="answers-agree",
            data_set="json_answers",
            title="gpt-4o-mini, Claude 3.5 Haiku agreeing → gpt-4o",
            checks="agreement",
            task="answers-agree",
            models={"first": mini, "second": haiku, "last": large},
            changes={"checks": agreement},
            margin=MARGIN,
        ),
        Case(
            name="answers-hybrid",
            data_set="json_answers",
            title="gpt-4o-mini, Claude 3.5 Haiku agreeing → gpt-4o",
            checks="classifier, agreement",
            task="answers-hybrid",
            models={"first": mini, "second": haiku, "last": large},
            changes={"checks": agreement, "route": classifier},
            margin=MARGIN,
            learns=True,
        ),
    )


def _questions() -> tuple[Case, ...]:
    models = {"first": prices.MIXTRAL, "last": prices.GPT_4_1106}
    return tuple(
        Case(
            name=name,
            data_set="mmlu_routing",
            title="Mixtral 8x7B or gpt-4-1106",
            checks="classifier",
            task="questions",
            models=models,
            margin=margin,
            learns=True,
            learn_from="learn.yaml",
        )
        for name, margin in (("questions", MARGIN), ("questions-wide", WIDE_MARGIN))
    )
