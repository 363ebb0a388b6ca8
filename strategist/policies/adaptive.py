"""The default: for each request the defenses that are worth their cost, by what was measured on the corpus."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import product
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializeAsAny

from defenses import DEFENSES, DefenseManifest
from sentinel.errors import ConfigurationError
from sentinel.manifest import Need
from sentinel.profile import RiskProfile
from sentinel.signals import SIGNALS
from sentinel.vocabulary import Request, Threat
from strategist.calibration import BY_CLIENT, Calibration, Option, Outcome, shipped_calibration
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import Policy, PolicyManifest

MOST_PLANS = 100_000
MEASURED = frozenset({Need.VECTORS, Need.CORPUS_PROFILE, Need.HISTORY})
"""Needs whose being met shows in what was measured of a request."""
READS: Mapping[str, frozenset[Need]] = {"suspicion_filter": frozenset({Need.CORPUS_PROFILE})}
"""Without a corpus profile half of what suspicion rests on is missing; what was measured of it does not hold then."""
ACTS_FROM: Mapping[str, str] = {"suspicion_filter": "threshold", "cluster_filter": "suspicion"}
"""By defense the parameter that says from which suspicion of a candidate on it does anything at all."""
TRUST_BOUNDS = (0.02, 0.98)


@dataclass(frozen=True)
class Plans:
    """Sets of options that may be chosen, with what each leaves and costs; at most one strength of a defense.

    Attributes:
        chosen: The options' indices of each plan; the first plan is empty.
        holds: Which options each plan holds, shape (plans, options), 0 or 1.
        residual: What is left of each attack's success, shape (plans, attacks), in [0, 1].
        milliseconds: The sum of its options', shape (plans,).
        attacks: The columns of `residual`: the attacks of each threat, one threat after the other.
        against: Which threats each option is for, shape (options, threats).
    """

    chosen: tuple[tuple[int, ...], ...]
    holds: NDArray[np.float64]
    residual: NDArray[np.float64]
    milliseconds: NDArray[np.float64]
    attacks: Mapping[Threat, tuple[str, ...]]
    against: NDArray[np.bool_]

    @classmethod
    def of(cls, calibration: Calibration) -> Plans:
        """Enumerate the plans.

        Of several defenses against one attack the best counts: group by group of its sessions where these are known
        (`Calibration.together`), so that two that stop different ones add up; else as if the others saw nothing that
        the best does not see.

        Raises:
            ConfigurationError: More than `MOST_PLANS` of them.
        """
        groups: dict[str, list[int]] = {}
        for index, option in enumerate(calibration.options):
            groups.setdefault(option.name, []).append(index)
        total = math.prod(len(group) + 1 for group in groups.values())
        if total > MOST_PLANS:
            raise ConfigurationError(f"{len(calibration.options)} options make {total:,} plans; {MOST_PLANS:,} at most")
        chosen = tuple(
            tuple(i for i in picked if i is not None) for picked in product(*([None, *g] for g in groups.values()))
        )
        attacks = calibration.attacks()
        holds = np.zeros((len(chosen), len(calibration.options)))
        for row, picked in enumerate(chosen):
            holds[row, list(picked)] = 1.0
        names = [(threat, name) for threat, known in attacks.items() for name in known]
        left = np.ones((len(chosen), len(names)))
        for option, found in zip(calibration.options, holds.T, strict=True):
            shares = np.array([option.residual.get(threat, {}).get(name, 1.0) for threat, name in names])
            np.minimum(left, shares, out=left, where=found[:, None] > 0.0)
        for column, (threat, name) in enumerate(names):
            if sessions := calibration.together.get(threat, {}).get(name):
                left[:, column] = _left_together(sessions, holds)
        times = np.array([o.milliseconds for o in calibration.options])
        against = np.array([[t in o.residual for t in attacks] for o in calibration.options], dtype=bool)
        return cls(chosen, holds, left, holds @ times, attacks, against)

    def useful(self) -> Plans:
        """Without the plans that lose to a part of their own, whatever is feared and whatever a lost share costs.

        Such a plan leaves no less of any attack without one of its options, and costs and milliseconds are sums of
        what no option has below zero. One option less is enough to look at: what leaves nothing less without two of
        them leaves nothing less without one.
        """
        place = {picked: row for row, picked in enumerate(self.chosen)}
        rows = [
            row
            for row, picked in enumerate(self.chosen)
            if all(
                (self.residual[place[tuple(i for i in picked if i != gone)]] > self.residual[row]).any()
                for gone in picked
            )
        ]
        return replace(
            self,
            chosen=tuple(self.chosen[row] for row in rows),
            holds=self.holds[rows],
            residual=self.residual[rows],
            milliseconds=self.milliseconds[rows],
        )


def _left_together(groups: Sequence[Outcome], holds: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each plan leaves of an attack, shape (plans,)."""
    found = np.zeros(len(holds))
    for group in groups:
        left = np.ones(len(holds))
        for option, share in group.left.items():
            np.minimum(left, share, out=left, where=holds[:, option] > 0.0)
        found += group.share * left
    return found


