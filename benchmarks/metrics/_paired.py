"""Differences on the same questions, which chance moves less than two figures side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.samples import Sample
from benchmarks.statistics import Estimate, bootstrap


def has_counterparts(here: Sequence[Sample], there: Mapping[str, Sample]) -> bool:
    """Whether there is another policy's sample, or none, beside any of some sessions: nobody is his own measure."""
    return any(
        (other := there.get(sample.session)) is None or (other.policy, other.attack) != (sample.policy, sample.attack)
        for sample in here
    )


def accuracy_difference(here: Sequence[Sample], there: Mapping[str, Sample]) -> Estimate:
    """Accuracy of some sessions minus that of their counterparts, in [-1, 1], resampled by session."""
    rows = []
    for sample in here:
        before = there.get(sample.session)
        mine, other = sample.values.get("right"), before.values.get("right") if before else None
        number = sample.values.get("answerable") or 0.0
        if mine is not None and other is not None and number:
            rows.append(((mine - other) * number, number))
    table = np.array(rows, dtype=np.float64).reshape(-1, 2)

    def difference(index: NDArray[np.intp]) -> float:
        gained, asked = table[index].sum(axis=0)
        return float(gained / asked)

    return bootstrap(difference, len(table))


def rate_difference(here: Sequence[Sample], there: Mapping[str, Sample], value: str) -> Estimate:
    """Mean of a value of some sessions minus that of their counterparts, in [-1, 1], resampled by session."""
    found = []
    for sample in here:
        before = there.get(sample.session)
        mine, other = sample.values.get(value), before.values.get(value) if before else None
        if mine is not None and other is not None:
            found.append(mine - other)
    table = np.array(found, dtype=np.float64)
    return bootstrap(lambda index: float(table[index].mean()), len(table))
