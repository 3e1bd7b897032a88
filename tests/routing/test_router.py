"""Ramp, rules, classifier, default: in this order, each with its reasons."""

from __future__ import annotations

import itertools

import pytest

from routing.decision import Cause, Decision, Layer, ThresholdSource
from routing.errors import UsageError
from routing.item_facts import ItemFacts
from routing.json_value import JsonObject
from routing.prediction import Prediction
from routing.rollout import Rollout
from routing.router import Router
from routing.task import FrozenTask, JsonSchema, RouteRuleSpec, RouteSpec, TierSpec


def _task(*rules: tuple[str, str, str]) -> FrozenTask:
    return FrozenTask(
        name="t",
        output=JsonSchema(json_schema={}),
        tiers=tuple(TierSpec(name=name, model=name, system="", user="") for name in ("cheap", "middle", "expensive")),
        route=RouteSpec(rules=tuple(RouteRuleSpec(id=name, condition=text, tier=tier) for name, text, tier in rules)),
    )


def _facts(text: str = "text", metadata: JsonObject | None = None, *, slow: bool = False) -> ItemFacts:
    return ItemFacts("t", text, None, metadata or {}, {"careful": slow}, 0)


def _predict(probability: float) -> Prediction:
    return Prediction(probability, 0.5, ThresholdSource.COST, "classifier:2", {"words": 3})


def test_without_any_layer_an_item_starts_on_the_first_tier() -> None:
    """The decision says so, and by which version of the task."""
    decision = Router(_task()).decide("a", _facts(), Rollout())
    assert (decision.tier, decision.layer, decision.cause) == ("cheap", Layer.DEFAULT, Cause.FIRST_TIER)
    assert decision.version == f"task:{_task().fingerprint[:12]}"


def test_outside_the_ramp_an_item_goes_to_the_last_tier_whatever_rules_say() -> None:
    """A conservative launch is not undone by a rule."""
    decision = Router(_task(("all", "characters > 0", "cheap"))).decide("a", _facts(), Rollout(ramp=0, revision=4))
    assert decision == Decision("expensive", Layer.RAMP, Cause.OUTSIDE_RAMP, version="rollout:4", signals={"ramp": 0.0})


def test_a_rule_names_the_tier() -> None:
    """Any tier, with the facts it read."""
    decision = Router(_task(("long", "characters > 3", "middle"))).decide("a", _facts(), Rollout(), _no_prediction)
    assert (decision.tier, decision.layer, decision.rule) == ("middle", Layer.RULE, "long")
    assert decision.signals == {"characters": 4}


@pytest.mark.parametrize(
    ("probability", "tier", "cause"),
    [(0.5, "cheap", Cause.LIKELY_TO_PASS), (0.49, "expensive", Cause.UNLIKELY_TO_PASS)],
)
def test_the_classifier_decides_what_rules_leave_to_it(probability: float, tier: str, cause: Cause) -> None:
    """At the threshold an item still starts cheap; probability, threshold and version are told."""
    router = Router(_task(("ask", "characters > 3", "classify")))
    decision = router.decide("a", _facts(), Rollout(), lambda _: _predict(probability))
    assert (decision.tier, decision.layer, decision.cause, decision.rule) == (tier, Layer.CLASSIFIER, cause, "ask")
    assert (decision.probability, decision.threshold, decision.version) == (probability, 0.5, "classifier:2")
    assert router.decide("a", _facts("t"), Rollout(), lambda _: _predict(probability)).rule == ""


def test_a_rule_that_asks_for_a_classifier_that_is_not_there_leaves_the_default() -> None:
    """The item starts cheap, and the decision still names the rule."""
    decision = Router(_task(("ask", "characters > 3", "classify"))).decide("a", _facts(), Rollout())
    assert (decision.tier, decision.layer, decision.rule) == ("cheap", Layer.DEFAULT, "ask")


def test_a_rule_that_does_not_compile_is_told() -> None:
    """A checked task file has none."""
    with pytest.raises(UsageError, match="Rule `bad`"):
        Router(_task(("bad", "characters >", "cheap")))


def test_a_thousand_mixed_items_go_where_the_table_says() -> None:
    """Long, short, flagged, of every kind of user: each meets the first rule that is meant for it."""
    router = Router(
        _task(
            ("careful_flag", "flags.careful and metadata.user == 'gold'", "expensive"),
            ("long", "characters > 1000", "expensive"),
            ("silver", "metadata.user == 'silver'", "middle"),
        )
    )
    table = {
        # (careful, long, user): (tier, rule)
        (True, True, "gold"): ("expensive", "careful_flag"),
        (True, False, "gold"): ("expensive", "careful_flag"),
        (False, True, "gold"): ("expensive", "long"),
        (False, False, "gold"): ("cheap", ""),
        (True, True, "silver"): ("expensive", "long"),
        (True, False, "silver"): ("middle", "silver"),
        (False, True, "silver"): ("expensive", "long"),
        (False, False, "silver"): ("middle", "silver"),
        (True, True, ""): ("expensive", "long"),
        (True, False, ""): ("cheap", ""),
        (False, True, ""): ("expensive", "long"),
        (False, False, ""): ("cheap", ""),
    }
    for number, (careful, is_long, user) in zip(range(1000), itertools.cycle(table), strict=False):
        text = "x" * (1001 + number if is_long else 1 + number)
        metadata: JsonObject = {"user": user} if user else {}
        decision = router.decide(f"item-{number}", _facts(text, metadata, slow=careful), Rollout())
        assert (decision.tier, decision.rule) == table[careful, is_long, user]


def _no_prediction(_: ItemFacts) -> Prediction:
    raise AssertionError("a rule has decided already")
