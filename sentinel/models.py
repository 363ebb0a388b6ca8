"""From raw signals to probabilities: how surprising each measurement would be on benign traffic.

A model reads *features*: a signal that gives one number per request is one feature; a signal that gives one per
candidate becomes two at request level, its maximum and its lead (how far the largest stands above the second:
a probe concentrates on one document), and is read as it is at candidate level.

Every feature has a curve, fitted on benign traffic alone: from the value to its *surprise*, the decades by which it
is rarer there than `KNEE` explains. Features that see the same thing form a mechanism, of which the most surprising
counts; the mechanisms' surprises add up, and the sum gives the log-odds. So an attack that nobody has fitted still
counts by how unlike benign traffic it is, and attacks only set how much a decade is worth. A missing feature adds
nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinel.errors import DataError
from sentinel.signals import Measurement

SUSPECT = ":suspect"
"""`<threat>:suspect` is the request-level feature that holds the log-odds of the most suspicious candidate."""


def request_features(signals: Mapping[str, Measurement]) -> dict[str, float]:
    """Flatten measurements into request-level features; missing ones are left out.

    Returns:
        `{signal: value}` for request-level signals, `{signal:max, signal:lead}` for per-candidate ones.
    """
    features: dict[str, float] = {}
    for name, value in signals.items():
        if value is None:
            continue
        if isinstance(value, np.ndarray):
            # A dozen numbers: sorted by Python in a third of numpy's time.
            finite = value.tolist()
            if not isfinite(sum(finite)):
                finite = [x for x in finite if isfinite(x)]
            finite.sort()
            if finite:
                features[f"{name}:max"] = finite[-1]
            if len(finite) > 1:
                features[f"{name}:lead"] = finite[-1] - finite[-2]
        elif isfinite(value):
            features[name] = float(value)
    return features


def candidate_values(features: Sequence[str], signals: Mapping[str, Measurement], n: int) -> NDArray[np.float64]:
    """Feature values by candidate, shape (n, f); a request-level signal counts for each of them."""
    values = np.full((n, len(features)), np.nan)
    for column, name in enumerate(features):
        value = signals.get(name)
        if value is not None:
            values[:, column] = value
    return values


@dataclass(frozen=True)
class Curve:
    """A feature's surprise by its value: straight between the points, level beyond them.

    Attributes:
        values: Ascending, shape (p,).
        surprise: Decades, at least 0 and never falling, shape (p,).
        mechanism: What the feature is evidence of; of one mechanism only the most surprising feature counts.
    """

    values: NDArray[np.float64]
    surprise: NDArray[np.float64]
    mechanism: str

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or not self.values.size or self.values.shape != self.surprise.shape:
            raise DataError("a curve must have as many values as surprises, and at least one")
        if not bool(np.isfinite(self.values).all() and np.isfinite(self.surprise).all()):
            raise DataError("a curve's numbers must be finite")
        if bool((np.diff(self.values) <= 0).any()) or bool((np.diff(self.surprise, prepend=0.0) < 0).any()):
            raise DataError("a curve's values must rise, and its surprises must not fall")

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Surprise of values of any shape; NaN for NaN."""
        found: NDArray[np.float64] = np.interp(values, self.values, self.surprise)
        return found

    @cached_property
    def quiet(self) -> float:
        """Up to this value nothing surprises; minus infinity where every value does."""
        still = int(np.count_nonzero(self.surprise == 0.0))
        return float(self.values[still - 1]) if still else -np.inf

    @cached_property
    def _points(self) -> tuple[list[float], list[float], list[float]]:
        values, surprise = self.values.tolist(), self.surprise.tolist()
        slopes = (np.diff(self.surprise) / np.diff(self.values)).tolist()
        return values, surprise, slopes

    def at(self, value: float) -> float:
        """Surprise of one value, digit for digit what calling the curve with an array gives; 0 for NaN."""
        if not value > self.quiet:
            return 0.0
        values, surprise, slopes = self._points
        place = bisect_right(values, value) - 1
        if place < 0:
            return surprise[0]
        if place >= len(slopes) or values[place] == value:
            return surprise[place]
        return slopes[place] * (value - values[place]) + surprise[place]


