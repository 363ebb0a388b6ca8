"""`sentinel-bench fit`: calibrated models for a corpus, from benign traffic and attacks made of its own text.

Nothing under test is read: targets come from `benchmarks.generated`, benign sessions from the fit part of the split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from langchain_core.embeddings import Embeddings

from benchmarks.attacks import ATTACKS, Family, rng
from benchmarks.data import Dataset, Query
from benchmarks.generated import BENIGN, benign_sessions, generated
from benchmarks.readings import Reading, Traffic, read
from benchmarks.splits import split
from sentinel.errors import DataError
from sentinel.fitting import CANDIDATE_KNEE, Example, feature_names, fit
from sentinel.models import SUSPECT, SurpriseModel, candidate_values, request_features
from sentinel.threat_models import ThreatModels
from sentinel.vocabulary import Threat

PREVALENCE = 0.01
SHARES = {"benign": 0.6, "benign-drilldown": 0.3, "benign-hard": 0.1}
"""Benign traffic as fitting mixes it; the hard kind is rare, and a stress test rather than a sample."""
GOLD, CLEAN = "gold", "clean"
"""Kinds of honest candidates: those that answer the question, and the others; they weigh alike."""
SKIPPED = ("interrogation-slow", "interrogation-sybil", "interrogation-open")
"""Forms of an attack that is there already, with many more requests; the open one is a drill-down by construction."""
SERIES_FROM = 2
"""0-based turn from which on a series of questions can be called one."""
ASKED = "asked-"
"""Before the id of a session whose questions poisonings are made for."""
MOST_SERIES = 60
"""Sessions of an attack that asks many questions: its requests resemble each other, and there would be thousands."""
THROUGH_THE_CORPUS = (Threat.POISONING, Threat.INJECTION, Threat.JAMMING)
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


def benign_traffic(data: Dataset, made: Dataset, name: str, part: str | None, seed: int) -> Traffic:
    """Benign sessions of a data set, of one part of the split or all, asked of its copy with generated targets."""
    every = Traffic.of(data, name, seed)
    kept = {session.id for session in Part(part, seed).sessions(every).sessions}
    sessions = [s for s in benign_sessions(data, made, name, seed) if s.id in kept]
    return replace(every, data=made, sessions=sessions)


def training_traffic(data: Dataset, seed: int, part: str | None = "fit") -> list[Traffic]:
    """Benign sessions of one part of the split, and every attack that can be made from the corpus text.

    Attacks and benign sessions run over the same copy of the corpus, the one that lacks the held-out non-members.
    Beside the benign sessions stand the questions that the poisonings are made for, asked of the clean corpus: few as
    the sessions of a part may be, what is usual has to be known, and no question's form can then give its poison away.
    """
    made = generated(data, seed)
    if not made.membership or not made.poison:
        raise DataError(f"{data.folder}: too few passages that no question needs, to make attacks from")
    benign = [benign_traffic(data, made, name, part, seed) for name in BENIGN]
    attacks = [
        name
        for name in ATTACKS.names()
        if (manifest := ATTACKS.get(name).manifest).family is not Family.BENIGN
        and manifest.threat is not None
        and name not in SKIPPED
        and not manifest.run_only
        and all(getattr(made, need) for need in manifest.needs)
    ]
    return [*benign, _asked(made, seed), *(_some(Traffic.of(made, name, seed), seed) for name in attacks)]


def _some(traffic: Traffic, seed: int) -> Traffic:
    """Of an attack that asks a series of questions, `MOST_SERIES` sessions, as many members as others."""
    if max((len(s.asks) for s in traffic.sessions), default=0) == 1 or len(traffic.sessions) <= MOST_SERIES:
        return traffic
    draw = rng(seed, "fit", traffic.attack.manifest.name)
    kinds = [[s for s in traffic.sessions if bool(s.member) is member] for member in (True, False)]
    chosen = {s.id for kind in kinds for s in draw.sample(kind, min(len(kind), MOST_SERIES // 2))}
    return replace(traffic, sessions=[s for s in traffic.sessions if s.id in chosen])


def _asked(made: Dataset, seed: int) -> Traffic:
    """The questions that poisonings are made for, as benign sessions."""
    queries = tuple(Query(target.query_id, target.question, target.gold) for target in made.poison)
    traffic = Traffic.of(replace(made, queries=queries), "benign", seed)
    return replace(traffic, data=made, sessions=[replace(s, id=ASKED + s.id) for s in traffic.sessions])


def request_examples(
    readings: Iterable[Reading], threat: Threat, leave_out: Sequence[str] = (), suspects: SurpriseModel | None = None
) -> list[Example]:
    """Requests as a model of one threat sees them: its attacks against benign traffic.

    Poisoning, injection and jamming come through the corpus: a request carries them if something planted for it came
    back. Attacks of another threat are no examples, neither for nor against. Of an interrogation the first questions
    are none either: nothing tells them from honest ones yet.

    Args:
        readings: Benign traffic and attacks.
        threat: What to look for.
        leave_out: Attacks that are not to be learned from.
        suspects: The threat's model of candidates, whose largest log-odds requests read.
    """
    examples = []
    for reading in readings:
        if reading.attack in leave_out or reading.threat not in (None, threat):
            continue
        if reading.family is Family.POISONING and not reading.aimed.any():
            continue
        if reading.attack.startswith("interrogation") and reading.turn < SERIES_FROM:
            continue
        features = request_features(reading.profile.signals)
        if suspects is not None and len(reading.planted):
            table = candidate_values(suspects.features, reading.profile.signals, len(reading.planted))
            features[threat.value + SUSPECT] = float(suspects.log_odds(table).max())
        examples.append(Example(features, reading.threat is threat, reading.attack))
    return examples


def candidate_examples(readings: Iterable[Reading], threat: Threat, leave_out: Sequence[str] = ()) -> list[Example]:
    """Candidates as a model of one threat sees them: those planted for the question against what benign ones bring up.

    What was planted for another question and came up by chance is no example: it is neither honest nor aimed.
    """
    examples = []
    for reading in readings:
        if reading.attack in leave_out or reading.threat not in (None, threat) or reading.family is Family.MEMBERSHIP:
            continue
        arrays = {name: value for name, value in reading.profile.signals.items() if isinstance(value, np.ndarray)}
        for i, aimed in enumerate(reading.aimed):
            if reading.threat is not None and not aimed:
                continue
            features = {name: float(values[i]) for name, values in arrays.items() if np.isfinite(values[i])}
            kind = reading.attack if aimed else GOLD if reading.gold[i] else CLEAN
            examples.append(Example(features, bool(aimed), kind))
    return examples


def fit_models(
    readings: Sequence[Reading],
    fitted_on: str,
    *,
    prevalence: float = PREVALENCE,
    leave_out: Sequence[str] = (),
    without: Sequence[str] = (),
    threats: Iterable[Threat] = Threat,
) -> ThreatModels:
    """Fit the models of every threat that the readings hold examples of.

    Args:
        readings: Benign traffic and attacks.
        fitted_on: Where they come from, for reports.
        prevalence: Share of requests assumed to carry each threat.
        leave_out: Attacks that are not to be learned from.
        without: Signals that are not to be used.
        threats: The threats to fit models for.
    """
    request: dict[Threat, SurpriseModel] = {}
    candidate: dict[Threat, SurpriseModel] = {}
    for threat in threats:
        features = feature_names(threat, candidate=False, exclude=without)
        if threat in THROUGH_THE_CORPUS:
            examples = candidate_examples(readings, threat, leave_out)
            names = feature_names(threat, candidate=True, exclude=without)
            if _fittable(examples, names):
                candidate[threat] = fit(examples, names, prevalence, knee=CANDIDATE_KNEE)
            # What candidates show, requests read off their worst one; beside it only what the query itself shows.
            features = [n for n in features if ":" not in n] + [threat.value + SUSPECT]
        examples = request_examples(readings, threat, leave_out, candidate.get(threat))
        if _fittable(examples, features):
            request[threat] = fit(examples, features, prevalence, shares=SHARES, isotonic=True)
    return ThreatModels(request, candidate, prevalence, fitted_on)


def _fittable(examples: Sequence[Example], features: Sequence[str]) -> bool:
    """Whether there are examples of both kinds, and any of the features was measured at all."""
    both = any(e.positive for e in examples) and not all(e.positive for e in examples)
    return both and any(name in e.features for e in examples for name in features)


def fit_command(data: Dataset, model: Embeddings, seed: int, part: str | None, report: Report) -> ThreatModels:
    """Fit on a data set's own text. See `training_traffic`."""
    readings = read(training_traffic(data, seed, part), model, seed, report)
    counts = Counter(r.attack for r in readings)
    described = ", ".join(f"{counts[name]} {name}" for name in sorted(counts))
    benign = f"the {part} part of the benign sessions" if part else "all benign sessions"
    return fit_models(readings, f"{data.name} ({data.hash}), seed {seed}, {benign}: requests of {described}")
