"""The nouns that every package shares: who asks, what came back, and what may be wrong with it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from enum import StrEnum
from numbers import Real

import numpy as np
from langchain_core.documents import Document
from numpy.typing import NDArray

from sentinel.errors import DataError

Vector = NDArray[np.float32]
"""A unit vector, shape (d,), float32."""

MAX_QUERY_CHARACTERS = 1_000_000
MAX_K = 10_000


class Threat(StrEnum):
    """What a request, or a document that it brings back, may be up to."""

    MEMBERSHIP = "membership"
    """Finding out whether a record stands in the corpus."""
    POISONING = "poisoning"
    """A planted document that supports a false answer."""
    INJECTION = "injection"
    """A planted document, or a query, that gives the model orders."""
    EXTRACTION = "extraction"
    """Getting the corpus itself handed out, passage by passage."""
    JAMMING = "jamming"
    """A planted document that makes the model refuse."""
    UNSAFE_COMPLETION = "unsafe_completion"
    """A task whose only complete answer is harmful content."""


@dataclass(frozen=True, slots=True)
class Request:
    """One query of one client.

    Attributes:
        query: The text as the client wrote it, before any normalisation.
        k: How many documents the client is to get; at least 1.
        client_id: Who asks; None is the shared anonymous client.
        tenant: Whose corpus is asked, where one process serves several.
        trust: How far the operator vouches for the client, in [0, 1]; None if nothing is known.
        time: Seconds of a monotonic clock at which the request arrived.

    Raises:
        DataError: The query is empty or longer than `MAX_QUERY_CHARACTERS`, or `k` or `trust` is out of range.
    """

    query: str
    k: int = 5
    client_id: str | None = None
    tenant: str | None = None
    trust: float | None = None
    time: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if not isinstance(self.query, str):
            raise DataError(f"the query must be text, not {type(self.query).__name__}")
        if not self.query.strip():
            raise DataError("the query is empty")
        if len(self.query) > MAX_QUERY_CHARACTERS:
            raise DataError(f"the query has {len(self.query):,} characters; {MAX_QUERY_CHARACTERS:,} at most")
        if isinstance(self.k, bool) or not isinstance(self.k, int) or not 1 <= self.k <= MAX_K:
            raise DataError(f"k must be a whole number from 1 to {MAX_K:,}, not {self.k!r}")
        if self.trust is not None and not (isinstance(self.trust, Real) and 0.0 <= self.trust <= 1.0):
            raise DataError(f"trust must lie in [0, 1], not {self.trust!r}")


@dataclass(frozen=True, slots=True)
class IngestionFacts:
    """What is known of how a document came into the corpus; every field may be unknown (None).

    Attributes:
        time: Unix seconds at which it was ingested.
        author: Who put it there.
        scan_score: Suspicion found when the corpus was scanned, in [0, 1].
    """

    time: float | None = None
    author: str | None = None
    scan_score: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One document that came back for a request. Its identity is its position, never its source or its text.

    Attributes:
        position: 0-based place in what the base returned; the identity.
        document: The LangChain document, never mutated.
        similarity: Cosine similarity to the query in [-1, 1], or None where the base gives none.
        vector: Unit vector of shape (d,), float32, or None where the base gives none.
        ingestion: How it came into the corpus, or None.
    """

    position: int
    document: Document
    similarity: float | None = None
    vector: Vector | None = None
    ingestion: IngestionFacts | None = None

    @property
    def text(self) -> str:
        """The passage itself."""
        return self.document.page_content


def unit(vector: object) -> Vector | None:
    """Scale a vector to length one.

    Args:
        vector: Anything that numpy reads as numbers, of shape (d,).

    Returns:
        The unit vector, or None where there is no direction (a zero vector, NaN or infinity): *missing*,
        which no signal may confuse with a similarity of zero.
    """
    array = np.asarray(vector, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        return None
    norm = float(np.linalg.norm(array))
    if not math.isfinite(norm) or norm < 1e-12:
        return None
    return (array / norm).astype(np.float32)
