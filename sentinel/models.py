"""From raw signals to probabilities: one logistic model per threat, stored as JSON, evaluated in numpy.

A model reads *features*: a signal that gives one number per request is one feature; a signal that gives one per
candidate becomes two at request level, its maximum and its lead (how far the largest stands above the second:
a probe concentrates on one document), and is read as it is at candidate level. A missing feature adds nothing to
the log-odds: it neither accuses nor acquits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinel.errors import DataError
from sentinel.signals import Measurement
from sentinel.vocabulary import Threat

SCHEMA = 1
CLIP = 6.0
"""Standardised features are cut at this many deviations: one wild value cannot outvote all others."""
SHIPPED = Path(__file__).parent / "models.json"


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
            finite = np.sort(value[np.isfinite(value)])
            if finite.size:
                features[f"{name}:max"] = float(finite[-1])
            if finite.size > 1:
                features[f"{name}:lead"] = float(finite[-1] - finite[-2])
        elif np.isfinite(value):
            features[name] = float(value)
    return features


@dataclass(frozen=True)
class LogisticModel:
    """P(threat) = sigmoid(bias + sum of weight * clip((x - center) / scale)).

    Attributes:
        features: Feature names, in the order of the arrays.
        center: Feature means, shape (f,).
        scale: Feature deviations, shape (f,), positive.
        weight: Weights, shape (f,), never negative: every signal is oriented so that higher is worse.
        bias: Log-odds at the mean, at the stated prevalence.
    """

    features: tuple[str, ...]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    weight: NDArray[np.float64]
    bias: float

    def __post_init__(self) -> None:
        shapes = {a.shape for a in (self.center, self.scale, self.weight)}
        if shapes != {(len(self.features),)}:
            raise DataError("a model's arrays must have one entry per feature")
        arrays = np.concatenate([self.center, self.scale, self.weight, [self.bias]])
        if not bool(np.isfinite(arrays).all()) or bool((self.scale <= 0).any()) or bool((self.weight < 0).any()):
            raise DataError("a model's numbers must be finite, its scales positive and its weights not negative")

    def contributions(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each feature's share of the log-odds; `values` of shape (..., f), NaN = missing = 0."""
        standard = np.clip((values - self.center) / self.scale, -CLIP, CLIP)
        contributed: NDArray[np.float64] = np.where(np.isnan(standard), 0.0, standard) * self.weight
        return contributed

    def probability(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(threat) in (0, 1); `values` of shape (..., f) gives an array of shape (...)."""
        logit = self.bias + self.contributions(values).sum(axis=-1)
        probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-logit))
        return probability

    def to_json(self) -> dict[str, Any]:
        """The model as plain JSON values."""
        return {
            "features": list(self.features),
            "center": self.center.tolist(),
            "scale": self.scale.tolist(),
            "weight": self.weight.tolist(),
            "bias": self.bias,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LogisticModel:
        """Read what `to_json` wrote."""
        center, scale, weight = (np.asarray(data[key], dtype=np.float64) for key in ("center", "scale", "weight"))
        return cls(tuple(data["features"]), center, scale, weight, float(data["bias"]))


@dataclass(frozen=True)
class ThreatModels:
    """The models of every threat, at request and at candidate level.

    Attributes:
        request: P(threat) of a request, by threat.
        candidate: P(threat) of one candidate, by threat.
        prevalence: Share of requests that is assumed to carry each threat.
        fitted_on: Where the models come from, for reports.
    """

    request: Mapping[Threat, LogisticModel] = field(default_factory=dict)
    candidate: Mapping[Threat, LogisticModel] = field(default_factory=dict)
    prevalence: float = 0.01
    fitted_on: str = ""

    @cached_property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the models' JSON."""
        return hashlib.sha256(self.dumps().encode()).hexdigest()[:16]

    def dumps(self) -> str:
        """The models as JSON text, keys sorted."""
        data = {
            "schema": SCHEMA,
            "prevalence": self.prevalence,
            "fitted_on": self.fitted_on,
            "request": {t.value: m.to_json() for t, m in self.request.items()},
            "candidate": {t.value: m.to_json() for t, m in self.candidate.items()},
        }
        return json.dumps(data, indent=1, sort_keys=True)

    @classmethod
    def loads(cls, text: str, where: str = "models") -> ThreatModels:
        """Read what `dumps` wrote.

        Raises:
            DataError: Not JSON, another schema, or numbers that no model can hold.
        """
        try:
            data = json.loads(text)
            if data["schema"] != SCHEMA:
                raise DataError(f"{where}: schema {data['schema']}, this version reads {SCHEMA}")
            return cls(
                {Threat(t): LogisticModel.from_json(m) for t, m in data["request"].items()},
                {Threat(t): LogisticModel.from_json(m) for t, m in data["candidate"].items()},
                float(data["prevalence"]),
                str(data["fitted_on"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{where}: not a models file ({type(error).__name__}: {error})") from error

    @classmethod
    def load(cls, path: Path) -> ThreatModels:
        """Read a models file. See `loads`."""
        try:
            return cls.loads(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read ({type(error).__name__}: {error})") from error


@lru_cache(maxsize=1)
def shipped_models() -> ThreatModels:
    """The models that come with the package, fitted on the bundled data set."""
    return ThreatModels.load(SHIPPED)
