"""The two fixed-size tables in a client's state: tracked documents and last queries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sentinel.observation import MAX_RANK, MIN_SHARE, Observation
from sentinel.sketch import BOTTOM, SKETCH_BITS

QUERIES = 8
"""Last queries kept."""
DOCUMENTS = 64
"""Documents tracked: the heavy hitters of what the client is served."""
RUN_BOUNDS = (-3.0, 8.0)
"""One open question acquits for now, not for ever; and nothing is surer than one in 3,000."""
DOCUMENT = np.dtype([("key", "<u8"), ("count", "<f4"), ("hits", "<f4"), ("weight", "<f4"), ("run", "<f4")])
QUERY = np.dtype(
    [
        ("time", "<f8"),
        ("size", "u1"),
        ("words", "<u4", (BOTTOM,)),
        ("sketched", "u1"),
        ("sketch", "u1", (SKETCH_BITS // 8,)),
        ("form", "i1"),
    ]
)
CLOSED_FORM, OPEN_FORM = 1, -1
"""What `form` says of a query: it wants a yes or a no, or it does not; 0 if that cannot be said."""
VALUES = ("count", "hits", "weight", "run")


def with_documents(documents: NDArray[np.void], observation: Observation) -> NDArray[np.void]:
    """The table with one request's documents added: Space-Saving (Metwally et al. 2005).

    A newcomer to a full table takes the place of the smallest and inherits its count, so that whatever comes often
    gets in; what signals read (hits, weight, run) starts at nothing, so that nobody inherits suspicion. Documents
    that match the question's content and rank high count fully, others a quarter: they are the first to go.
    """
    size = len(documents)
    table = np.zeros(min(DOCUMENTS, size + len(observation.hits)), DOCUMENT)
    table[:size] = documents
    rows: dict[int, int] = {key: row for row, key in enumerate(documents["key"].tolist())}
    keys, counts, hits, weights, runs = (table[name] for name in ("key", *VALUES))
    for hit in observation.hits:
        i = rows.get(hit.key, -1)
        if i < 0 and size < len(table):
            i, size = size, size + 1
        elif i < 0:
            i = int(counts.argmin())
            del rows[int(keys[i])]
            hits[i] = weights[i] = runs[i] = 0.0
        rows[hit.key] = i
        keys[i] = hit.key
        share = hit.share or 0.0
        counts[i] += 1.0 if hit.rank < MAX_RANK and share >= MIN_SHARE else 0.25
        hits[i] += 1.0
        weights[i] += share
        runs[i] = min(max(float(runs[i]) + hit.run_evidence(observation.yes_no), RUN_BOUNDS[0]), RUN_BOUNDS[1])
    return table[:size]
