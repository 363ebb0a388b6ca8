"""Fitting: from labelled measurements to the logistic models that turn signals into probabilities.

Nothing here runs on a request. Weights are kept from going negative: every signal is oriented so that higher is
worse, and a model that used one the other way round would have learned an accident of its training data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinel.errors import DataError
from sentinel.models import CLIP, LogisticModel
from sentinel.signals import SIGNALS
from sentinel.vocabulary import Threat

MIN_EXAMPLES = 20
"""Fewer of either kind fit nothing worth having."""
STRENGTH = 1.0
"""Inverse of the L2 penalty, in units of total weight (scikit-learn's C with weights that sum to the rows)."""


@dataclass(frozen=True, slots=True)
class Example:
    """One request, or one candidate, as a model sees it.

    Attributes:
        features: Values by feature name; missing ones are absent.
        positive: Whether it carries the threat.
        kind: Which attack or kind of traffic it comes from; every kind weighs the same within its class.
    """

    features: Mapping[str, float]
    positive: bool
    kind: str


def feature_names(threat: Threat, *, candidate: bool, exclude: Sequence[str] = ()) -> list[str]:
    """The features that may speak for a threat: those of the signals whose manifest names it.

    Args:
        threat: The threat.
        candidate: Features of one candidate; else of a whole request.
        exclude: Signals to leave out.
    """
    names: list[str] = []
    for name, manifest in SIGNALS.manifests().items():
        if threat not in manifest.threats or name in exclude:  # type: ignore[attr-defined]
            continue
        spread = manifest.per_candidate  # type: ignore[attr-defined]
        if candidate:
            names += [name] if spread else []
        else:
            names += [f"{name}:max", f"{name}:lead"] if spread else [name]
    return names


def fit(
    examples: Sequence[Example], features: Sequence[str], prevalence: float, *, strength: float = STRENGTH
) -> LogisticModel:
    """Fit one model.

    L2-regularised logistic regression on standardised, clipped features; a missing value stands at the mean. A
    feature whose weight comes out negative is dropped and the rest fitted anew. The bias is moved from the share of
    positives in the examples to the stated prevalence.

    Args:
        examples: Labelled measurements.
        features: Names of the features that may be used.
        prevalence: Share of requests (or candidates) assumed to carry the threat, in (0, 1).
        strength: Inverse of the L2 penalty.

    Raises:
        DataError: Fewer than `MIN_EXAMPLES` of either kind, or no feature was ever measured.
    """
    from sklearn.linear_model import LogisticRegression

    labels = np.array([e.positive for e in examples], dtype=bool)
    if min(labels.sum(), (~labels).sum()) < MIN_EXAMPLES:
        raise DataError(
            f"{labels.sum()} positive and {(~labels).sum()} negative examples; {MIN_EXAMPLES} of each are the least"
        )
    values = np.array([[e.features.get(name, np.nan) for name in features] for e in examples], dtype=np.float64)
    values = values.reshape(len(examples), len(features))
    known = np.isfinite(values)
    # A feature seen in a handful of examples only would be fitted on which examples have it, not on its value.
    usable = np.flatnonzero(known.sum(axis=0) >= max(MIN_EXAMPLES, len(examples) // 50))
    weights = _balanced([e.kind for e in examples], labels)
    columns = np.array([c for c in usable if np.nanstd(values[:, c]) > 1e-9], dtype=np.intp)
    if not len(columns):
        raise DataError("none of the features was measured often enough to be fitted")
    center: NDArray[np.float64] = np.nanmean(values[~labels][:, columns], axis=0)
    center = np.where(np.isfinite(center), center, np.nanmean(values[:, columns], axis=0))
    scale: NDArray[np.float64] = np.nanstd(values[:, columns], axis=0)
    standard = np.clip((values[:, columns] - center) / scale, -CLIP, CLIP)
    standard = np.where(np.isnan(standard), 0.0, standard)
    kept = list(range(len(columns)))
    while True:
        model = LogisticRegression(C=strength, max_iter=2000).fit(standard[:, kept], labels, sample_weight=weights)
        found = model.coef_[0]
        if (found >= 0).all() or len(kept) == 1:
            break
        kept.pop(int(np.argmin(found)))
    share = weights[labels].sum() / weights.sum()
    bias = float(model.intercept_[0]) + _logit(prevalence) - _logit(float(share))
    return LogisticModel(
        tuple(features[columns[i]] for i in kept), center[kept], scale[kept], np.maximum(found, 0.0), bias
    )


def _balanced(kinds: Sequence[str], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights that sum to the number of examples: each kind alike within its class, both classes alike."""
    weights = np.zeros(len(kinds))
    for positive in (False, True):
        names = sorted({kind for kind, label in zip(kinds, labels, strict=True) if label == positive})
        for name in names:
            rows = np.array([kind == name for kind in kinds]) & (labels == positive)
            weights[rows] = len(kinds) / (2 * len(names) * rows.sum())
    return weights


def _logit(share: float) -> float:
    if not 0.0 < share < 1.0:
        raise DataError(f"a prevalence must lie in (0, 1), not {share}")
    return float(np.log(share / (1.0 - share)))
