"""Fitting logistic regression with scikit-learn (the extra `train`). Import it only where something is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict, cross_val_score

from routing.classifier.features import WORD_BUCKETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.classifier.features import Features

_STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse regularisation strengths that are tried; the best by cross-validated likelihood is taken."""
_FOLDS = 3
_UNREGULARISED = 1e6


@dataclass(frozen=True, slots=True)
class LogisticFit:
    """What was found, as `LinearModel` holds it."""

    intercept: float
    means: tuple[float, ...]
    scales: tuple[float, ...]
    numeric_weights: tuple[float, ...]
    word_weights: tuple[float, ...]
    slope: float
    offset: float


def fit(seen: Sequence[Features], passed: Sequence[bool]) -> LogisticFit:
    """Fit weights and their calibration. Deterministic for the same input."""
    numeric = np.array([one.numeric for one in seen])
    means, scales = numeric.mean(axis=0), numeric.std(axis=0)
    scales[scales == 0] = 1.0
    inputs = hstack([csr_matrix((numeric - means) / scales), _words(seen)], format="csr")
    truth = np.array(passed)
    best = max(_STRENGTHS, key=lambda strength: _likelihood(strength, inputs, truth))
    fitted = _regression(best).fit(inputs, truth)
    # Scores of documents the fold was not fitted on: the others would make the probabilities too sure.
    unseen = cross_val_predict(_regression(best), inputs, truth, cv=_FOLDS, method="decision_function")
    platt = _regression(_UNREGULARISED).fit(unseen.reshape(-1, 1), truth)
    weights = fitted.coef_[0].tolist()
    return LogisticFit(
        intercept=float(fitted.intercept_[0]),
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        numeric_weights=tuple(weights[: numeric.shape[1]]),
        word_weights=tuple(weights[numeric.shape[1] :]),
        slope=float(platt.coef_[0][0]),
        offset=float(platt.intercept_[0]),
    )


def _words(seen: Sequence[Features]) -> csr_matrix:
    buckets = [bucket for one in seen for bucket in one.words]
    weights = [weight for one in seen for weight in one.words.values()]
    ends = np.cumsum([0, *(len(one.words) for one in seen)])
    return csr_matrix((weights, buckets, ends), shape=(len(seen), WORD_BUCKETS))


def _regression(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=1000)


def _likelihood(strength: float, inputs: csr_matrix, truth: np.ndarray) -> float:
    return float(cross_val_score(_regression(strength), inputs, truth, cv=_FOLDS, scoring="neg_log_loss").mean())
