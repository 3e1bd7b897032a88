"""One labelled document as calibration sees it: what the first tier said, how sure it looked, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Signal(StrEnum):
    """What an answer of the first tier may be refused by, besides its checks. The names are those of `Thresholds`."""

    CONFIDENCE = "confidence"
    AGREEMENT = "agreement"
    CLASSIFIER = "classifier"


@dataclass(frozen=True, slots=True)
class CalibrationItem:
    """A document that both the first and the last tier answered.

    `starts_cheap` tells that neither a rule nor the classifier at its usual threshold sends it up; `passes` that the
    first tier's answer passes every check that is no signal. Costs are those of its calls in nano-dollars: the first
    tier's, the second opinion's, the last tier's.
    """

    custom_id: str
    stratum: str
    starts_cheap: bool
    passes: bool
    signals: Mapping[Signal, float]
    first_right: bool
    last_right: bool
    first_cost: int
    opinion_cost: int
    last_cost: int

    @property
    def is_candidate(self) -> bool:
        """Whether its first answer would stand if no signal were looked at."""
        return self.starts_cheap and self.passes

    @property
    def worse(self) -> bool:
        """Whether something is lost where the first tier's answer stands: it is wrong, and the last tier's right."""
        return self.last_right and not self.first_right

    def stands(self, least: Mapping[Signal, float]) -> bool:
        """Tell whether its first answer stands under these thresholds; a signal without one is not looked at."""
        return self.is_candidate and all(self.signals[signal] >= value for signal, value in least.items())
