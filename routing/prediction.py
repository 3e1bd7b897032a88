"""What a classifier says of an item before any tier is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.decision import Signal, ThresholdSource


@dataclass(frozen=True, slots=True)
class Prediction:
    """The probability that the first tier passes, the least that lets an item start there, and who says so."""

    probability: float
    threshold: float
    threshold_source: ThresholdSource
    version: str
    signals: Mapping[str, Signal] = field(default_factory=dict)
