"""The policy that is told the attack: how far a policy that has to guess is from one that need not. Benchmark only."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from benchmarks.attacks import ATTACKS
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request
from strategist.calibration import Calibration, Option, shipped_calibration
from strategist.plan import DefensePlan
from strategist.policies import Policy, PolicyManifest

NAME = "oracle"


class OraclePolicy(Policy):
    """Does nothing for benign traffic, and for an attack whatever was measured to leave least of it.

    It picks from the same calibration as `adaptive`, so that the distance between the two is what knowing would be
    worth, and not what better defenses would.
    """

    manifest = PolicyManifest(
        name=NAME, summary="told the attack, picks the best measured defense; benchmark only", baseline=True
    )

    calibration: Calibration = Field(default_factory=shipped_calibration, description="what was measured")
    attack: str | None = Field(None, description="what it is told; None is benign traffic")
    overfetch: int = Field(3, ge=1, le=20, description="times k candidates")

    def told(self, attack: str) -> Self:
        """The policy for one kind of traffic, by the attack's name; a variant is told what it is a variant of."""
        name = attack.partition("@")[0]
        return self.model_copy(update={"attack": None if ATTACKS.get(name).manifest.threat is None else name})

    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        """Fetch more than k, as `adaptive` does."""
        return DefensePlan(overfetch=self.overfetch)

    def after_retrieval(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> DefensePlan:
        """The defense that leaves least of the attack; of equals the one that costs benign users least."""
        best = min(self.calibration.options, key=self._rank, default=None)
        if self.attack is None or best is None or self._rank(best)[0] >= 1.0:
            return DefensePlan(overfetch=self.overfetch)
        return DefensePlan((best.planned,), self.overfetch)

    def _rank(self, option: Option) -> tuple[float, float, float]:
        return self._left(option), max((cost for _, cost in option.cost), default=0.0), option.milliseconds

    def _left(self, option: Option) -> float:
        """What an option leaves of the attack; of one not measured, of the longest name it begins with."""
        if self.attack is None:
            return 1.0
        threat = ATTACKS.get(self.attack).manifest.threat
        measured = {} if threat is None else option.residual.get(threat, {})
        names = [name for name in measured if self.attack == name or self.attack.startswith(f"{name}-")]
        if names:
            return float(measured[max(names, key=len)])
        return sum(measured.values()) / len(measured) if measured else 1.0
