"""Everything that this project may switch on, switched on for every request: what adapting is worth."""

from __future__ import annotations

from pydantic import Field

from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request
from strategist.calibration import Calibration, shipped_calibration
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import Policy, PolicyManifest


class AlwaysOnOwnPolicy(Policy):
    """The same defenses as the adaptive policy's, at the same strengths, for everybody.

    It separates two questions: what the defenses do, and what choosing among them saves. Defenses that look at the
    profile need it, so that everything is sensed as for a policy that chooses.
    """

    manifest = PolicyManifest(
        name="always_on_own",
        summary="every defense that adaptive may choose, for every request",
        baseline=True,
        reads=frozenset(),
    )

    calibration: Calibration = Field(default_factory=shipped_calibration, description="whose options are switched on")
    overfetch: int = Field(3, ge=1, le=20, description="times k candidates to look at and to fill up from")

    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        """Always the same: of each defense the strongest of its strengths, which stands last."""
        chosen = {option.name: option.parameters for option in self.calibration.options}
        return DefensePlan(tuple(PlannedDefense(n, p, "always on") for n, p in chosen.items()), self.overfetch)

    def after_retrieval(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> DefensePlan:
        """Nothing to add."""
        return DefensePlan()
