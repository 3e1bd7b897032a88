"""A trained classifier as workers serve it: plain numbers, read from JSON, without the library that found them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, model_validator

from routing.classifier.features import NUMERIC, VERSION, WORD_BUCKETS

if TYPE_CHECKING:
    from typing import Self

    from routing.classifier.features import Features


class LinearModel(BaseModel):
    """Logistic regression over `Features`, and Platt's calibration of its score.

    P = sigmoid(slope * score + offset) (Platt, "Probabilistic outputs for support vector machines", 1999). The means
    and scales standardise the figures. `mean_input_tokens` and `mean_output_tokens` are those of a call in training.
    `quality_threshold` is the least probability at which the task's quality target was shown to hold, None without one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature_version: int
    intercept: float
    means: tuple[float, ...] = Field(min_length=len(NUMERIC), max_length=len(NUMERIC))
    scales: tuple[float, ...] = Field(min_length=len(NUMERIC), max_length=len(NUMERIC))
    numeric_weights: tuple[float, ...] = Field(min_length=len(NUMERIC), max_length=len(NUMERIC))
    word_weights: tuple[float, ...] = Field(min_length=WORD_BUCKETS, max_length=WORD_BUCKETS)
    slope: float
    offset: float
    mean_input_tokens: int = Field(ge=0)
    mean_output_tokens: int = Field(ge=0)
    quality_threshold: float | None = None

    @model_validator(mode="after")
    def _of_these_features(self) -> Self:
        if self.feature_version != VERSION:
            raise ValueError(f"trained on features {self.feature_version}, this program has {VERSION}")
        return self

    def probability(self, features: Features) -> float:
        """Return the probability that the first tier passes."""
        score = self.intercept
        for value, mean, scale, weight in zip(
            features.numeric, self.means, self.scales, self.numeric_weights, strict=True
        ):
            score += weight * (value - mean) / scale
        for bucket, value in features.words.items():
            score += self.word_weights[bucket] * value
        return _sigmoid(self.slope * score + self.offset)


def _sigmoid(value: float) -> float:
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    exponential = math.exp(value)
    return exponential / (1 + exponential)
