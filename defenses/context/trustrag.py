"""TrustRAG stage 1: drop tight clusters of documents, then pairs that share too much wording."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from rapidfuzz import process
from rapidfuzz.distance import LCSseq

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


def rouge_l(texts: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """ROUGE-L F1 of every pair of word sequences, shape (n, n): 2 LCS / (m + n) (Lin, 2004, beta = 1)."""
    codes: dict[str, int] = {}
    coded = [[codes.setdefault(word, len(codes)) for word in text] for text in texts]
    common = process.cdist(coded, coded, scorer=LCSseq.similarity, dtype=np.int32).astype(np.float64)
    lengths = np.array([len(text) for text in texts], dtype=np.float64)
    total = lengths[:, None] + lengths[None, :]
    return np.divide(2.0 * common, total, out=np.zeros_like(common), where=total > 0)


def two_clusters(vectors: NDArray[np.float32], seed: int = 0) -> NDArray[np.int32]:
    """K-means with k = 2 on standardised, L2-normalised vectors, as published (n_init 10, max_iter 500).

    Args:
        vectors: Shape (n, d), n >= 2.
        seed: Of scikit-learn's generator.

    Returns:
        Labels 0 and 1, shape (n,).
    """
    from sklearn.cluster import KMeans

    deviation = vectors.std(axis=0)
    scaled = (vectors - vectors.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    norms = np.linalg.norm(scaled, axis=1, keepdims=True)
    scaled = scaled / np.where(norms > 0, norms, 1.0)
    if len(np.unique(scaled, axis=0)) < 2:
        return np.zeros(len(vectors), dtype=np.int32)
    # Fifteen rows are no work for a pool of threads: waiting for each other they take ten times as long.
    with _threads().limit(limits=1):
        labels: NDArray[np.int32] = KMeans(2, n_init=10, max_iter=500, random_state=seed).fit_predict(scaled)
    return labels


@lru_cache(maxsize=1)
def _threads() -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def tightness(cosines: NDArray[np.float32]) -> float:
    """Mean cosine over the pairs of a cluster; 0 for a single document, which cannot be a tight cluster."""
    n = len(cosines)
    if n < 2:
        return 0.0
    return float((cosines.sum() - np.trace(cosines)) / (n * (n - 1)))


class TrustRagStage1(SelectionDefense):
    """The K-means and n-gram filter of TrustRAG (arXiv 2501.00879, stage 1, without its LLM stage 2).

    Two clusters; a cluster whose mean pairwise cosine exceeds `threshold` is dropped (both, if both do). Among the
    documents of each remaining cluster, *both* members of every pair with ROUGE-L above `rouge` are dropped, as
    the authors' code does (the port in ADO keeps one of each). One planted document alone has no pair and passes.
    """

    manifest = DefenseManifest(
        name="trustrag",
        summary="drop tight clusters and pairs of similar wording (TrustRAG stage 1)",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        needs=frozenset({Need.VECTORS}),
        cost=Cost.TENS_OF_MILLISECONDS,
        baseline=True,
        source="TrustRAG, arXiv 2501.00879, stage 1",
    )

    threshold: float = Field(0.88, gt=0.0, le=1.0, description="mean cosine from which a cluster is dropped")
    rouge: float = Field(0.25, gt=0.0, le=1.0, description="ROUGE-L F1 from which a pair is dropped")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop what the filter calls planted; keep all where vectors are missing or fewer than two candidates."""
        vectors = evidence.vectors
        if vectors is None or len(vectors) < 2:
            return Selection.all_of(evidence)
        # K-means depends on the order of its rows: a canonical one makes the outcome independent of the ranking.
        order = np.lexsort((*vectors.T[:8], *[[c.text for c in evidence.candidates]]))
        cosines, texts = vectors @ vectors.T, evidence.candidate_words
        labels = two_clusters(vectors[order])
        dropped: dict[int, str] = {}
        for label in (0, 1):
            members = order[labels == label]
            tight = tightness(cosines[np.ix_(members, members)])
            if tight > self.threshold:
                for i in members:
                    dropped[evidence.candidates[i].position] = f"cluster of mean cosine {tight:.2f}"
                continue
            overlap = rouge_l([texts[i] for i in members])
            np.fill_diagonal(overlap, 0.0)
            for row in np.flatnonzero((overlap > self.rouge).any(axis=1)):
                dropped[evidence.candidates[members[row]].position] = "shares its wording with another"
        return Selection.without(evidence, dropped)
