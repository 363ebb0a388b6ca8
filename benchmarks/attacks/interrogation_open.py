"""Interrogation without yes or no: the same facts, asked openly. A drill-down by construction."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.attacks import Ask, AttackManifest, Family, rng
from benchmarks.attacks._interrogation import SOURCE, InterrogationBase, probes
from benchmarks.data import Dataset, MembershipTarget
from benchmarks.questions import opened
from sentinel.vocabulary import Threat


class InterrogationOpen(InterrogationBase):
    """What it asks, a curious honest reader of the document asks too: a frontier is reported, no pass."""

    prefix = "interrogation-open"
    manifest = AttackManifest(
        name="interrogation-open",
        summary="the facts of the target's yes/no questions, asked openly by one client",
        family=Family.MEMBERSHIP,
        threat=Threat.MEMBERSHIP,
        needs=("interrogated",),
        source=SOURCE,
    )

    def asks(self, target: MembershipTarget, data: Dataset, seed: int) -> list[Ask]:
        """The wording is drawn for each question."""
        draw = rng(seed, self.prefix, target.id)
        return [replace(ask, query=opened(ask.query, draw)) for ask in probes(target, seed)]
