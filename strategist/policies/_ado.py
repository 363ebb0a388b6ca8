"""What both forms of ADO share: its metrics, threat scores, rules and ladders (arXiv 2604.20932)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from defenses import DEFENSES
from sentinel.client_state import RATE_SECONDS
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request, Threat
from strategist.plan import PlannedDefense

NEUTRAL_TRUST = 0.5
"""What every client of ADO starts with."""
MOST_DELTA = 0.1
"""How far one reading may move trust."""
DECLINING = -0.05
"""Change of trust below which ADO calls it declining."""
M_DIS_ANOMALY = 0.005
"""Mean variance over the dimensions that ADO calls an anomaly."""
RUNGS = (0.90, 0.92, 0.95)
"""ADO's thresholds of TrustRAG from a low to a high score of poisoning."""


class Level(IntEnum):
    """ADO's overall level of threat."""

    LOW = 0
    ELEVATED = 1
    CRITICAL = 2


ELEVATED_FROM, CRITICAL_FROM = 0.5, 0.9
"""Probability of the worst threat from which a profile counts as elevated and critical; ours, since a language model
says the level in ADO."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What ADO's Sentinel says of a request.

    Attributes:
        level: Overall.
        membership: Score of membership inference in [0, 1]; NaN if nobody evaluated it, as for the others.
        jailbreak: Score of orders to the model.
        poisoning: Score of planted documents.
        leakage: Score of getting the content handed out.
        delta: What is added to the client's trust, in [-0.1, 0.1].
    """

    level: Level
    membership: float
    jailbreak: float
    poisoning: float
    leakage: float
    delta: float = 0.0


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics that ADO's rules look at; NaN where one is missing, so that no comparison holds.

    Attributes:
        lexical: M_LEX, Jaccard similarity to earlier queries.
        symbols: M_CMP, share of characters that are neither letters, digits nor spaces.
        interval: M_INT, 1 for a request that follows within half a second, 0 from two seconds on.
        scattered: Whether M_DIS is an anomaly.
    """

    lexical: float = math.nan
    symbols: float = math.nan
    interval: float = math.nan
    scattered: bool = False


def trust_of(request: Request) -> float:
    """The client's trust; neutral where nothing is known."""
    return NEUTRAL_TRUST if request.trust is None else float(request.trust)


def unscored(trust: float) -> Assessment:
    """What the published code assumes when its language model's answer cannot be read."""
    return Assessment(Level.ELEVATED if trust < 0.5 else Level.LOW, 0.3, 0.1, 0.1, 0.1)


def scored(profile: RiskProfile) -> Assessment:
    """The profile's probabilities in the place of a language model's scores.

    The level follows the worst threat. Trust moves by 0.1 (1 - 2 worst): up by 0.1 at most for a request without
    any suspicion, down by as much for a certain attack, not at all where nothing was evaluated.
    """
    threats = (Threat.MEMBERSHIP, Threat.INJECTION, Threat.POISONING, Threat.EXTRACTION)
    scores = [float(profile.probabilities.get(threat, math.nan)) for threat in threats]
    known = [score for score in scores if math.isfinite(score)]
    worst = min(max(known, default=0.0), 1.0)
    level = Level((worst > ELEVATED_FROM) + (worst > CRITICAL_FROM))
    delta = MOST_DELTA * (1.0 - 2.0 * max(worst, 0.0)) if known else 0.0
    return Assessment(level, scores[0], scores[1], scores[2], scores[3], delta)


def symbol_share(query: str) -> float:
    """M_CMP as published: characters that are neither alphanumeric nor white space, by the length of the query."""
    return sum(not (c.isalnum() or c.isspace()) for c in query) / len(query) if query else math.nan


def interval_score(burst: float) -> float:
    """M_INT from our `request_interval`: 1 below half a second since the last request, else max(0, 1 - seconds / 2).

    That signal is log2((1 + b) / (1 + e)), where an earlier request of dt seconds ago adds exp(-dt / 5) to b and e,
    the client's own pace, is next to 0 for all but busy clients. So a single earlier request gives ADO's dt back;
    several close ones add up and read as a later one.

    Args:
        burst: The signal, or NaN.
    """
    if not math.isfinite(burst):
        return math.nan
    recent = 2.0 ** min(burst, 64.0) - 1.0
    if recent <= 0.0:
        return 0.0
    seconds = max(0.0, -RATE_SECONDS[0] * math.log(recent))
    return 1.0 if seconds < 0.5 else max(0.0, 1.0 - seconds / 2.0)


def noise_reason(found: Assessment, metrics: Metrics) -> str:
    """Why DP is switched on, "" if it is not."""
    return _first(
        (found.membership > 0.4, f"membership {found.membership:.2f}"),
        (found.level is Level.CRITICAL, "critical"),
        (metrics.lexical > 0.7, f"M_LEX {metrics.lexical:.2f}"),
        (metrics.interval > 0.7, f"M_INT {metrics.interval:.2f}"),
    )


def trustrag_reason(found: Assessment, metrics: Metrics) -> str:
    """Why TrustRAG is switched on, "" if it is not."""
    return _first(
        (found.poisoning > 0.4, f"poisoning {found.poisoning:.2f}"),
        (found.level is Level.CRITICAL, "critical"),
        (metrics.scattered, "M_DIS is an anomaly"),
    )


def attention_reason(found: Assessment, metrics: Metrics) -> str:
    """Why the attention filter is switched on, "" if it is not."""
    return _first(
        (found.jailbreak > 0.4, f"jailbreak {found.jailbreak:.2f}"),
        (found.leakage > 0.4, f"leakage {found.leakage:.2f}"),
        (metrics.symbols > 0.6, f"M_CMP {metrics.symbols:.2f}"),
        (found.level is Level.CRITICAL, "critical"),
    )


def epsilon(found: Assessment, trust: float, *, declining: bool = False) -> float:
    """The ladder of epsilon, capped by trust.

    Args:
        found: Level and scores.
        trust: In [0, 1].
        declining: Whether the client's trust is falling.
    """
    value = 4.0
    if found.level is Level.CRITICAL or found.membership > 0.7:
        value = 1.0
    elif found.level is Level.ELEVATED or found.membership > 0.5:
        value = 2.0
    elif found.membership > 0.4:
        value = 3.0
    if trust < 0.2 and declining:
        return min(value, 0.5)
    if trust < 0.3:
        return min(value, 1.5)
    return min(value, 3.0) if trust < 0.5 else value


def trustrag(found: Assessment, why: str, rungs: tuple[float, float, float]) -> PlannedDefense:
    """TrustRAG at the rung that the level and the score of poisoning ask for.

    Args:
        found: Level and scores.
        why: The reason to be recorded.
        rungs: Thresholds for a low, a middling and a high score.
    """
    rung = 2 if found.level is Level.CRITICAL or found.poisoning > 0.7 else int(found.poisoning > 0.5)
    return PlannedDefense("trustrag", {"threshold": rungs[rung]}, why)


def filtering(name: str | None) -> str | None:
    """Check the name of the defense that filters by attention.

    Raises:
        ConfigurationError: There is no such defense.
        ValueError: It is one that the ladder plans anyway.
    """
    if name is not None:
        DEFENSES.get(name)
        if name in ("ado_noise", "dp_retrieval", "trustrag"):
            raise ValueError("the ladder plans it for another threat")
    return name


def _first(*rules: tuple[bool, str]) -> str:
    return next((why for holds, why in rules if holds), "")
