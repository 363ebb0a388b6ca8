"""The published stack, switched on for every request: what adaptive defense is measured against."""

from __future__ import annotations

from pydantic import Field

from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import Policy, PolicyManifest


class AlwaysOnPolicy(Policy):
    """ADO's noise and TrustRAG stage 1 for everybody (the "full stack" of arXiv 2604.20932)."""

    manifest = PolicyManifest(
        name="always_on",
        summary="the published stack for every request: ADO's noise, TrustRAG stage 1",
        senses=False,
        baseline=True,
        source="ADO, arXiv 2604.20932",
    )

    overfetch: int = Field(3, ge=1, le=20, description="times k")
    epsilon: float = Field(3.0, gt=0.0, le=100.0, description="of ADO's noise")

    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        """Always the same."""
        everything = (
            PlannedDefense("ado_noise", {"epsilon": self.epsilon}, "always on"),
            PlannedDefense("trustrag", {}, "always on"),
        )
        return DefensePlan(everything, self.overfetch)

    def after_retrieval(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> DefensePlan:
        """Nothing to add."""
        return DefensePlan()
