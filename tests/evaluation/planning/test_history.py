"""What past documents count for, and which past jobs resemble what would run now."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from evaluation.planning.history import Historian, path_of_job
from routing.deployment import ModelSpec, PriceSpec
from routing.price import PriceList
from routing.rollout import Rollout
from routing.task import AgreementSpec, BudgetSpec, ChecksSpec
from routing.trial import TrialPath, trial_of
from storage.past_items import PastCall, PastItem
from storage.states import AttemptOutcome
from tests.support.ended_jobs import RECEIPT

PRICES = PriceList(
    {
        name: ModelSpec(
            name=name, provider="openai", model=name, price=PriceSpec(input=Decimal(price), output=Decimal(price))
        )
        for name, price in (("small", 1), ("large", 10))
    }
)
CHEAP = PastCall(
    tier="cheap",
    model="small",
    cause="first_tier",
    outcome=AttemptOutcome.REJECTED,
    holdout=False,
    input_tokens=100,
    output_tokens=10,
    cached_input_tokens=0,
    busy_ms=20,
)
REPAIR = replace(CHEAP, cause="repair", outcome=AttemptOutcome.REJECTED)
PART = replace(CHEAP, tier="expensive", model="large", cause="failed_fields", output_tokens=2)
LAST = replace(CHEAP, tier="expensive", model="large", cause="verdict_failed", outcome=AttemptOutcome.ACCEPTED)


def _item(*calls: PastCall, tier: str = "expensive", custom_id: str = "a") -> PastItem:
    return PastItem(custom_id, characters=400, done=True, tier=tier, latency_ms=5, calls=calls)


def test_a_document_counts_in_each_tier_it_met_at_the_prices_of_today() -> None:
    """Two calls in the first tier, two in the last, one of those for a part: which is of no whole answer."""
    historian = Historian(RECEIPT, PRICES)
    historian.add(_item(CHEAP, REPAIR, PART, LAST), TrialPath.ROUTED)
    cheap, last = (historian.history.tiers[name] for name in ("cheap", "expensive"))
    assert (cheap.judged, cheap.went_up, last.judged, last.went_up) == (1, 1, 1, 0)
    assert [(visit.calls, visit.cost_nano_usd) for visit in cheap.visits] == [(2, 220_000)]
    assert [(visit.calls, visit.cost_nano_usd) for visit in last.visits] == [(2, 2_120_000)]
    assert [visit.calls for visit in last.plain] == [1]
    assert [visit.cost_nano_usd for visit in historian.history.stand_ins] == [1_100_000]


def test_a_document_that_was_only_measured_did_not_go_up() -> None:
    """Its call on the last tier is of no visit, and is measured."""
    historian = Historian(RECEIPT, PRICES)
    historian.add(_item(CHEAP, replace(LAST, holdout=True), tier="cheap"), TrialPath.ROUTED)
    cheap, last = (historian.history.tiers[name] for name in ("cheap", "expensive"))
    assert (cheap.went_up, len(last.visits), len(last.measured)) == (0, 0, 1)


def test_second_opinions_and_judges_are_apart_from_a_tiers_own_answers() -> None:
    """An opinion belongs to the visit, a judge's answer to no tier."""
    opinion = replace(CHEAP, model="large", cause="agreement", outcome=AttemptOutcome.OPINION)
    judge = replace(CHEAP, cause="judge", outcome=AttemptOutcome.PREDICTION)
    historian = Historian(RECEIPT, PRICES)
    historian.add(_item(judge, CHEAP, opinion, tier="cheap"), TrialPath.ROUTED)
    cheap = historian.history.tiers["cheap"]
    assert ([visit.calls for visit in cheap.visits], [visit.calls for visit in cheap.measured]) == ([2], [1])
    assert len(historian.history.judges) == 1


def test_the_same_document_again_tells_nothing_more() -> None:
    """Nor does one that met a model nobody has a price for now."""
    historian = Historian(RECEIPT, PRICES)
    for item in (_item(CHEAP), _item(CHEAP), _item(replace(CHEAP, model="gone"), custom_id="b")):
        historian.add(item, TrialPath.ROUTED)
    assert (historian.history.items, historian.history.tiers["cheap"].judged) == (1, 1)


def test_a_document_that_ran_several_ways_is_one_document_in_each_tier() -> None:
    """Its answers differ by chance alone, if at all: counted each, they would make ranges too narrow."""
    historian, held_out = Historian(RECEIPT, PRICES), replace(LAST, holdout=True)
    historian.add(_item(CHEAP, held_out, tier="cheap"), TrialPath.ROUTED)
    historian.add(_item(CHEAP, tier="cheap"), TrialPath.CHEAP)
    historian.add(_item(LAST), TrialPath.EXPENSIVE)
    history = historian.history
    assert [len(history.tiers[name].measured) for name in ("cheap", "expensive")] == [1, 1]
    assert (history.items, len(history.stand_ins)) == (1, 1)


@pytest.mark.parametrize("path", [TrialPath.ROUTED, TrialPath.EXPENSIVE, TrialPath.CHEAP])
def test_trials_count_as_the_path_they_ran(path: TrialPath) -> None:
    """As long as the task calls alike; the thresholds of a measured one are none that run."""
    task = RECEIPT.model_copy(
        update={"checks": ChecksSpec(agreement=AgreementSpec(model="large", fields=("total",), tiers=("cheap",)))}
    )
    assert path_of_job(trial_of(task, Rollout(), path, "models"), task) is path
    assert path_of_job(trial_of(task, Rollout(), TrialPath.MEASURED, "models"), task) is None


def test_money_may_differ_and_what_shapes_a_call_may_not() -> None:
    """A budget is no reason to leave a job aside; a prompt, a longest answer and a check are."""
    tier = RECEIPT.tiers[0].model_copy(update={"system": "Other words."})
    assert path_of_job(RECEIPT.model_copy(update={"budget": BudgetSpec(usd=Decimal(1))}), RECEIPT) is TrialPath.ROUTED
    for changed in (
        {"tiers": (tier, RECEIPT.tiers[1])},
        {"max_output_tokens": 5},
        {"checks": ChecksSpec(grounded=("total",))},
    ):
        assert path_of_job(RECEIPT.model_copy(update=changed), RECEIPT) is None
        assert (
            path_of_job(trial_of(RECEIPT.model_copy(update=changed), Rollout(), TrialPath.CHEAP, ""), RECEIPT) is None
        )
