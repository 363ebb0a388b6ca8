"""No defense: the base retriever's own answer, untouched."""

from __future__ import annotations

from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request
from strategist.plan import DefensePlan
from strategist.policies import Policy, PolicyManifest


class NonePolicy(Policy):
    """Serves what the bare retriever serves, and attaches nothing: the yardstick of every comparison."""

    manifest = PolicyManifest(
        name="none", summary="no defense; exactly the bare retriever", passive=True, baseline=True
    )

    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        """Nothing."""
        return DefensePlan()

    def after_retrieval(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> DefensePlan:
        """Nothing."""
        return DefensePlan()
