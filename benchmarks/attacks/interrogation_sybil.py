"""Interrogation by many names: each question comes from a client who was never seen before."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.attacks import Ask, AttackManifest, Family
from benchmarks.attacks._interrogation import SOURCE, InterrogationBase, probes
from benchmarks.data import Dataset, MembershipTarget
from sentinel.vocabulary import Threat


class InterrogationSybil(InterrogationBase):
    """No client's history shows more than one question."""

    prefix = "interrogation-sybil"
    manifest = AttackManifest(
        name="interrogation-sybil",
        summary="the target's yes/no questions, each from a new client",
        family=Family.MEMBERSHIP,
        threat=Threat.MEMBERSHIP,
        needs=("interrogated",),
        source=SOURCE,
    )

    def asks(self, target: MembershipTarget, data: Dataset, seed: int) -> list[Ask]:
        """One client an ask."""
        return [replace(ask, client=f"{self.prefix}-{target.id}-{i}") for i, ask in enumerate(probes(target, seed))]
