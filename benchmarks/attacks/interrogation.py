"""Interrogation: natural yes/no questions on one document, one by one (Naseh et al., arXiv 2502.00306)."""

from __future__ import annotations

from benchmarks.attacks import AttackManifest, Family
from benchmarks.attacks._interrogation import SOURCE, InterrogationBase
from sentinel.vocabulary import Threat


class Interrogation(InterrogationBase):
    """One client per target asks the target's questions and nothing else."""

    prefix = "interrogation"
    manifest = AttackManifest(
        name="interrogation",
        summary="the target's yes/no questions, one by one, by one client",
        family=Family.MEMBERSHIP,
        threat=Threat.MEMBERSHIP,
        needs=("interrogated",),
        source=SOURCE,
    )