@lru_cache(maxsize=16)
def _plans(calibration_json: str) -> Plans:
    return Plans.of(Calibration.loads(calibration_json)).useful()


@dataclass(frozen=True, eq=False)
class Objective:
    """What each plan is worth, as far as no request changes it. The rest is one product of a matrix and a vector.

    Attributes:
        plans: What may be chosen.
        weights: What P of each attack and the cost of each option weigh, shape (plans, attacks + options).
        waiting: What the milliseconds weigh, shape (plans,).
        curves: For each option the columns of the threats that it is for, whether its cost falls on requests that are
            no attack alone, and this cost over log-odds of P.
        needs: What each option needs of `MEASURED`.
        floors: The suspicion that a candidate must exceed for any strength of each option's defense to do anything.
            Of one strength among several it is no matter that it would be idle: which of them is right for a P was
            measured as it stands, and forced to the next lower one, benign users would pay for it.
        mixture: For each threat its attacks' shares over log-odds of P; nothing where they weigh alike.
    """

    plans: Plans
    weights: NDArray[np.float64]
    waiting: NDArray[np.float64]
    curves: tuple[tuple[list[int], bool, list[float], list[float]], ...]
    needs: tuple[frozenset[Need], ...]
    floors: tuple[float, ...]
    mixture: tuple[tuple[tuple[list[float], list[float]], ...], ...]
    _barred: dict[tuple[frozenset[Need], int], NDArray[np.float64]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, calibration: Calibration, plans: Plans, price: float, severity: Mapping[Threat, float], latency: float
    ) -> Objective:
        """Put the parts together; see `AdaptivePolicy` for what they mean."""
        names = [(threat, name) for threat, known in plans.attacks.items() for name in known]
        severe = [severity.get(threat, 1.0) for threat, _ in names]
        taken = np.array([[o.toll.get(t, {}).get(name, 0.0) for t, name in names] for o in calibration.options])
        # What two of them take together is at most the sum.
        tolls = np.minimum(plans.holds @ taken.reshape(-1, len(names)), 1.0)
        curves = tuple(
            (np.flatnonzero(against).tolist(), _spares_the_threatened(option), *_over_odds(option.cost))
            for option, against in zip(calibration.options, plans.against, strict=True)
        )
        prices = np.array([price * calibration.rate(option.origin) for option in calibration.options])
        weights = np.hstack([plans.residual * severe + tolls, plans.holds * prices])
        mixture = tuple(
            tuple(_over_odds(calibration.mixture.get(threat, {}).get(name, ())) for name in names)
            for threat, names in plans.attacks.items()
        )
        least: dict[str, float] = {}
        for option in calibration.options:
            least[option.name] = min(_floor(option), least.get(option.name, math.inf))
        needs, floors = tuple(map(_needs, calibration.options)), tuple(least[o.name] for o in calibration.options)
        return cls(plans, weights, latency * plans.milliseconds, curves, needs, floors, mixture)

    def least(
        self, risk: list[float], unmet: frozenset[Need] = frozenset(), suspected: float = math.inf
    ) -> tuple[int, ...]:
        """The options of the best plan; of equally good ones the first, so that nothing is chosen for nothing.

        Args:
            risk: P of each of the plans' threats.
            unmet: What this request lacks; options that need it are out of the question.
            suspected: The highest suspicion of a candidate; defenses that would leave all of them are out of it too.
        """
        found = self.weights @ np.array(self.spread(risk) + self.costs(risk)) + self.waiting
        acting = bisect_left(self._levels, suspected)
        if unmet or acting < len(self._levels):
            found = found + self._without(unmet, acting)
        return self.plans.chosen[int(found.argmin())]

    @cached_property
    def _levels(self) -> list[float]:
        return sorted({floor for floor in self.floors if floor > 0.0})

    def _without(self, unmet: frozenset[Need], acting: int) -> NDArray[np.float64]:
        """Infinity for each plan with an option that has an unmet need or a floor that nothing exceeds."""
        if (unmet, acting) not in self._barred:
            idle = frozenset(self._levels[acting:])
            useless = [not unmet.isdisjoint(n) or f in idle for n, f in zip(self.needs, self.floors, strict=True)]
            barred = self.plans.holds[:, np.array(useless, dtype=bool)].any(axis=1)
            self._barred[unmet, acting] = np.where(barred, np.inf, 0.0)
        return self._barred[unmet, acting]

    def spread(self, risk: Sequence[float]) -> list[float]:
        """P of each attack: that of its threat, by the shares that attacks have of requests that look like this one."""
        found: list[float] = []
        for probability, curves in zip(risk, self.mixture, strict=True):
            odds = _logit(min(max(probability, 1e-9), 1.0 - 1e-9))
            shares = [_between(odds, *points) for points in curves]
            total = sum(shares)
            if total > 0.0:
                found += [probability * share / total for share in shares]
            else:
                found += [probability / len(shares)] * len(shares)
        return found

    def costs(self, risk: Sequence[float]) -> list[float]:
        """What each option is expected to take from a benign user with this request; without points, nothing."""
        found = []
        known: dict[float, float] = {}  # many options are for the same threats
        for against, spared, places, costs in self.curves:
            worst = max([risk[threat] for threat in against], default=0.0)
            odds = known.get(worst)
            if odds is None:
                odds = known[worst] = _logit(min(max(worst, 1e-9), 1.0 - 1e-9))
            honest = 1.0 - worst if spared else 1.0
            found.append(honest * _between(odds, places, costs))
        return found


