"""Readings made by hand: what fitting and detection see of traffic, without a corpus."""

from __future__ import annotations

import numpy as np

from benchmarks.attacks import Family
from benchmarks.readings import Reading
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat


def reading(
    attack: str = "benign",
    number: int = 0,
    *,
    threat: Threat | None = None,
    member: bool | None = None,
    turn: int = 0,
    planted: tuple[int, ...] = (),
    aimed: tuple[int, ...] = (),
    gold: tuple[int, ...] = (),
    candidates: int = 4,
    **signals: object,
) -> Reading:
    """One request; signals by name, those of candidates as sequences."""
    families = {None: Family.BENIGN, Threat.MEMBERSHIP: Family.MEMBERSHIP}

    def mask(chosen: tuple[int, ...]) -> np.ndarray:
        return np.isin(np.arange(candidates), chosen)

    measured = {n: np.asarray(v, float) if isinstance(v, (list, tuple, np.ndarray)) else v for n, v in signals.items()}
    return Reading(
        attack,
        families.get(threat, Family.POISONING),
        threat,
        f"{attack}-{number}",
        turn,
        member,
        "a query of five words",
        RiskProfile(measured),  # type: ignore[arg-type]
        mask(planted or aimed),
        mask(aimed),
        mask(gold),
        np.arange(10, 10 + candidates),
    )


def world(seed: int = 0) -> list[Reading]:
    """Benign traffic, two kinds of membership probes that differ in what shows, and a planted document."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(120):
        kind = ("benign", "benign", "benign-drilldown", "benign-hard")[i % 4]
        found.append(
            reading(
                kind,
                i,
                gold=(0,),
                query_length=rng.normal(3, 0.3),
                placeholders=0.0,
                question_echo=np.clip(rng.normal(0.2, 0.1, 4), 0, 1),
            )
        )
    for i in range(40):
        shows: dict[str, object] = {"placeholders": 0.8} if i % 2 else {"placeholders": 0.0}
        found.append(
            reading(
                "mba" if i % 2 else "direct",
                i,
                threat=Threat.MEMBERSHIP,
                member=i % 4 < 2,
                query_length=rng.normal(3, 0.3) if i % 2 else rng.normal(7, 0.3),
                question_echo=np.clip(rng.normal(0.2, 0.1, 4), 0, 1),
                **shows,
            )
        )
    for i in range(30):
        echo = np.clip(rng.normal(0.2, 0.1, 4), 0, 1)
        echo[2] = 1.0
        found.append(
            reading("poisonedrag", i, threat=Threat.POISONING, aimed=(2,), question_echo=echo, query_length=3.0)
        )
    return found
