"""What a defense does to an attack: what it leaves of the attacker's success, and what it takes from the victims."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.alone import OnlyPolicy
from benchmarks.attacks import Family
from benchmarks.metrics import METRICS, Cell
from benchmarks.readings import OVERFETCH, K
from benchmarks.samples import Sample
from benchmarks.staged import Staged
from defenses import DEFENSES
from strategist.calibration import BY_CLIENT, Outcome

Candidate = tuple[str, Mapping[str, object]]
"""A defense and its parameters."""


class Effect(NamedTuple):
    """One defense, on for every request of one attack.

    Attributes:
        residual: What it leaves of the attack's success, in [0, 1]; None for one that is not for the threat, or for an
            attack without success.
        toll: What it takes from those whom the attack is aimed at, a share of their good passages; None for attacks by
            clients, who have no victims among who asks.
        stopped: Of an attack through the corpus, for each session that it succeeds in undefended, whether it fails
            there with this defense; None where nothing is left to say by session.
    """

    residual: float | None
    toll: float | None
    stopped: tuple[bool, ...] | None = None


def as_text(name: str, parameters: Mapping[str, object]) -> str:
    """A defense with its parameters as `OnlyPolicy` reads it."""
    return " ".join([name, *(f"{key}={json.dumps(value)}" for key, value in parameters.items())])


def effects(staged: Staged, candidates: Sequence[Candidate]) -> list[Effect]:
    """What each candidate does alone.

    What a defense does in sessions that it fails in is not known: it leaves all of the attack if it fails in all.
    """
    threat = staged.traffic.attack.manifest.threat
    undefended = staged.samples(OnlyPolicy(), senses=False)
    before = success(staged, undefended)
    poisoned = staged.traffic.attack.manifest.family is Family.POISONING
    met = [i for i, sample in enumerate(undefended) if poisoned and success(staged, [sample])]
    found: list[Effect] = []
    for name, parameters in candidates:
        manifest = DEFENSES.get(name).manifest
        against = threat in manifest.threats and bool(before)
        # A defense of documents is chosen for one attack and strikes the victims of another.
        aside = threat not in BY_CLIENT and not BY_CLIENT.issuperset(manifest.threats)
        if not against and not aside:
            found.append(Effect(None, None))
            continue
        samples = staged.samples(OnlyPolicy(defenses=(as_text(name, parameters),)))
        left = None
        if against and before:
            after = success(staged, samples)
            left = 1.0 if after is None else min(1.0, max(0.0, after / before))
        fails = tuple(success(staged, [samples[i]]) == 0.0 for i in met) if against and poisoned else None
        found.append(Effect(left, toll(staged, samples) if aside else None, fails))
    return found


def success(staged: Staged, samples: Sequence[Sample]) -> float | None:
    """Exposure of planted documents, or how far members are told from non-members beyond chance; None if unknown."""
    cell = Cell([s for s in samples if s.error is None], {}, {})
    if staged.traffic.attack.manifest.family is Family.POISONING:
        return METRICS.get("exposure_rate")().compute(cell).value
    value = METRICS.get("auc")().compute(cell).value
    return None if value is None else 2.0 * value - 1.0


def toll(staged: Staged, samples: Sequence[Sample]) -> float:
    """Share of the good passages that an attack's victims lose by the defense and not by the attack, in [0, 1].

    Counted against what there would be without the planted documents; while one of them is still served, against what
    they leave undefended. An error loses everything.

    Args:
        staged: An attack through the corpus.
        samples: All its sessions, in order.
    """
    lost: list[float] = []
    planted = staged.world.planted
    for session, requests, sample in zip(staged.traffic.sessions, staged.requests, samples, strict=True):
        for turn, (ask, request) in enumerate(zip(session.asks, requests, strict=True)):
            fetched = staged.source.fetch(request.query, staged.source.embed(request.query), K * OVERFETCH, {})
            clean = [str(c.document.id) for c in fetched if str(c.document.id) not in planted][: request.k]
            gold = ask.gold or frozenset(clean)
            reachable = len(gold.intersection(clean))
            if not reachable:
                continue
            served = set(sample.served[turn]) if sample.error is None else set()
            due = reachable if planted.keys().isdisjoint(served) else len(gold.intersection(staged.undefended(request)))
            lost.append(max(0, due - len(gold.intersection(served))) / reachable)
    return sum(lost) / len(lost) if lost else 0.0


def outcomes(found: Sequence[Effect], counted: Sequence[float]) -> tuple[Outcome, ...]:
    """An attack's sessions in groups that every candidate fares alike with.

    Args:
        found: What each candidate does.
        counted: How much of what each seems to stop is counted on, in [0, 1].
    """
    told = {i: effect.stopped for i, effect in enumerate(found) if effect.stopped}
    if not told:
        return ()
    groups = Counter(
        tuple(i for i, stopped in told.items() if stopped[session]) for session in range(len(next(iter(told.values()))))
    )
    total = groups.total()
    return tuple(
        Outcome(share=round(count / total, 6), left={i: round(1.0 - counted[i], 6) for i in group})
        for group, count in sorted(groups.items())
    )
