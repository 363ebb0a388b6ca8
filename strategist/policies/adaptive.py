"""The default: for each request the defenses that are worth their cost, by what was measured on the corpus."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializeAsAny

from sentinel.errors import ConfigurationError
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request, Threat
from strategist.calibration import Calibration, Option, shipped_calibration
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import Policy, PolicyManifest

MOST_PLANS = 100_000
BY_CLIENT = frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION, Threat.UNSAFE_COMPLETION})
"""Threats that come from who asks; the others come through the corpus, and trust in a client says nothing of them."""
TRUST_BOUNDS = (0.02, 0.98)


@dataclass(frozen=True)
class Plans:
    """Every set of options that may be chosen, with what it leaves and costs; at most one strength of a defense.

    Attributes:
        chosen: The options' indices of each plan; the first plan is empty.
        holds: Which options each plan holds, shape (plans, options), 0 or 1.
        residual: What is left of each threat, shape (plans, threats), in [0, 1].
        milliseconds: The sum of its options', shape (plans,).
        threats: The columns of `residual`.
        against: Which threats each option is for, shape (options, threats).
    """

    chosen: tuple[tuple[int, ...], ...]
    holds: NDArray[np.float64]
    residual: NDArray[np.float64]
    milliseconds: NDArray[np.float64]
    threats: tuple[Threat, ...]
    against: NDArray[np.bool_]

    @classmethod
    def of(cls, calibration: Calibration) -> Plans:
        """Enumerate the plans.

        Of several defenses against one attack the best counts, as if the others saw nothing that it does not see:
        what two of them leave together is not known from what each leaves alone. Attacks of one threat weigh alike.

        Raises:
            ConfigurationError: More than `MOST_PLANS` of them.
        """
        groups: dict[str, list[int]] = {}
        for index, option in enumerate(calibration.options):
            groups.setdefault(option.name, []).append(index)
        total = int(np.prod([len(group) + 1 for group in groups.values()]))
        if total > MOST_PLANS:
            raise ConfigurationError(f"{len(calibration.options)} options make {total:,} plans; {MOST_PLANS:,} at most")
        chosen = tuple(
            tuple(i for i in picked if i is not None) for picked in product(*([None, *g] for g in groups.values()))
        )
        attacks = calibration.attacks()
        left = np.ones((len(chosen), len(attacks)))
        for column, (threat, names) in enumerate(attacks.items()):
            table = np.array([[o.residual.get(threat, {}).get(n, 1.0) for n in names] for o in calibration.options])
            for row, picked in enumerate(chosen):
                if picked:
                    left[row, column] = table[list(picked)].min(axis=0).mean()
        holds = np.zeros((len(chosen), len(calibration.options)))
        for row, picked in enumerate(chosen):
            holds[row, list(picked)] = 1.0
        times = np.array([o.milliseconds for o in calibration.options])
        against = np.array([[t in o.residual for t in attacks] for o in calibration.options], dtype=bool)
        return cls(chosen, holds, left, holds @ times, tuple(attacks), against)


@lru_cache(maxsize=16)
def _plans(calibration_json: str) -> Plans:
    return Plans.of(Calibration.loads(calibration_json))


class AdaptivePolicy(Policy):
    """Chooses, of all sets of measured defenses, the one that is worth most.

    It is the one with the least

        sum over threats of P(threat) * severity * residual(threat, set)
        + price * (1 - P) * cost(set, P) + latency * ms(set)

    Residual, cost and milliseconds were measured on the corpus by `sentinel-bench calibrate`; the price of a lost share
    of benign recall is the smallest that keeps the calibration's promises (conformal risk control, arXiv 2208.02814).
    Benign users pay only where the request is theirs, hence 1 - P. What they pay depends on P too: hiding what a query
    copies costs nothing on ordinary questions, and a pasted excerpt's own source on those that look like a probe.
    A threat that nobody evaluated is taken at `unknown`: not evaluated is not clean.
    An operator's trust in a client moves the odds of those threats that come from clients: the prior odds are
    multiplied by (1 - trust) / trust, so that 0.5 changes nothing.
    """

    manifest = PolicyManifest(
        name="adaptive", summary="per request the defenses worth their measured cost, within a promise (default)"
    )

    calibration: SerializeAsAny[Calibration] = Field(default_factory=shipped_calibration, description="what is known")
    price: float | None = Field(None, ge=0.0, description="overrules the calibration's; for measuring")
    overfetch: int = Field(3, ge=1, le=20, description="times k candidates to look at and to fill up from")
    severity: dict[Threat, float] = Field(default_factory=dict, description="weight of a threat; 1 unless given")
    latency: float = Field(0.001, ge=0.0, le=1.0, description="what a millisecond weighs, in shares of a success")
    unknown: float = Field(0.01, ge=0.0, le=1.0, description="P(threat) where it could not be evaluated")

    @cached_property
    def _table(self) -> Plans:
        return _plans(self.calibration.dumps())

    @cached_property
    def _price(self) -> float:
        price = self.calibration.price if self.price is None else self.price
        return np.inf if price is None else price

    @cached_property
    def _waiting(self) -> NDArray[np.float64]:
        return self.latency * self._table.milliseconds

    @cached_property
    def _severity(self) -> NDArray[np.float64]:
        return np.array([self.severity.get(threat, 1.0) for threat in self._table.threats])

    @cached_property
    def _curves(self) -> list[tuple[list[float], list[float]]]:
        """Each option's cost over log-odds; without points it is free."""
        return [([_logit(p) for p, _ in o.cost], [c for _, c in o.cost]) for o in self.calibration.options]

    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        """Fetch more than k, so that there is something to compare with and to fill up from."""
        return DefensePlan(overfetch=self.overfetch)

    def after_retrieval(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> DefensePlan:
        """Choose the set of defenses; nothing where no price keeps the promise."""
        table = self._table
        if not np.isfinite(self._price) or not table.threats:
            return DefensePlan(overfetch=self.overfetch)
        risk = np.array([self._probability(threat, request, profile) for threat in table.threats])
        objective = table.residual @ (self._severity * risk) + self._waiting
        if self._price:
            objective = objective + self._price * (table.holds @ self._costs(risk))
        picked = [self.calibration.options[i] for i in table.chosen[int(np.argmin(objective))]]
        chosen = tuple(PlannedDefense(o.name, o.parameters, self._why(o, risk)) for o in picked)
        return DefensePlan(chosen, self.overfetch)

    def _costs(self, risk: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each option is expected to take from a benign user with this request, shape (options,)."""
        worst = np.where(self._table.against, risk, 0.0).max(axis=1)
        odds = [_logit(p) for p in np.clip(worst, 1e-9, 1.0 - 1e-9).tolist()]
        costs = [
            float(np.interp(at, *curve)) if curve[0] else 0.0 for at, curve in zip(odds, self._curves, strict=True)
        ]
        found: NDArray[np.float64] = (1.0 - worst) * np.array(costs)
        return found

    def _probability(self, threat: Threat, request: Request, profile: RiskProfile) -> float:
        probability = profile.probabilities.get(threat, self.unknown)
        if not 0.0 <= probability <= 1.0:  # NaN too
            probability = self.unknown
        if request.trust is None or threat not in BY_CLIENT:
            return probability
        trust = min(max(request.trust, TRUST_BOUNDS[0]), TRUST_BOUNDS[1])
        odds = probability * (1.0 - trust)
        return odds / (odds + (1.0 - probability) * trust)

    def _why(self, option: Option, risk: NDArray[np.float64]) -> str:
        against = {t: p for t, p in zip(self._table.threats, risk.tolist(), strict=True) if t in option.residual}
        worst = max(against, key=lambda threat: against[threat], default=None)
        return "" if worst is None else f"P({worst.value}) {against[worst]:.2g}"


def _logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))
