"""What the Sentinel measures on benign traffic and attacks: the raw material of fitting and of detection figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.attacks import ATTACKS, Attack, Family, Session, rng
from benchmarks.data import Dataset
from benchmarks.world import KnownEmbeddings, World, build_world
from sentinel.evidence import Evidence
from sentinel.history import MemoryHistory, observe
from sentinel.models import ThreatModels
from sentinel.profile import RiskProfile
from sentinel.sensing import Sentinel
from sentinel.vocabulary import Request, Threat
from strategist.sources import source_for

K = 5
OVERFETCH = 3
Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """The signals of one request.

    Attributes:
        attack: Which traffic it belongs to.
        family: The kind of traffic.
        threat: What it is up to; None for benign traffic.
        session: Session id.
        turn: 0-based place in its session.
        member: For membership attacks.
        group: The session's group.
        query: The text asked.
        profile: Signals, and probabilities under the Sentinel's models.
        planted: Which candidates were planted, shape (n,).
        gold: Which candidates answer the question, shape (n,).
        lengths: Words of each candidate, shape (n,).
    """

    attack: str
    family: Family
    threat: Threat | None
    session: str
    turn: int
    member: bool | None
    group: str | None
    query: str
    profile: RiskProfile
    planted: NDArray[np.bool_]
    gold: NDArray[np.bool_]
    lengths: NDArray[np.int64]
