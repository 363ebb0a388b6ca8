"""How an attacker searches who knows every signal and defense: forms of an attack, tried on targets of his own.

A form is one value in each of several dimensions; the first value of each is what the plain attack does. The search
changes one dimension at a time and keeps what gets through best, among the forms that would still work undefended.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from benchmarks.attacks import Attack, Family, rng
from benchmarks.data import Dataset
from benchmarks.samples import Sample
from benchmarks.statistics import bins

PER_TARGET = 200
"""Queries that the search may ask of the policy about any one target."""
KEPT = 0.9
"""A form is one of the attack only if it keeps this share of what the plain one gets undefended."""
CONFIRMED = 100
"""Targets that a form has to work on undefended before it is taken."""
ROUNDS = 2
"""Times that every dimension is gone through."""

Form = Mapping[str, Any]


class Oracle(Protocol):
    """What the attacker may ask: the policy, and no policy, over a corpus whose targets he chose himself."""

    @property
    def data(self) -> Dataset:
        """That corpus; its targets are none of those under test."""

    def left(self, target: str) -> int:
        """Queries of the policy that may still be asked about a target."""

    def asks(self, attack: Attack) -> Mapping[str, int]:
        """Queries that an attack takes, by target."""

    def outcomes(self, attack: Attack, targets: Collection[str], *, defended: bool) -> list[Sample]:
        """Run an attack on some of the targets; only queries of the policy count."""


@dataclass(frozen=True)
class Trial:
    """One form that was tried.

    Attributes:
        form: Its values.
        undefended: Its success against no defense, as a share of what the plain form gets on the same targets.
        success: Its success against the policy; None where it does not work undefended and was not tried.
        targets: On how many targets.
    """

    form: Form
    undefended: float
    success: float | None
    targets: int


class AdaptiveAttack(Attack):
    """An attack in one of many forms.

    Args:
        form: Values of the dimensions; those that are not named are the plain attack's.
    """

    dimensions: ClassVar[Mapping[str, tuple[Any, ...]]]
    """Possible values, the plain attack's first."""
    sample: ClassVar[int] = 48
    """Targets that a form is tried on."""

    def __init__(self, form: Form | None = None) -> None:
        self.form: Form = {name: values[0] for name, values in self.dimensions.items()} | dict(form or {})

    @abstractmethod
    def targets(self, data: Dataset) -> list[tuple[str, bool | None]]:
        """What can be attacked, each with whether it is a member, if it can be one."""

    def tuned(self, oracle: Oracle, seed: int) -> tuple[Self, list[Trial]]:
        """The form that gets most out of the policy behind the oracle, and what was tried on the way."""
        return _search(self, oracle, seed)


def success(samples: Sequence[Sample], family: Family) -> float:
    """What an attack got, 0 being nothing: 2 auc - 1 of its scores, or the share of targets exposed."""
    done = [s for s in samples if s.error is None]
    if family is Family.POISONING:
        return float(np.mean([s.values.get("exposed") or 0.0 for s in done])) if done else 0.0
    scored = [(float(s.values["score"] or 0.0), bool(s.member)) for s in done if s.values.get("score") is not None]
    scores, members = np.array([score for score, _ in scored]), np.array([member for _, member in scored], dtype=bool)
    if not members.any() or members.all():
        return 0.0
    # Not oriented: a form that tells members upside down by chance is no find.
    positives, negatives = bins(scores, members)
    area = float((positives * (np.cumsum(negatives) - negatives / 2)).sum() / (positives.sum() * negatives.sum()))
    return max(0.0, 2 * area - 1)


def _search(attack: Any, oracle: Oracle, seed: int) -> tuple[Any, list[Trial]]:
    family = attack.manifest.family
    draw = rng(seed, "search", attack.manifest.name)
    plain = type(attack)()
    order = _dealt(attack.targets(oracle.data), draw)
    trials: dict[tuple[Any, ...], Trial] = {}
    turn = 0

    def tried(form: Form) -> Trial | None:
        nonlocal turn
        key = tuple(form[name] for name in attack.dimensions)
        if key in trials:
            return trials[key]
        candidate = type(attack)(form)
        chosen = _next(order, turn, candidate, oracle)
        if len(chosen) < min(attack.sample, len(order)) // 2 or not chosen:
            return None
        turn += len(chosen)
        before = success(oracle.outcomes(plain, chosen, defended=False), family)
        now = success(oracle.outcomes(candidate, chosen, defended=False), family)
        kept = now / before if before else 0.0
        got = success(oracle.outcomes(candidate, chosen, defended=True), family) if kept >= KEPT else None
        trials[key] = Trial(form, kept, got, len(chosen))
        return trials[key]

    best = tried(plain.form)  # the plain form keeps everything by definition
    for _ in range(ROUNDS):
        for name in draw.sample(sorted(attack.dimensions), len(attack.dimensions)):
            for value in attack.dimensions[name]:
                trial = tried({**(best.form if best else plain.form), name: value})
                if trial and trial.success is not None and (best is None or trial.success > (best.success or 0.0)):
                    best = trial
    # The trial that came out best of many has had luck: what it still gets undefended is looked at once more.
    again = order[:CONFIRMED]
    before = success(oracle.outcomes(plain, again, defended=False), family)
    for trial in sorted((t for t in trials.values() if t.success is not None), key=lambda t: -(t.success or 0.0)):
        found = type(attack)(trial.form)
        if success(oracle.outcomes(found, again, defended=False), family) >= KEPT * before:
            return found, list(trials.values())
    return plain, list(trials.values())


def _dealt(targets: Sequence[tuple[str, bool | None]], draw: Any) -> list[str]:
    """All targets at random, members and others in turn."""
    mixed = draw.sample(list(targets), len(targets))
    members = [key for key, member in mixed if member]
    others = [key for key, member in mixed if not member]
    if not members:
        return others
    return [key for pair in zip(members, others, strict=False) for key in pair]


def _next(order: Sequence[str], turn: int, candidate: AdaptiveAttack, oracle: Oracle) -> list[str]:
    """The next targets in turn that may still be asked about as often as this form does."""
    asks = oracle.asks(candidate)
    rotated = [*order[turn % len(order) :], *order[: turn % len(order)]] if order else []
    free = [key for key in rotated if oracle.left(key) >= asks.get(key, PER_TARGET + 1)]
    return free[: candidate.sample]
