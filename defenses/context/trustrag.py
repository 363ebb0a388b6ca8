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
    # Fifteen rows are no work for a pool of threads: its members would mostly wait for each other.
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


def deleted_by_wording(overlap: NDArray[np.float64], limit: float) -> set[int]:
    """The rows that TrustRAG's n-gram rule deletes, in the order of the rows as published.

    A row not yet deleted goes together with the *first* later row that shares its wording, and every row that
    shares the wording of the first one so deleted goes as well. Two rows that only share it with a row already
    deleted stay: the rule is no closure over pairs.

    Args:
        overlap: ROUGE-L of every pair, shape (n, n).
        limit: A pair is one above it.
    """
    alike = overlap > limit
    deleted: set[int] = set()
    first: int | None = None
    for row in range(len(alike)):
        if row in deleted:
            continue
        partners = np.flatnonzero(alike[row, row + 1 :])
        if partners.size:
            deleted |= {row, row + 1 + int(partners[0])}
            first = row if first is None else first
        if first is not None and alike[row, first]:
            deleted.add(row)
    return deleted


class TrustRagStage1(SelectionDefense):
    """The K-means and n-gram filter of TrustRAG (arXiv 2501.00879, stage 1, without its LLM stage 2).

    As the authors' code has it: nothing happens if no pair of candidates has a ROUGE-L above `rouge` (`gate`). Then
    two clusters; one whose mean pairwise cosine exceeds `threshold` is dropped (both, if both do). Within each
    remaining cluster *both* members of a pair of like wording are dropped (`deleted_by_wording`; the port in ADO
    keeps one). A cluster of one document has no mean cosine: beside a tight cluster it is what remains, unless it
    lies as close to it as its members do; beside a loose one it is dropped itself, and no wording is compared.

    Differences: the candidates' own vectors in place of SimCSE, words without stemming in ROUGE-L, and rows in an
    order by content, not by rank, since K-means and the n-gram rule depend on it. One planted document alone
    passes wherever it does not stand alone.
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
    rouge: float = Field(0.25, gt=0.0, le=1.0, description="ROUGE-L F1 above which two documents make a pair")
    gate: bool = Field(True, description="do nothing where no pair of candidates shares its wording")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop what the filter calls planted; keep all where vectors are missing or fewer than two candidates."""
        vectors = evidence.vectors
        if vectors is None or len(vectors) < 2:
            return Selection.all_of(evidence)
        keys = [(c.text, row.tobytes()) for c, row in zip(evidence.candidates, vectors, strict=True)]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        overlap = rouge_l([evidence.candidate_words[i] for i in order])
        if self.gate and not (np.triu(overlap, 1) > self.rouge).any():
            return Selection.all_of(evidence)
        vectors = vectors[order]
        labels = two_clusters(vectors)
        parts = [np.flatnonzero(labels == label) for label in (0, 1)]
        gone = self._gone(vectors @ vectors.T, overlap, parts)
        return Selection.without(evidence, {evidence.candidates[order[i]].position: why for i, why in gone.items()})

    def _gone(
        self, cosines: NDArray[np.float32], overlap: NDArray[np.float64], parts: list[NDArray[np.intp]]
    ) -> dict[int, str]:
        tight = [tightness(cosines[np.ix_(part, part)]) for part in parts]
        gone: dict[int, str] = {}
        for part, mean in zip(parts, tight, strict=True):
            if mean > self.threshold:
                gone |= {int(i): f"cluster of mean cosine {mean:.2f}" for i in part}
        for part, other, mean in zip(parts, parts[::-1], tight[::-1], strict=True):
            if len(part) == 1 and len(other) > 0:
                if mean <= self.threshold:
                    return {int(part[0]): "stands alone in its cluster"}
                if cosines[part[0], other[0]] > self.threshold:
                    gone[int(part[0])] = "stands alone beside a tight cluster that it belongs to"
                return gone
        for part, mean in zip(parts, tight, strict=True):
            if mean <= self.threshold:
                for row in deleted_by_wording(overlap[np.ix_(part, part)], self.rouge):
                    gone[int(part[row])] = "shares its wording with another"
        return gone
