"""The document of the claims: every figure is that of the evaluation, and each claim is told as the data reach it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from claims import prices
from claims.case import Case, Outside
from claims.catalogue import cases
from claims.page import page
from claims.replay import Replayed
from claims.said import beside_the_claims
from evaluation.statistics.pairs import PairedCounts
from evaluation.statistics.safety import assess
from evaluation.training import Metrics

DOCUMENT = Path(__file__).parents[2] / "docs" / "results.md"
PAIR = {"first": prices.GPT_4O_MINI, "last": prices.GPT_4O}
CALIBRATION: dict[str, Any] = {
    "base_losses": 10,
    "candidates": 200,
    "base_risk": 0.05,
    "must_refuse": 0.020619,
    "chosen": None,
}


def _replayed(**changes: Any) -> Replayed:  # noqa: ANN401 - fields of any kind
    """Return a case that saves 80 % at a safe quality, with what a test changes."""
    case = Case("pair", "committees", "gpt-4o-mini → gpt-4o", "schema only", "pair", models=PAIR)
    replayed = Replayed(
        case=case,
        tuned_on=200,
        evaluation=_evaluation(),
        straight=4,
        escalated=30,
        calibration=None,
        normalised=None,
        classified=None,
    )
    return replace(replayed, **changes)


def _evaluation(
    difference: float = -0.01, low: float = -0.02, high: float = 0.001, safety: str = "safe", saved: float = 0.8
) -> dict[str, Any]:
    return {
        "differences": {
            "routed": {
                "difference": difference,
                "interval": [low, high],
                "safety": safety,
                "saved_fraction": {"mean": saved, "interval": [saved - 0.02, saved + 0.02]},
            }
        },
        "paths": {
            path: {"items": 200, "pass_rate": rate, "fields": {"total": rate}}
            for path, rate in (("cheap", 0.9), ("expensive", 0.97), ("routed", 0.96))
        },
    }


def _reached(replayed: list[Replayed], claim: str) -> str:
    return next(row.reached for row in beside_the_claims(replayed) if row.claim.startswith(claim))


def test_a_row_tells_what_the_evaluation_does() -> None:
    """Shares as percentages, differences in points with their intervals, counts as shares of the documents."""
    (row,) = [line for line in page([_replayed()], {}).splitlines() if line.startswith("| committees | gpt-4o-mini")]
    assert [cell.strip() for cell in row.strip("|").split("|")][2:] == [
        "schema only",
        "200",
        "90.0%",
        "97.0%",
        "96.0%",
        "-1.0 [-2.0, +0.1]",
        "safe",
        "15.0%",
        "2.0%",
        "80.0% [78.0%, 82.0%]",
    ]


def test_every_table_stands_between_blank_lines() -> None:
    """Else a reader of Markdown takes what follows for another row."""
    tuned = _replayed(
        case=replace(_replayed().case, margin=0.03, normalised={"committee": "text"}, outside=Outside(0.0, 0.0, 0.9)),
        calibration={"everywhere": CALIBRATION},
        normalised=assess(PairedCounts(190, 0, 2, 8), 0.03, 0.95),
        classified=Metrics(60, 200, 0.8, 0.86, 0.8, 0.9, 0.1, ()),
    )
    rules = _replayed(case=replace(_replayed().case, models={}))
    lines = page([tuned, rules], {"committees": 6}).splitlines()
    rows = [number for number, line in enumerate(lines) if line.startswith("|")]
    assert all(not lines[number + 1] or lines[number + 1].startswith("|") for number in rows)
    assert all(not lines[number - 1] or lines[number - 1].startswith("|") for number in rows)
    assert "6 of committees" in lines[-6]


@pytest.mark.parametrize(
    ("evaluation", "cost", "quality"),
    [
        (_evaluation(), "yes", "no"),
        (_evaluation(saved=0.6), "no", "no"),
        (_evaluation(safety="watch"), "no", "no"),
        (_evaluation(difference=0.04, low=0.01, high=0.07), "yes", "yes"),
        (_evaluation(difference=0.04, low=-0.01, high=0.09), "yes", "no"),
    ],
)
def test_a_saving_counts_at_a_safe_quality_only(evaluation: dict[str, Any], cost: str, quality: str) -> None:
    """And a gain in quality where it is no chance."""
    replayed = [_replayed(evaluation=evaluation)]
    assert _reached(replayed, "document extraction by escalation: 71 %") == cost
    assert _reached(replayed, "document extraction by escalation: 3 points") == quality


@pytest.mark.parametrize(
    ("accuracy", "majority", "reached"), [(0.86, 0.80, "yes"), (0.86, 0.90, "no"), (0.84, 0.60, "no")]
)
def test_a_classifier_has_to_beat_always_saying_the_same(accuracy: float, majority: float, reached: str) -> None:
    """Being right in 86 % is nothing where 90 % of the documents are of one kind."""
    metrics = Metrics(60, 200, 0.8, accuracy, majority, 0.9, 0.1, ())
    replayed = [_replayed(classified=metrics)]
    assert _reached(replayed, "a classifier right in 85-95 %") == reached


def test_what_no_case_was_replayed_of_is_no_data() -> None:
    """A claim without a case is neither reached nor refuted."""
    assert _reached([_replayed()], "copilot") == "no data"
    assert _reached([_replayed()], "chatbot") == "no data"


def test_a_target_that_was_not_shown_is_told_in_every_table() -> None:
    """With what any signal would have had to refuse."""
    text = page([_replayed(case=replace(_replayed().case, margin=0.03), calibration={"everywhere": CALIBRATION})], {})
    assert "schema only; target 3%, not shown" in text
    assert "nothing shown: 10 of 200 would lose (5.0%); any signal would have to refuse 2.1% at least" in text


def test_the_kept_document_has_every_case() -> None:
    """`make claims` was run since the last one was added, and its title and prices are in the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for case in cases():
        assert f"| {case.data_set} | {case.title} | {case.checks}" in text
        assert all(
            f"{model.title} {model.input_usd:g} / {model.output_usd:g}" in text for model in case.models.values()
        )


def test_the_readme_says_what_the_document_does() -> None:
    """Each row of its table has the saving and the difference of a case in the document."""
    readme = DOCUMENT.parents[1].joinpath("README.md").read_text(encoding="utf-8")
    section = readme.partition("## What it saves")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")][1:]
    kept = DOCUMENT.read_text(encoding="utf-8").splitlines()
    for *_, saved, difference in rows:
        assert any(f"| {difference.strip()} |" in line and f"| {saved.strip()} [" in line for line in kept)
    assert len(rows) >= 5
