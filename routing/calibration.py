"""Thresholds that were derived from a quality target on labelled documents, as workers use them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from routing.task import BudgetSpec, CacheSpec, CircuitSpec, RolloutSpec

if TYPE_CHECKING:
    from routing.item_facts import ItemFacts
    from routing.json_value import JsonValue
    from routing.task import FrozenTask


class Thresholds(BaseModel):
    """The least of each signal that lets the first tier's answer stand; None leaves what the task says.

    `confidence` is that of the check, `agreement` the share of the fields a second model agrees on, `classifier` the
    probability that an item starts cheap at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    confidence: float | None = None
    agreement: float | None = None
    classifier: float | None = None


class Calibration(BaseModel):
    """One version of a task's thresholds.

    `basis` is a digest of everything they were measured with: under another task, model or classifier they say nothing.
    `by` is the fact that parts documents into strata, empty where there are none; what is in none of them has the
    thresholds of `everywhere`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    basis: str
    everywhere: Thresholds
    by: str = ""
    strata: dict[str, Thresholds] = Field(default_factory=dict)

    def thresholds(self, facts: ItemFacts) -> Thresholds:
        """Return the thresholds of an item."""
        return self.strata.get(stratum(facts, self.by), self.everywhere) if self.by else self.everywhere


def stratum(facts: ItemFacts, by: str) -> str:
    """Return what an item has for a fact such as `language` or `metadata.kind`, as a word: `none` where nothing.

    Raises ValueError, KeyError where there is no such fact.
    """
    value: JsonValue = facts.at(by)
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def basis_of(task: FrozenTask, classifier: int | None) -> str:
    """Return the digest of what thresholds of a task rest on: all that shapes an answer, its checks and its comparison.

    `task` is as it runs, promoted models included. Money, shares, cache and target may change without harm.
    """
    bare = task.model_copy(
        update={
            "budget": BudgetSpec(),
            "rollout": RolloutSpec(),
            "circuit": CircuitSpec(),
            "cache": CacheSpec(),
            "target": None,
            "trial": None,
            "name": task.taught_as,
        }
    )
    return hashlib.sha256(f"{bare.to_json()}\0{classifier}".encode()).hexdigest()
