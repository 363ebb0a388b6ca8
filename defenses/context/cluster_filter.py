"""Drop groups of candidates that agree with each other more closely than their common subject explains."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from defenses.context._likeness import by_wording
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat

MOST = 128
"""Different texts that are compared, the most similar to the query: who is served is among them."""
_DIGITS = 5


def agreeing_groups(cosines: NDArray[np.float64], threshold: float, margin: float) -> list[list[int]]:
    """Groups of three or more rows that are close among themselves, the closest group first.

    A group begins with the three rows whose least cosine is largest, if that reaches the threshold. The row with the
    largest mean cosine to the group joins it, one after another, until that mean falls more than `margin` below the
    mean cosine of the first three. The next group is sought among the rest.

    Args:
        cosines: Symmetric matrix of shape (n, n); the diagonal is not looked at.
        threshold: Least cosine of the first three.
        margin: How much looser the others may be.
    """
    # Rounded, since equal vectors come out a rounding error apart, and which error depends on their order.
    close = np.array(cosines, dtype=np.float64).round(_DIGITS)
    np.fill_diagonal(close, -np.inf)
    found: list[list[int]] = []
    while (core := _closest_three(close, threshold)) is not None:
        group = list(core)
        least = np.mean([close[a, b] for a, b in combinations(core, 2)]) - margin
        while True:
            means = close[:, group].mean(axis=1)
            means[group] = -np.inf
            best = int(means.argmax())
            if not means[best] >= least:
                break
            group.append(best)
        found.append(sorted(group))
        close[group, :] = close[:, group] = -np.inf
    return found


def _closest_three(close: NDArray[np.float64], threshold: float) -> tuple[int, int, int] | None:
    """The three rows whose least cosine is largest; None if that stays below the threshold."""
    linked = close >= threshold
    linked &= linked.sum(axis=1) >= 2
    first, second = np.nonzero(np.triu(linked & linked.T, 1))
    best, three = -np.inf, None
    for at in np.argsort(-close[first, second], kind="stable"):
        a, b = int(first[at]), int(second[at])
        if close[a, b] <= best:
            break  # no pair behind this one can be part of a closer three
        third = np.minimum(close[a], close[b])
        c = int(third.argmax())
        least = min(close[a, b], third[c])
        if least >= threshold and least > best:
            best, three = least, (a, b, c)
    return three


class ClusterFilter(SelectionDefense):
    """Drops every group of three or more candidates that agree closely, and leaves what is only about the same.

    Documents planted for one question push one answer and lie closer to each other than honest passages on the
    subject do (the observation behind TrustRAG, arXiv 2501.00879). A good passage is about that subject too and often
    lies near the group, but not as near as its members lie to each other: so a group is grown from its closest three
    and ends where closeness falls off (`margin`), in place of K-means, which splits whatever it is given, and of one
    threshold, which takes the good passage along. Copies of one text, word for word, are no evidence of an attack
    (the same page crawled twice) and count once.

    Three honest passages that say nearly the same are dropped as well, and two planted ones pass. With `suspicion`
    those of a group stay that nothing else speaks against: what the Sentinel suspects less than that.
    """

    manifest = DefenseManifest(
        name="cluster_filter",
        summary="drop groups of documents that agree more closely than their subject explains",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        needs=frozenset({Need.VECTORS}),
        cost=Cost.MILLISECONDS,
        source="ours, after TrustRAG, arXiv 2501.00879",
    )

    threshold: float = Field(0.78, gt=0.0, le=1.0, description="least cosine between the closest three of a group")
    margin: float = Field(0.12, ge=0.0, le=1.0, description="how much looser the others of a group may be")
    suspicion: float = Field(0.0, ge=0.0, le=1.0, description="suspicion of poisoning below which a member stays")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop the members of every group; keep all where vectors are missing."""
        if evidence.cosines is None:
            return Selection.all_of(evidence)
        same = by_wording(evidence)[:MOST]
        cosines = np.empty((len(same), len(same)))
        for row, copies in enumerate(same):
            # Equal texts may come with several vectors: the closest pair decides, whichever comes first.
            closest = evidence.cosines[copies].max(axis=0)
            cosines[row] = [closest[other].max() for other in same]
        dropped: dict[int, str] = {}
        for group in agreeing_groups(cosines, self.threshold, self.margin):
            for i in (i for row in group for i in same[row]):
                position = evidence.candidates[i].position
                # What nobody evaluated is not clean.
                if not profile.suspicion_of(position, self.manifest.threats) < self.suspicion:
                    dropped[position] = f"one of {len(group)} that agree closely"
        return Selection.without(evidence, dropped)
