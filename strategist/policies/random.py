"""A random choice of defenses for each request: what any policy that claims to choose must beat."""

from __future__ import annotations

import hashlib

from pydantic import Field, field_validator

from defenses import DEFENSES
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request
from strategist.calibration import shipped_calibration
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import Policy, PolicyManifest


def _own() -> tuple[str, ...]:
    """What adaptive may choose as shipped."""
    return tuple(dict.fromkeys(option.name for option in shipped_calibration().options))


class RandomPolicy(Policy):
    """Switches each permitted defense on with the same probability, independently, whatever was sensed.

    Between `probability` 0 (no defense) and 1 (all of them, always) lies a curve of benign loss against protection
    that needs no sensing; a policy that adapts is worth something only above it.

    A draw is a keyed hash of the seed, the defense's name and the request (query, client, tenant, k): runs repeat, no
    state is kept, and a request that is asked again is treated as before. Time is left out for that reason. Not for
    production: who knows the seed knows the plan.
    """

    manifest = PolicyManifest(
        name="random",
        summary="each defense with a fixed probability, whatever was sensed",
        baseline=True,
        reads=frozenset(),
    )

    probability: float = Field(0.5, ge=0.0, le=1.0, description="of each defense, for each request")
    seed: int = Field(0, ge=0, lt=2**64, description="key of the hash that is drawn from")
    permitted: tuple[str, ...] = Field(
        default_factory=_own, description="the defenses among which is drawn, in order, at defaults"
    )
    overfetch: int = Field(3, ge=1, le=20, description="times k candidates to look at and to fill up from")

    @field_validator("permitted")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            DEFENSES.get(name)
        if len(set(names)) != len(names):
            raise ValueError("a defense is permitted twice")
        return names

    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        """Draw once for all stages."""
        drawn = tuple(
            PlannedDefense(name, {}, f"drawn with probability {self.probability:g}")
            for name in self.permitted
            if self._draw(name, request) < self.probability
        )
        return DefensePlan(drawn, self.overfetch)

    def after_retrieval(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> DefensePlan:
        """Nothing to add."""
        return DefensePlan()

    def _draw(self, name: str, request: Request) -> float:
        """A number in [0, 1), uniform over requests."""
        parts = repr((name, request.query, request.client_id, request.tenant, request.k))
        key = self.seed.to_bytes(8, "little")
        digest = hashlib.blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
        return (int.from_bytes(digest, "little") >> 11) / 2**53
