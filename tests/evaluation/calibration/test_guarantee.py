"""What calibration promises, tried a thousand times on a population whose truth is known."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import product

import pytest
from scipy.stats import binom

from evaluation.calibration.derivation import Goal, derive
from evaluation.calibration.item import CalibrationItem, Signal

RESAMPLES = 1_000
DOCUMENTS = 120
MARGIN = 0.08
CONFIDENCE = 0.9
TOLERANCE = 0.99
"""How sure the test is to pass where a bound is broken exactly as often as it may be."""
LEVELS = 20
FIRST_COST, OPINION_COST, LAST_COST = 10, 5, 100


@dataclass(frozen=True)
class Kind:
    """Documents that look alike, and how many of all they are."""

    item: CalibrationItem
    share: float


def _kind(confidence: float, agreement: float, *, worse: bool, share: float) -> Kind:
    signals = {Signal.CONFIDENCE: confidence, Signal.AGREEMENT: agreement}
    item = CalibrationItem(
        custom_id="one",
        stratum="",
        starts_cheap=True,
        passes=True,
        signals=signals,
        first_right=not worse,
        last_right=True,
        first_cost=FIRST_COST,
        opinion_cost=OPINION_COST,
        last_cost=LAST_COST,
    )
    return Kind(item, share)


def _population(base_risk: float, agreeing: float, disagreeing: float) -> list[Kind]:
    """Return kinds by confidence and agreement: four in five agree, and lose so many times the base risk.

    Where agreement tells something, confidence does too: the surer, the fewer losses.
    """
    kinds = []
    for level, agrees in product(range(LEVELS), (0.0, 1.0)):
        share = (0.8 if agrees else 0.2) / LEVELS
        confidence = (level + 0.5) / LEVELS
        slope = 2 * (1 - confidence) if agreeing < disagreeing else 1.0
        risk = base_risk * (agreeing if agrees else disagreeing) * slope
        kinds += [
            _kind(confidence, agrees, worse=worse, share=share * (risk if worse else 1 - risk))
            for worse in (False, True)
        ]
    return kinds


def _true_risk(population: list[Kind], least: dict[Signal, float]) -> float:
    """Return the share of losses in all that would stand, of the whole population."""
    standing = [kind for kind in population if kind.item.stands(least)]
    return sum(kind.share for kind in standing if kind.item.worse) / sum(kind.share for kind in standing)


def _share_chosen_and_broken(population: list[Kind]) -> tuple[float, float]:
    draw = random.Random(20261128)
    items, shares = [kind.item for kind in population], [kind.share for kind in population]
    goal = Goal(MARGIN, CONFIDENCE, {})
    chosen = [derive(draw.choices(items, shares, k=DOCUMENTS), goal).chosen for _ in range(RESAMPLES)]
    risks = [_true_risk(population, dict(setting.least)) for setting in chosen if setting is not None]
    return len(risks) / RESAMPLES, sum(risk > MARGIN for risk in risks) / RESAMPLES


@pytest.mark.parametrize(
    ("base_risk", "agreeing", "disagreeing", "least_chosen"),
    [
        pytest.param(0.10, 0.2, 4.2, 0.5, id="signals tell"),
        pytest.param(0.162, 0.5, 3.0, 0.01, id="all that agrees loses too much by a hair"),
        pytest.param(0.081, 1.0, 1.0, 0.01, id="signals tell nothing, and all loses too much by a hair"),
    ],
)
def test_the_bound_is_broken_no_more_often_than_stated(
    base_risk: float, agreeing: float, disagreeing: float, least_chosen: float
) -> None:
    """Of 1 000 calibrations, no more than one in ten chooses thresholds that lose more than was promised."""
    chosen, broken = _share_chosen_and_broken(_population(base_risk, agreeing, disagreeing))
    assert broken <= binom.ppf(TOLERANCE, RESAMPLES, 1 - CONFIDENCE) / RESAMPLES
    assert chosen >= least_chosen, "a promise that is never made is kept by doing nothing"
