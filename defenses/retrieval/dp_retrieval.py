"""A similarity threshold drawn by the exponential mechanism: differential privacy for the threshold, not for more."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat

LOW, HIGH = -1.0, 1.0
"""Thresholds are drawn from here, which every cosine lies in: bounds that do not depend on the data."""

Pieces = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Edges of the pieces, shape (m + 1,), rising from -1 to 1, and the utility on each piece (a, b], shape (m,)."""


def _pieces(similarities: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges of the pieces on which what a threshold serves is the same, and the sorted, clipped similarities."""
    ranked = np.sort(np.clip(np.asarray(similarities, np.float64), LOW, HIGH))
    return np.unique(np.concatenate([[LOW], ranked, [HIGH]])), ranked


def top_k_utility(similarities: Sequence[float], k: int) -> Pieces:
    """U(tau) = -|#{i: s_i >= tau} - k|, of sensitivity 1 (Grislain, arXiv 2412.19291).

    Args:
        similarities: Cosines, in any order.
        k: How many documents are wanted.
    """
    edges, ranked = _pieces(similarities)
    # On (a, b] a threshold serves every similarity of b or more.
    served = len(ranked) - np.searchsorted(ranked, edges[1:], side="left")
    return edges, -np.abs(served - float(k))


def top_p_utility(
    similarities: Sequence[float], p: float, alpha: float, bounds: tuple[float, float] = (LOW, HIGH)
) -> Pieces:
    """U(tau) = -|sum over s_i >= tau of w(s_i) - p * sum of all w(s_i)| (Grislain, arXiv 2412.19291, top-p).

    Weights are w(s) = exp(alpha (s - s_max) / (s_max - s_min)), at most 1. With s_min and s_max taken from the
    candidates, one document more would change every weight and the sensitivity would not be 1; they are public
    bounds here, so that one document changes U by max(p, 1 - p) < 1 at most.

    Args:
        similarities: Cosines, in any order.
        p: Share of the weight that is wanted, in (0, 1).
        alpha: The weight at s_min is exp(-alpha) of that at s_max.
        bounds: s_min and s_max; what is more similar than s_max weighs 1.
    """
    edges, ranked = _pieces(similarities)
    least, most = bounds
    weights = np.exp(alpha * (np.minimum(ranked, most) - most) / (most - least))
    from_top = np.append(np.cumsum(weights[::-1])[::-1], 0.0)
    served = from_top[np.searchsorted(ranked, edges[1:], side="left")]
    return edges, -np.abs(served - p * from_top[0])


def probabilities(pieces: Pieces, epsilon: float) -> NDArray[np.float64]:
    """Probability of each piece, shape (m,): length * exp(epsilon * U / 2), normalised (sensitivity 1)."""
    edges, utility = pieces
    log_weights = np.log(np.diff(edges)) + epsilon * utility / 2.0
    weights = np.exp(log_weights - log_weights.max())
    return np.asarray(weights / weights.sum(), np.float64)


def draw_threshold(pieces: Pieces, epsilon: float, source: random.Random) -> float:
    """Draw a threshold of density proportional to exp(epsilon * U(tau) / 2) on (-1, 1].

    A piece by its probability, then a point of it uniformly: exact but for the rounding of floating-point numbers.
    """
    edges = pieces[0]
    cumulated = np.cumsum(probabilities(pieces, epsilon))
    piece = int(np.searchsorted(cumulated, source.random() * cumulated[-1], side="right"))
    piece = min(piece, len(cumulated) - 1)
    low, high = float(edges[piece]), float(edges[piece + 1])
    return high - source.random() * (high - low)


class DpRetrieval(SelectionDefense):
    """Serves the candidates whose similarity reaches a threshold drawn by the exponential mechanism.

    The threshold alone is epsilon-differentially private, towards adding or removing one of the *candidates*. The
    pool of candidates is itself the best matches of the corpus and so depends on the data: a document that enters it
    may push another out. What is served are true documents chosen by true similarities: a document of the corpus is
    recognised when it comes, whatever noise chose it. So this blurs how many documents come and no membership
    statement follows; nothing is accounted across requests either. With fewer candidates than k in reach of the
    threshold fewer are served, at times none.

    Exact copies (equal text and similarity) count once, which keeps the sensitivity and lets no crawler's duplicate
    shift the threshold. Candidates without a similarity are kept.
    """

    manifest = DefenseManifest(
        name="dp_retrieval",
        summary="similarity threshold by the exponential mechanism (differentially private threshold, no more)",
        stage=Stage.RETRIEVAL,
        threats=frozenset({Threat.MEMBERSHIP}),
        needs=frozenset({Need.SIMILARITIES}),
        cost=Cost.MICROSECONDS,
        guarantee="epsilon-DP for the threshold only; the documents handed over are not differentially private",
        source="Grislain, arXiv 2412.19291, top-k and top-p retrieval",
    )

    epsilon: float = Field(3.0, gt=0.0, le=1000.0, description="of one threshold; smaller is noisier")
    utility: Literal["top_k", "top_p"] = Field("top_k", description="what a good threshold serves")
    p: float = Field(0.5, gt=0.0, lt=1.0, description="top_p: share of the candidates' weight that is wanted")
    alpha: float = Field(5.0, ge=0.0, le=1000.0, description="top_p: how much more a better match weighs")
    least: float = Field(0.0, ge=LOW, le=HIGH, description="top_p: similarity of a poor match; public, below `most`")
    most: float = Field(0.8, ge=LOW, le=HIGH, description="top_p: similarity of a perfect match; public")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.most - self.least < 0.01:
            raise ValueError("`most` must lie at least 0.01 above `least`")
        return self

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Draw one threshold and drop what lies below it."""
        similarities = evidence.similarities
        pairs = zip(evidence.candidates, similarities, strict=True)
        distinct = sorted({(float(s), c.text) for c, s in pairs if math.isfinite(s)})
        if not distinct:
            return Selection.all_of(evidence)
        found = [similarity for similarity, _ in distinct]
        if self.utility == "top_k":
            pieces = top_k_utility(found, evidence.request.k)
        else:
            pieces = top_p_utility(found, self.p, self.alpha, (self.least, self.most))
        source = resources.random.for_request(evidence.request, self.manifest.name)
        threshold = draw_threshold(pieces, self.epsilon, source)
        return Selection.without(
            evidence,
            {
                candidate.position: "below the drawn threshold"
                for candidate, similarity in zip(evidence.candidates, similarities, strict=True)
                if min(max(similarity, LOW), HIGH) < threshold
            },
        )
