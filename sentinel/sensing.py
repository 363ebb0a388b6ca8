"""The Sentinel: measures every signal that can be measured and says P(threat), with reasons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sentinel.corpus import CorpusProfile
from sentinel.evidence import Evidence
from sentinel.manifest import Stage
from sentinel.models import SUSPECT, SurpriseModel, request_features
from sentinel.profile import Reason, RiskProfile
from sentinel.signals import SIGNALS, Measurement, Signal
from sentinel.threat_models import ThreatModels, shipped_models
from sentinel.vocabulary import Threat

REASON_WEIGHT = 0.5
"""Contributions to the log-odds below this are not worth a sentence."""


class Sentinel:
    """Senses in two stages: `query` before anything is retrieved, `context` when the candidates are there.

    Stateless after construction: one instance serves all threads. `names` are the signals that it measures, sorted.

    Args:
        signals: The signals to measure; None for all that are registered.
        models: From signals to probabilities; None for the shipped ones.
        corpus: Statistics of the corpus; None leaves the signals that need them missing.
    """

    def __init__(
        self,
        signals: Sequence[Signal] | None = None,
        models: ThreatModels | None = None,
        corpus: CorpusProfile | None = None,
    ) -> None:
        if signals is None:
            signals = [SIGNALS.get(name)() for name in SIGNALS.names()]
        self._early = [(s.manifest.name, s) for s in signals if s.manifest.stage is Stage.QUERY]
        self._late = [(s.manifest.name, s) for s in signals if s.manifest.stage is not Stage.QUERY]
        self._by_name = {s.manifest.name: s for s in signals}
        self.names = sorted(self._by_name)
        self.models = shipped_models() if models is None else models
        self.corpus = corpus

    def sense_query(self, evidence: Evidence) -> RiskProfile:
        """Measure what the query alone tells. Probabilities rest on these signals only."""
        return self._sense(evidence, self._early, RiskProfile())

    def sense_context(self, evidence: Evidence, before: RiskProfile) -> RiskProfile:
        """Measure what the candidates add, on top of the query stage's profile."""
        return self._sense(evidence, self._late, before)

    def _sense(self, evidence: Evidence, signals: Sequence[tuple[str, Signal]], before: RiskProfile) -> RiskProfile:
        measured: dict[str, Measurement] = dict(before.signals)
        failed: dict[str, str] = dict(before.failed)
        count = len(evidence.candidates)
        for name, signal in signals:
            try:
                measured[name] = _checked(signal, signal.measure(evidence), count)
            except Exception as error:  # a signal that fails is missing, visibly; it never takes a request down
                measured[name] = None
                failed[name] = type(error).__name__
        features = request_features(measured)
        reasons: list[Reason] = []
        suspicion: dict[Threat, NDArray[np.float64]] = {}
        for threat, model in self.models.candidate.items() if evidence.candidates else ():
            contributed = model.candidate_shares(measured, features, count)
            if contributed is None:
                continue
            odds = model.odds_of(contributed.sum(axis=1) + model.unmeasured(measured))
            worst = int(np.argmax(odds))
            suspicion[threat] = 1.0 / (1.0 + np.exp(-odds))
            features[threat.value + SUSPECT] = float(odds[worst])
            reasons += self._reasons(threat, model, contributed[worst].tolist(), measured, evidence)
        probabilities: dict[Threat, float] = {}
        for threat, model in self.models.request.items():
            shares = model.shares(features)
            if shares is None:
                continue  # nothing of it was measured: not evaluated, which is not "clean"
            if not any(shares):
                probabilities[threat] = model.unsurprised
                continue
            probabilities[threat] = float(1.0 / (1.0 + np.exp(-model.odds_of(np.array(shares).sum()))))
            reasons += self._reasons(threat, model, shares, measured, evidence)
        reasons.sort(key=lambda reason: -reason.weight)
        return RiskProfile(measured, probabilities, suspicion, tuple(reasons), failed)

    def _reasons(
        self,
        threat: Threat,
        model: SurpriseModel,
        contributed: Sequence[float],
        measured: Mapping[str, Measurement],
        evidence: Evidence,
    ) -> list[Reason]:
        if max(contributed, default=0.0) < REASON_WEIGHT:
            return []
        weights: dict[str, float] = {}
        for feature, weight in zip(model.features, contributed, strict=True):
            if weight >= REASON_WEIGHT:
                name = feature.partition(":")[0]
                weights[name] = weights.get(name, 0.0) + weight
        return [
            Reason(threat, name, weight, _in_words(self._by_name[name], evidence, measured[name]))
            for name, weight in weights.items()
            if name in self._by_name
        ]


def needed_signals(models: ThreatModels, also: Iterable[str] = ()) -> list[Signal]:
    """One of each registered signal that somebody reads; the others would cost time on every request for nobody.

    Args:
        models: What makes probabilities of them.
        also: Names of more, for whoever looks at raw measurements.

    Raises:
        ConfigurationError: A name in `also` is unknown.
    """
    names = models.signals.intersection(SIGNALS.names()).union(also)
    return [SIGNALS.get(name)() for name in sorted(names)]


def _in_words(signal: Signal, evidence: Evidence, measurement: Measurement) -> str:
    try:
        return signal.reason(evidence, measurement)
    except Exception:  # the measurement stands; a sentence that cannot be said takes no request down
        return Signal.reason(signal, evidence, measurement)


def _checked(signal: Signal, value: Measurement, candidates: int) -> Measurement:
    """Infinity is no measurement; an array of the wrong length is a fault of the signal."""
    if value is None:
        return None
    if signal.manifest.per_candidate:
        array = np.array(value, dtype=np.float64)  # a copy: signals may share what they hand out
        if array.shape != (candidates,):
            raise ValueError(f"{signal.manifest.name} gave shape {array.shape} for {candidates} candidates")
        if not math.isfinite(sum(array.tolist())):
            array[~np.isfinite(array)] = np.nan
        return array
    if type(value) is float:
        return value if math.isfinite(value) else None
    return float(value) if np.isfinite(value) else None
