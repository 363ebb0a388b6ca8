"""What the Sentinel says of one request: raw signals, probabilities, suspicion by candidate, and why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinel.signals import Measurement, peak
from sentinel.vocabulary import Threat


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a threat was given its probability.

    Attributes:
        threat: What it speaks for.
        signal: The signal that was measured.
        weight: What it contributes to the log-odds at most; larger counts more.
        text: The measurement in words that hold no user text.
    """

    threat: Threat
    signal: str
    weight: float
    text: str


@dataclass(frozen=True, slots=True)
class RiskProfile:
    """The Sentinel's reading of one request.

    Attributes:
        signals: Every raw measurement by signal name; None or NaN where it is missing.
        probabilities: P(threat) for the request, in [0, 1]; a threat that nobody evaluated is absent, not 0.
        suspicion: P(threat) for each candidate, arrays of shape (n,) in candidate order.
        reasons: What weighs most, heaviest first.
        failed: Signals that raised, with the error's type; their measurement is missing.
    """

    signals: Mapping[str, Measurement] = field(default_factory=dict)
    probabilities: Mapping[Threat, float] = field(default_factory=dict)
    suspicion: Mapping[Threat, NDArray[np.float64]] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)

    def peak(self, signal: str) -> float:
        """Largest value of a signal over the request; NaN if it is missing, so that no comparison holds."""
        return peak(self.signals.get(signal))

    def suspicion_of(self, position: int, threats: Iterable[Threat]) -> float:
        """The highest suspicion of one candidate over some threats, in [0, 1]; NaN where nobody evaluated it."""
        found = [s[position] for t in threats if (s := self.suspicion.get(t)) is not None and position < len(s)]
        return max((float(value) for value in found if value == value), default=math.nan)

    def record(self) -> dict[str, Any]:
        """The profile as plain JSON values (no user text), for decision records."""
        return {
            "probabilities": {t.value: round(p, 6) for t, p in self.probabilities.items()},
            "suspicion": {t.value: [round(float(p), 6) for p in s] for t, s in self.suspicion.items()},
            "signals": {name: _plain(value) for name, value in self.signals.items()},
            "reasons": [[r.threat.value, r.signal, round(r.weight, 3), r.text] for r in self.reasons],
            "failed": dict(self.failed),
        }


def _plain(value: Measurement) -> float | list[float | None] | None:
    if value is None or isinstance(value, (float, int)):
        return None if value is None or not np.isfinite(value) else round(float(value), 6)
    return [round(float(v), 6) if np.isfinite(v) else None for v in value]
