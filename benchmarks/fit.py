"""`sentinel-bench fit`: calibrated models for a corpus, from benign traffic and attacks made of its own text.

Nothing under test is read: targets come from `benchmarks.generated`, benign sessions from the fit part of the split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from langchain_core.embeddings import Embeddings

from benchmarks.attacks import ATTACKS, Family
from benchmarks.data import Dataset
from benchmarks.generated import generated
from benchmarks.readings import Reading, Traffic, read
from benchmarks.splits import split
from sentinel.errors import DataError
from sentinel.fitting import Example, feature_names, fit
from sentinel.models import ThreatModels, request_features
from sentinel.vocabulary import Threat

PREVALENCE = 0.01
BENIGN = ("benign", "benign-drilldown", "benign-hard")
Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Part:
    """Which benign sessions may be read: a part of the split, or all."""

    name: str | None
    seed: int

    def sessions(self, traffic: Traffic) -> Traffic:
        """The traffic with only the sessions of this part."""
        if self.name is None:
            return traffic
        parts = split(traffic.sessions, self.seed, traffic.attack.manifest.name)
        kept = [s for s in traffic.sessions if parts[s.id] == self.name]
        return Traffic(traffic.data, traffic.attack, kept, traffic.planted)


def training_traffic(data: Dataset, seed: int, part: str | None = "fit") -> list[Traffic]:
    """Benign sessions of one part of the split, and every attack that can be made from the corpus text.

    Attacks and benign sessions run over the same copy of the corpus, the one that lacks the held-out non-members.
    """
    made = generated(data, seed)
    if not made.membership or not made.poison:
        raise DataError(f"{data.folder}: too few passages that no question needs, to make attacks from")
    benign = [Part(part, seed).sessions(Traffic.of(made, name, seed)) for name in BENIGN]
    attacks = [
        name
        for name in ATTACKS.names()
        if (manifest := ATTACKS.get(name).manifest).family is not Family.BENIGN
        and manifest.threat is not None
        and all(getattr(made, need) for need in manifest.needs)
    ]
    return [*benign, *(Traffic.of(made, name, seed) for name in attacks)]


def request_examples(
    readings: Iterable[Reading], threat: Threat, leave_out: Sequence[str] = ()
) -> list[Example]:
    """Requests as a model of one threat sees them: its attacks against benign traffic.

    Poisoning, injection and jamming come through the corpus: a request carries them if something planted came back
    for it. Attacks of another threat are no examples, neither for nor against.
    """
    examples = []
    for reading in readings:
        if reading.attack in leave_out or reading.threat not in (None, threat):
            continue
        if reading.family is Family.POISONING and not reading.planted.any():
            continue
        features = request_features(reading.profile.signals)
        examples.append(Example(features, reading.threat is threat, reading.attack))
    return examples


def candidate_examples(
    readings: Iterable[Reading], threat: Threat, leave_out: Sequence[str] = ()
) -> list[Example]:
    """Candidates as a model of one threat sees them: planted documents against those that benign questions bring up."""
    examples = []
    for reading in readings:
        if reading.attack in leave_out or reading.threat not in (None, threat) or reading.family is Family.MEMBERSHIP:
            continue
        arrays = {
            name: value for name, value in reading.profile.signals.items() if isinstance(value, np.ndarray)
        }
        for i, planted in enumerate(reading.planted):
            if reading.threat is not None and not planted:
                continue
            features = {name: float(values[i]) for name, values in arrays.items() if np.isfinite(values[i])}
            examples.append(Example(features, bool(planted), reading.attack))
    return examples


def fit_models(
    readings: Sequence[Reading],
    fitted_on: str,
    *,
    prevalence: float = PREVALENCE,
    leave_out: Sequence[str] = (),
    without: Sequence[str] = (),
) -> ThreatModels:
    """Fit the models of every threat that the readings hold examples of.

    Args:
        readings: Benign traffic and attacks.
        fitted_on: Where they come from, for reports.
        prevalence: Share of requests assumed to carry each threat.
        leave_out: Attacks that are not to be learned from.
        without: Signals that are not to be used.
    """
    request: dict[Threat, object] = {}
    candidate: dict[Threat, object] = {}
    for threat in Threat:
        _try(request, threat, request_examples(readings, threat, leave_out), prevalence, without, candidate=False)
        if threat in (Threat.POISONING, Threat.INJECTION, Threat.JAMMING):
            _try(candidate, threat, candidate_examples(readings, threat, leave_out), prevalence, without, candidate=True)
    return ThreatModels(request, candidate, prevalence, fitted_on)  # type: ignore[arg-type]


def _try(
    models: dict[Threat, object],
    threat: Threat,
    examples: Sequence[Example],
    prevalence: float,
    without: Sequence[str],
    *,
    candidate: bool,
) -> None:
    if any(e.positive for e in examples) and not all(e.positive for e in examples):
        models[threat] = fit(examples, feature_names(threat, candidate=candidate, exclude=without), prevalence)


def fit_command(data: Dataset, model: Embeddings, seed: int, part: str | None, report: Report) -> ThreatModels:
    """Fit on a data set's own text. See `training_traffic`."""
    readings = read(training_traffic(data, seed, part), model, seed, report)
    counts: Mapping[str, int] = {name: sum(r.attack == name for r in readings) for name in {r.attack for r in readings}}
    described = ", ".join(f"{counts[name]} {name}" for name in sorted(counts))
    return fit_models(readings, f"{data.name} ({data.hash}), seed {seed}: requests of {described}")
