"""What hides a document hides its copies too: a near-duplicate that stands in tells a prober the same."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sentinel.evidence import Evidence
from sentinel.vocabulary import Vector


def with_copies(evidence: Evidence, hidden: Mapping[int, str], cosine: float) -> dict[int, str]:
    """Add the candidates that are near-duplicates of a hidden one, by text or by vector.

    Only direct neighbours: a chain of ever less similar documents is not followed.

    Args:
        evidence: The candidates.
        hidden: Positions that are to be hidden, each with its reason.
        cosine: Least cosine of a near-duplicate; candidates without a vector are compared by text alone.

    Returns:
        Positions and reasons, those of `hidden` among them.
    """
    found = dict(hidden)
    sources = [c for c in evidence.candidates if c.position in hidden]
    if not sources:
        return found
    texts = {c.text for c in sources}
    vectors = [c.vector for c in sources if c.vector is not None]
    for candidate in evidence.candidates:
        if candidate.position in found:
            continue
        if candidate.text in texts or any(_cosine(candidate.vector, vector) >= cosine for vector in vectors):
            found[candidate.position] = "near-duplicate of a hidden document"
    return found


def _cosine(left: Vector | None, right: Vector) -> float:
    """Cosine of two unit vectors; NaN, which reaches no threshold, where they cannot be compared."""
    if left is None or left.shape != right.shape:
        return math.nan
    return float(left @ right)