@dataclass(frozen=True)
class SurpriseModel:
    """P(threat) = sigmoid(bias + g(slope * sum over mechanisms of the largest surprise of its features)).

    Attributes:
        curves: By feature name.
        slope: What a decade of surprise contributes, at least 0.
        bias: What is added to g: with g the identity, the log-odds of a request that surprises in nothing, at the
            stated prevalence; with `steps`, the prevalence's own.
        steps: g as points (sum, log-odds), straight between them and level beyond; none for the identity.
        usual: By mechanism, the decades halfway between what is usual of attacks and of others: what counts where none
            of its signals could be measured at all. Silence that could not be broken is no sign of innocence.
    """

    curves: Mapping[str, Curve]
    slope: float
    bias: float
    steps: tuple[tuple[float, float], ...] = ()
    usual: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.slope) and self.slope >= 0 and np.isfinite(self.bias)):
            raise DataError("a model's slope must be a number of at least 0, its bias a number")
        points = np.array(self.steps, dtype=np.float64).reshape(-1, 2)
        if not np.isfinite(points).all() or (np.diff(points[:, 0]) <= 0).any() or (np.diff(points[:, 1]) < 0).any():
            raise DataError("a model's steps must be numbers, their sums rise and their log-odds not fall")
        if not all(np.isfinite(decades) and decades >= 0.0 for decades in self.usual.values()):
            raise DataError("what is usual of a mechanism must be decades, at least 0")

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The features' names, in the order in which values are given."""
        return tuple(self.curves)

    @cached_property
    def _groups(self) -> list[NDArray[np.intp]]:
        mechanisms = [curve.mechanism for curve in self.curves.values()]
        return [np.flatnonzero([m == one for m in mechanisms]) for one in dict.fromkeys(mechanisms)]

    @cached_property
    def _quiet(self) -> NDArray[np.float64]:
        return np.array([curve.quiet for curve in self.curves.values()])

    @cached_property
    def _rows(self) -> list[tuple[str, str, float, Curve, str]]:
        # Name, name of its maximum, up to where it is quiet: looked up for every request, and so written out once.
        return [(name, f"{name}:max", curve.quiet, curve, curve.mechanism) for name, curve in self.curves.items()]

    @cached_property
    def _steps(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        points = np.array(self.steps, dtype=np.float64).reshape(-1, 2)
        return np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1])

    def surprise(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Decades by feature, those that are outdone within their mechanism at 0; shape (..., f) as `values`."""
        found = np.zeros(values.shape)
        if not values.size:
            return found
        # Most features of most requests are ordinary: only the others are looked up.
        above = np.reshape(values > self._quiet, (-1, len(self._rows)))
        loud: list[int] = np.flatnonzero(above.any(axis=0)).tolist()
        if not loud:
            return found
        curves = list(self.curves.values())
        for column in loud:
            found[..., column] = curves[column](values[..., column])
        found[np.isnan(found)] = 0.0
        self._settle(found)
        return found

    def shares(self, features: Mapping[str, float]) -> list[float] | None:
        """`contributions` of one request by feature name, in the model's order; None where no feature is known."""
        found = [0.0] * len(self._rows)
        best: dict[str, int] = {}
        known = False
        for i, (name, _, quiet, curve, mechanism) in enumerate(self._rows):
            value = features.get(name, nan)
            if value != value:
                continue
            known = True
            if value > quiet and (decades := curve.at(value)) > 0.0:
                before = best.get(mechanism)
                if before is None or decades > found[before]:
                    if before is not None:
                        found[before] = 0.0
                    best[mechanism] = i
                    found[i] = decades
        return [self.slope * decades for decades in found] if known else None

    def candidate_shares(
        self, signals: Mapping[str, Measurement], features: Mapping[str, float], n: int
    ) -> NDArray[np.float64] | None:
        """`contributions` of each candidate, shape (n, f); None where no feature is known.

        Args:
            signals: Finite measurements, NaN where missing.
            features: Their `request_features`: a signal whose maximum surprises nobody is not looked at.
            n: How many candidates there are.
        """
        found = np.zeros((n, len(self._rows)))
        known, loud = False, 0
        for column, (name, highest, quiet, curve, _) in enumerate(self._rows):
            value = signals.get(name)
            if value is None:
                continue
            top = features.get(highest) if isinstance(value, np.ndarray) else value
            if top is None:
                continue
            known = True
            if top > quiet:
                found[:, column] = curve(np.asarray(value))
                loud += 1
        if not known:
            return None
        if loud:
            found[np.isnan(found)] = 0.0
        if loud > 1:
            self._settle(found)
        return self.slope * found

    def _settle(self, found: NDArray[np.float64]) -> None:
        """Leave of each mechanism the most surprising feature."""
        for group in self._groups:
            if len(group) > 1 and found[..., group].any():
                best = group[np.argmax(found[..., group], axis=-1)]
                for column in group:
                    found[..., column] *= best == column

    @cached_property
    def _measured_by(self) -> list[tuple[tuple[str, ...], float]]:
        by = {m: tuple(n for n, c in self.curves.items() if c.mechanism == m) for m in self.usual}
        return [
            (names, self.slope * decades) for m, decades in self.usual.items() if decades > 0.0 and (names := by[m])
        ]

    def unmeasured(self, signals: Mapping[str, Measurement]) -> float:
        """What counts in the place of mechanisms that a request has no signal of, in log-odds, at least 0.

        A candidate that alone lacks a measurement, for being short or in another language, gets nothing for it.
        """
        return sum(worth for names, worth in self._measured_by if all(signals.get(name) is None for name in names))

    @cached_property
    def unsurprised(self) -> float:
        """P(threat) of a request of which nothing surprises."""
        return float(1.0 / (1.0 + np.exp(-self.odds_of(np.zeros(len(self._rows)).sum()))))

    def contributions(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each feature adds to the sum, at least 0; `values` of shape (..., f), NaN = missing = 0."""
        return self.slope * self.surprise(values)

    def odds_of(self, contributed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of the threat by what all features contribute together, of any shape."""
        if not self.steps:
            return self.bias + contributed
        found: NDArray[np.float64] = self.bias + np.interp(contributed, *self._steps)
        return found

    def log_odds(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of the threat; `values` of shape (..., f) gives an array of shape (...)."""
        return self.odds_of(self.contributions(values).sum(axis=-1))

    def probability(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(threat) in (0, 1); `values` of shape (..., f) gives an array of shape (...)."""
        probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-self.log_odds(values)))
        return probability

    def to_json(self) -> dict[str, Any]:
        """The model as plain JSON values."""
        curves = {
            name: {"values": c.values.tolist(), "surprise": c.surprise.tolist(), "mechanism": c.mechanism}
            for name, c in self.curves.items()
        }
        made: dict[str, Any] = {"curves": curves, "slope": self.slope, "bias": self.bias}
        if self.steps:
            made["steps"] = [list(point) for point in self.steps]
        return {**made, "usual": dict(self.usual)} if self.usual else made

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SurpriseModel:
        """Read what `to_json` wrote."""
        curves = {
            str(name): Curve(
                np.asarray(c["values"], dtype=np.float64),
                np.asarray(c["surprise"], dtype=np.float64),
                str(c["mechanism"]),
            )
            for name, c in data["curves"].items()
        }
        steps = tuple((float(at), float(odds)) for at, odds in data.get("steps", ()))
        usual = {str(name): float(decades) for name, decades in data.get("usual", {}).items()}
        return cls(curves, float(data["slope"]), float(data["bias"]), steps, usual)
