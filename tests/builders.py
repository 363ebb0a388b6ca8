"""Short ways to build what nearly every test needs."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from langchain_core.documents import Document

from sentinel import Candidate, CorpusProfile, Evidence, Request, Vector, unit

DIMENSION = 16
QUERY = "What is the boiling point of water at sea level in degrees?"

TEXTS = [
    "Water boils at one hundred degrees at sea level and at ninety on the mountain.",
    "Water boils at one hundred degrees at sea level and at eighty on the mountain.",
    f"{QUERY} It is fifty degrees.",
    f"{QUERY} It is sixty degrees, as everybody knows.",
    "The treaty was signed in the spring after long talks between both delegations.",
    "Bees dance to tell each other where the flowers are, and how far away they stand.",
    "A ledger lists every payment in the order in which it was made.",
    "",
    "   \n\t ",
    "​‌\ud800‮ﬁ \x00 東京 زبان",
    "word " * 300,
]
"""Passages of every kind that a filter may meet: honest, near-duplicate, planted, empty, hostile."""


def seeded_vector(seed: int | str, *, dimension: int = DIMENSION) -> Vector:
    """A unit vector that depends on the seed alone."""
    number = seed if isinstance(seed, int) else zlib.crc32(seed.encode("utf-8", "surrogatepass"))
    found = unit(np.random.default_rng(number).normal(size=dimension))
    assert found is not None
    return found


def near(vector: Vector, seed: int, distance: float = 0.1) -> Vector:
    """A unit vector close to another one."""
    found = unit(vector + distance * seeded_vector(seed, dimension=len(vector)))
    assert found is not None
    return found


def candidates(
    texts: Sequence[str],
    similarities: Sequence[float | None] | None = None,
    vectors: Sequence[Vector | None] | None = None,
) -> tuple[Candidate, ...]:
    """One candidate per text, positions 0, 1, 2, ..."""
    size = len(texts)
    return tuple(
        Candidate(i, Document(page_content=text, metadata={"source": f"s{i}"}), similarity, vector)
        for i, text, similarity, vector in zip(
            range(size), texts, similarities or [None] * size, vectors or [None] * size, strict=True
        )
    )


def evidence(
    query: str = QUERY,
    found: Sequence[Candidate] | Sequence[str] = (),
    *,
    query_vector: Vector | None = None,
    corpus: CorpusProfile | None = None,
    k: int = 5,
) -> Evidence:
    """Evidence at time 0 over candidates or bare texts."""
    ready = tuple(c for c in found if isinstance(c, Candidate))
    chosen = ready or candidates([c for c in found if isinstance(c, str)])
    return Evidence(Request(query, k=k, time=0.0), query_vector, chosen, corpus)


def corpus_profile(size: int = 50, *, documents: int = 1000, dimension: int = DIMENSION) -> CorpusProfile:
    """A profile whose sample is fixed."""
    sample = np.stack([seeded_vector(1000 + i, dimension=dimension) for i in range(size)])
    return CorpusProfile(documents, sample, "model-a")


Content = tuple[str, float | None, bytes | None]
"""What a candidate is apart from its place: text, similarity, vector."""


def content(candidate: Candidate) -> Content:
    """A candidate's content, comparable by value."""
    vector = None if candidate.vector is None else candidate.vector.tobytes()
    return candidate.text, candidate.similarity, vector


@st.composite
def contents(draw: st.DrawFn, *, most: int = 8, always_vectors: bool | None = None) -> list[Content]:
    """A list of contents with repetitions, groups of close vectors, and missing measurements."""
    with_vectors = draw(st.booleans()) if always_vectors is None else always_vectors
    pool: list[Content] = []
    for _ in range(draw(st.integers(1, most))):
        text = draw(st.sampled_from(TEXTS) | st.text(max_size=60))
        similarity = draw(st.none() | st.sampled_from([0.5, 0.9, float("nan")]) | st.floats(-1, 1, width=32))
        group = draw(st.integers(0, 3))
        vector = near(seeded_vector(group), draw(st.integers(10, 40)), draw(st.sampled_from([0.05, 0.2, 3.0])))
        pool.append((text, similarity, vector.tobytes() if with_vectors or draw(st.booleans()) else None))
    return draw(st.lists(st.sampled_from(pool), max_size=12))


def from_contents(found: Sequence[Content]) -> tuple[Candidate, ...]:
    """Candidates of these contents, positions 0, 1, 2, ..."""
    return candidates(
        [text for text, _, _ in found],
        [similarity for _, similarity, _ in found],
        [None if raw is None else np.frombuffer(raw, np.float32) for _, _, raw in found],
    )