class AdaptivePolicy(Policy):
    """Chooses, of all sets of measured defenses, the one that is worth most.

    It is the one with the least

        sum over attacks of P(attack) * (severity * residual(attack, set) + toll(attack, set))
        + price * (1 - P) * cost(set, P) + latency * ms(set)

    where P(attack) is P(threat) times the share that the attack has of requests that look so threatening, and the price
    has a rate for each origin of threats: what a client asks, what he asked before, and the corpus. Residual, toll,
    cost and milliseconds were measured on the corpus by `sentinel-bench calibrate`; the price of a lost share of benign
    recall is the smallest that keeps the calibration's promises (conformal risk control, arXiv 2208.02814). What benign
    users pay depends on P: hiding what a query copies costs nothing on ordinary questions, and a pasted excerpt's own
    source on those that look like a probe.
    The victims of a poisoned corpus ask for good passages as everybody does: what a defense takes from them, the toll,
    is part of the attack's harm. And what a defense does against loud attacks is worth nothing where only quiet ones
    look like this, nor what one does by suspicion where no candidate is suspected far enough for any of its strengths.
    Once a defense against planted documents has dropped some, what else was planned against them is held against what
    is left: where it would not be chosen for that, it is given up. Calibration serves through the same flow.
    A threat that nobody evaluated is taken at `unknown`: not evaluated is not clean.
    An operator's trust in a client moves the odds of those threats that come from clients: the prior odds are
    multiplied by (1 - trust) / trust, so that 0.5 changes nothing.
    """

    manifest = PolicyManifest(
        name="adaptive",
        summary="per request the defenses worth their measured cost, within a promise (default)",
        # One signal of each need in `MEASURED`: whether it could be measured tells whether the need is met.
        reads=frozenset({"answer_cluster", "text_brevity", "closed_series"}),
    )

    calibration: SerializeAsAny[Calibration] = Field(default_factory=shipped_calibration, description="what is known")
    price: float | None = Field(None, ge=0.0, description="overrules the calibration's; for measuring")
    overfetch: int = Field(3, ge=1, le=20, description="times k candidates to look at and to fill up from")
    severity: dict[Threat, Annotated[float, Field(ge=0.0, allow_inf_nan=False)]] = Field(
        default_factory=dict, description="weight of a threat; 1 unless given"
    )
    latency: float = Field(0.001, ge=0.0, le=1.0, description="what a millisecond weighs, in shares of a success")
    unknown: float = Field(0.01, ge=0.0, le=1.0, description="P(threat) where it could not be evaluated")

    @cached_property
    def _objective(self) -> Objective | None:
        """What every request is held against; None where nothing is worth any price."""
        price = self.calibration.price if self.price is None else self.price
        # Prices and promises change nothing of what may be chosen.
        known = self.calibration.model_copy(update={"price": None, "rates": {}, "promises": {}, "fitted_on": ""})
        plans = _plans(known.dumps())
        if price is None or not math.isfinite(price) or not plans.attacks:
            return None
        return Objective.of(self.calibration, plans, price, self.severity, self.latency)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy works out its objective anew: it may have another price."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("_objective", None)
        return copied

    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        """Fetch more than k, so that there is something to compare with and to fill up from."""
        return DefensePlan(overfetch=self.overfetch)

    def after_retrieval(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> DefensePlan:
        """Choose the set of defenses; nothing where no price keeps the promise."""
        objective = self._objective
        if objective is None:
            return DefensePlan(overfetch=self.overfetch)
        risk = {threat: self._probability(threat, request, profile) for threat in objective.plans.attacks}
        least = objective.least(list(risk.values()), _unmet(profile), _most_suspected(profile))
        picked = [self.calibration.options[i] for i in least]
        chosen = tuple(PlannedDefense(o.name, o.parameters, _why(o, risk)) for o in picked)
        return DefensePlan(chosen, self.overfetch)

    def given_up(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> dict[str, str]:
        """What is against planted documents and would not be chosen for what is left of them."""
        wanted = self.after_retrieval(request, profile, plan).names
        return {
            option.name: "not worth it for what was left"
            for option in self.calibration.options
            if option.origin == "corpus" and option.name not in wanted
        }

    def _probability(self, threat: Threat, request: Request, profile: RiskProfile) -> float:
        probability = profile.probabilities.get(threat, self.unknown)
        if not 0.0 <= probability <= 1.0:  # NaN too
            probability = self.unknown
        if request.trust is None or threat not in BY_CLIENT:
            return probability
        trust = min(max(request.trust, TRUST_BOUNDS[0]), TRUST_BOUNDS[1])
        odds = probability * (1.0 - trust)
        return odds / (odds + (1.0 - probability) * trust)


def _spares_the_threatened(option: Option) -> bool:
    """Whether its benign cost falls on requests alone that are no attack.

    Attackers have nothing to lose, and what the victims of a poisoned corpus lose is the toll, if it was measured.
    """
    return option.origin != "corpus" or bool(option.toll)


def _needs(option: Option) -> frozenset[Need]:
    manifest: DefenseManifest = DEFENSES.get(option.name).manifest
    return (manifest.needs | READS.get(option.name, frozenset())) & MEASURED


def _floor(option: Option) -> float:
    floor: Any = option.parameters.get(ACTS_FROM.get(option.name, ""), 0.0)
    return float(floor)


def _most_suspected(profile: RiskProfile) -> float:
    """The highest suspicion of a candidate for any threat; infinity where nobody evaluated one."""
    found = [value for s in profile.suspicion.values() if len(s) and (value := float(np.fmax.reduce(s))) == value]
    return max(found, default=math.inf)


def _unmet(profile: RiskProfile) -> frozenset[Need]:
    """What nothing that needs it could be measured with: a base without vectors, a corpus without a profile."""
    known = {name for name, value in profile.signals.items() if value is not None}
    return frozenset(need for need in MEASURED if known.isdisjoint(_witnesses(need)) and known)


@lru_cache(maxsize=8)
def _witnesses(need: Need) -> frozenset[str]:
    """The package's signals that need it."""
    return frozenset(name for name, manifest in SIGNALS.manifests().items() if need in manifest.needs)  # type: ignore[attr-defined]


def _why(option: Option, risk: Mapping[Threat, float]) -> str:
    worst = max((threat for threat in risk if threat in option.residual), key=lambda threat: risk[threat], default=None)
    return "" if worst is None else f"P({worst.value}) {risk[worst]:.2g}"


def _over_odds(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Points over P as places on the log-odds and values."""
    return [_logit(p) for p, _ in points], [value for _, value in points]


def _logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def _between(x: float, places: Sequence[float], values: Sequence[float]) -> float:
    """Straight between the places, level beyond; 0 without any."""
    at = bisect_right(places, x)
    if at == 0 or at == len(places):
        return values[max(0, at - 1)] if places else 0.0
    low, high = places[at - 1], places[at]
    return values[at - 1] + (values[at] - values[at - 1]) * (x - low) / (high - low)
