"""Where an item starts: ramp, rules, classifier, or the first tier. The third layer follows the call (`escalation`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.decision import Cause, Decision, Layer
from routing.errors import UsageError
from routing.route_rules import CLASSIFY, RouteRules, compile_route_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from routing.item_facts import ItemFacts
    from routing.prediction import Prediction
    from routing.rollout import Rollout
    from routing.route_rules import RuleMatch
    from routing.task import FrozenTask


class Router:
    """The router of one task. Pure: the same item, facts and rollout give the same decision.

    Raises UsageError where a rule does not compile; a checked task file has no such rule.
    """

    def __init__(self, task: FrozenTask) -> None:
        self._task = task
        self._first, self._last = task.tiers[0].name, task.tiers[-1].name
        rules = compile_route_rules(task.route.rules)
        if not isinstance(rules, RouteRules):
            raise UsageError(f"Rule `{task.route.rules[rules[0].rule_index].id}`: {rules[0].message}.")
        self._rules = rules
        self.version = f"task:{task.fingerprint[:12]}"

    def decide(
        self,
        item: str,
        facts: ItemFacts,
        rollout: Rollout,
        predict: Callable[[ItemFacts], Prediction | None] | None = None,
    ) -> Decision:
        """Return where an item starts, `item` being what shares are drawn by, its `custom_id`.

        What lies outside the ramp goes to the last tier, whatever rules say. `predict` is the classifier, where there
        is one; where it has nothing to say, the item starts on the first tier.
        """
        if not rollout.may_start_cheap(self._task.name, item):
            signals = {"ramp": rollout.ramp}
            return Decision(self._last, Layer.RAMP, Cause.OUTSIDE_RAMP, version=rollout.version, signals=signals)
        match = self._rules.first_match(facts)
        if match is not None and match.tier != CLASSIFY:
            return self._ruled(match)
        prediction = None if predict is None else predict(facts)
        if prediction is not None:
            return self._predicted(prediction, match)
        rule = "" if match is None else match.rule
        return Decision(self._first, Layer.DEFAULT, Cause.FIRST_TIER, rule=rule, version=self.version)

    def asks_classifier(self, item: str, facts: ItemFacts, rollout: Rollout) -> bool:
        """Tell whether it is the classifier's to decide: the item lies within the ramp, and no rule names its tier."""
        if not rollout.may_start_cheap(self._task.name, item):
            return False
        match = self._rules.first_match(facts)
        return match is None or match.tier == CLASSIFY

    def _ruled(self, match: RuleMatch) -> Decision:
        return Decision(
            match.tier,
            Layer.RULE,
            Cause.RULE_MATCHED,
            rule=match.rule,
            version=self.version,
            signals=match.signals,
        )

    def _predicted(self, prediction: Prediction, match: RuleMatch | None) -> Decision:
        passes = prediction.probability >= prediction.threshold
        return Decision(
            self._first if passes else self._last,
            Layer.CLASSIFIER,
            Cause.LIKELY_TO_PASS if passes else Cause.UNLIKELY_TO_PASS,
            rule="" if match is None else match.rule,
            probability=prediction.probability,
            threshold=prediction.threshold,
            threshold_source=prediction.threshold_source,
            version=prediction.version,
            signals=prediction.signals,
        )
