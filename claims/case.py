"""One thing that is replayed: a recorded set, the models that answer, what is checked, and what is tuned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claims.prices import Model


@dataclass(frozen=True, slots=True)
class Outside:
    """What was measured of the same pair before, outside the product, on all rows of the set's source; None: not told.

    The share that escalates, the difference of the cascade and the share it saves; `normalised` tells that fields were
    compared so, and not as the source does.
    """

    escalates: float | None
    points: float
    saved: float
    normalised: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A set, its models and a task.

    `changes` take the place of sections of the set's task file, `more_rules` come to its rules. With `margin`,
    thresholds are calibrated on the tuning half; with `learns`, a classifier is trained there first, by `learn_from`
    where that task file tells what passes. `normalised` are comparators that say the same but for what does not matter.
    Cases of one `task` share a ledger, so that nothing is replayed twice. Without `models` it is the example's offline
    engines that answer.
    """

    name: str
    data_set: str
    title: str
    checks: str
    task: str
    models: Mapping[str, Model] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    more_rules: tuple[str, ...] = ()
    margin: float | None = None
    learns: bool = False
    learn_from: str = ""
    normalised: Mapping[str, str] = field(default_factory=dict)
    outside: Outside | None = None
