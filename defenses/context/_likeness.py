"""Who resembles whom: groups, wording in common, and an order of candidates that does not depend on their ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sentinel.evidence import Evidence
from sentinel.text import word_ngrams, words

TOLERANCE = 1e-6
"""Two equal unit vectors in float32 can have a cosine of 0.9999999."""
_BLOCK = 4096


def groups(linked: NDArray[np.bool_]) -> list[list[int]]:
    """Connected groups of two or more rows, by smallest member.

    Each row is looked at once, as a whole: O(n^2) bit operations in numpy, whatever the graph looks like.

    Args:
        linked: Symmetric matrix of shape (n, n).
    """
    unseen = np.ones(len(linked), dtype=bool)
    found: list[list[int]] = []
    for start in range(len(linked)):
        if not unseen[start]:
            continue
        frontier = np.zeros(len(linked), dtype=bool)
        frontier[start] = True
        group = frontier
        while frontier.any():
            unseen &= ~frontier
            frontier = linked[frontier].any(axis=0) & unseen
            group = group | frontier
        members = np.flatnonzero(group)
        if len(members) > 1:
            found.append([int(i) for i in members])
    return found


def ranked(evidence: Evidence) -> list[int]:
    """Indices of the candidates, most similar first, ties and unknown similarities by content.

    Equal contents apart, the order is the same however the candidates are shuffled.
    """
    similarities = evidence.similarities

    def key(i: int) -> tuple[float, str, bytes]:
        candidate, similarity = evidence.candidates[i], float(similarities[i])
        vector = b"" if candidate.vector is None else candidate.vector.tobytes()
        return (-similarity if math.isfinite(similarity) else math.inf, candidate.text, vector)

    return sorted(range(len(evidence.candidates)), key=key)


def by_wording(evidence: Evidence) -> list[list[int]]:
    """Candidates of the same words together (a text without words stands for itself); best of each first.

    Exact copies are no independent sources: whoever counts, counts these groups. Groups and members come in the
    order of `ranked`.
    """
    found: dict[tuple[str, ...] | str, list[int]] = {}
    for i in ranked(evidence):
        text = evidence.candidates[i].text
        found.setdefault(words(text) or text, []).append(i)
    return list(found.values())


def resemblance(texts: Sequence[str], n: int = 3) -> NDArray[np.float64]:
    """Share of the distinct word n-grams of two texts that stand in both (Broder's resemblance, 1997).

    Args:
        texts: The texts.
        n: Words in an n-gram; texts of fewer words resemble nothing.

    Returns:
        Shape (n, n) in [0, 1], the diagonal included.
    """
    sets = [word_ngrams(text, n) for text in texts]
    owners: dict[tuple[str, ...], list[int]] = {}
    for i, grams in enumerate(sets):
        for gram in grams:
            owners.setdefault(gram, []).append(i)
    common = np.diag([float(len(grams)) for grams in sets])
    shared = [found for found in owners.values() if len(found) > 1]
    for start in range(0, len(shared), _BLOCK):
        block = shared[start : start + _BLOCK]
        holds = np.zeros((len(sets), len(block)), dtype=np.float32)
        for column, found in enumerate(block):
            holds[found, column] = 1.0
        common += np.where(np.eye(len(sets), dtype=bool), 0.0, holds @ holds.T)
    sizes = np.diag(common)
    union = sizes[:, None] + sizes[None, :] - common
    shares: NDArray[np.float64] = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return shares
