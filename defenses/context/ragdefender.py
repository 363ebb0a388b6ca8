"""RAGDefender: estimate how many candidates were planted, then drop that many of the most alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat

Floats = NDArray[np.float64]


def cosine_matrix(vectors: NDArray[np.float32]) -> Floats:
    """Cosine of every pair of rows, shape (n, n)."""
    wide = vectors.astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    product: Floats = wide @ wide.T
    return product


def votes_by_terms(texts: Sequence[str], terms: int = 5) -> int:
    """N_TF-IDF (equation 1): texts that hold more than half of the heaviest TF-IDF terms of all.

    As packaged, a text holds a term if the term stands in it as a string, case and word borders apart.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

    vectorizer = TfidfVectorizer(stop_words=sorted(ENGLISH_STOP_WORDS))
    try:
        weights = np.asarray(vectorizer.fit_transform(texts).sum(axis=0)).ravel()
    except ValueError:  # no words but stop words
        return 0
    names = vectorizer.get_feature_names_out()
    order = sorted(range(len(names)), key=lambda i: (-round(float(weights[i]), 9), names[i]))
    top = [str(names[i]) for i in order[:terms]]
    return sum(sum(term in text for term in top) > len(top) // 2 for text in texts)


def count_single_hop(vectors: NDArray[np.float32], texts: Sequence[str], terms: int = 5) -> int:
    """N_adv for single-hop questions (equation 2): the smaller of two clusters, or the larger if terms say so."""
    from sklearn.cluster import AgglomerativeClustering

    second = int(AgglomerativeClustering(n_clusters=2).fit(vectors).labels_.sum())
    sizes = (second, len(texts) - second)
    return min(sizes) if second > 0 and votes_by_terms(texts, terms) <= len(texts) // 2 else max(sizes)


def count_multi_hop(cosines: Floats) -> int:
    """N_adv for multi-hop questions (equation 3, as packaged): rows that lie closer to the rest than most.

    The code differs from the paper: mean *or* median may stand out, the median's threshold lies half way to the
    mean, and the count is turned round where the mean of means is not below the median of medians. Medians are
    the lower of two middle values, as in torch.
    """
    n = len(cosines)
    means, medians = cosines.mean(axis=0), np.sort(cosines, axis=0)[(n - 1) // 2]
    mean, median = float(means.mean()), float(np.sort(medians)[(n - 1) // 2])
    count = int(((means > mean) | (medians > (median + mean) / 2)).sum())
    return count if count > 0 and mean < median else n - count


def most_alike(cosines: Floats, count: int, power: float = 2.0) -> list[int]:
    """The `count` rows of highest frequency score (equations 4 to 7) over the max(1, C(count, 2)) closest pairs."""
    n = len(cosines)
    if count >= n:
        return list(range(n))
    left, right = np.triu_indices(n, 1)
    values = cosines[left, right]
    pairs = np.argsort(-values, kind="stable")[: max(1, math.comb(count, 2))]
    weights = np.sign(values[pairs]) * np.abs(values[pairs]) ** power
    score = np.zeros(n)
    np.add.at(score, left[pairs], weights)
    np.add.at(score, right[pairs], weights)
    return [int(i) for i in np.argsort(-score, kind="stable")[:count]]


class RagDefender(SelectionDefense):
    """RAGDefender 0.2.0 (ACSAC 2025, arXiv 2511.01268), on the candidates' own vectors.

    Its published weakness: stage 1 never answers "none" but where a multi-hop count comes out as 0, so that with
    single-hop questions at least one document goes, planted or not. Equal documents are as alike as can be, so
    that copies change what goes. Rows stand in an order by content, since ties go to the lower row.
    """

    manifest = DefenseManifest(
        name="ragdefender",
        summary="drop an estimated number of the documents that are most alike (RAGDefender)",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        needs=frozenset({Need.VECTORS}),
        cost=Cost.MILLISECONDS,
        baseline=True,
        source="RAGDefender, arXiv 2511.01268, and its package 0.2.0",
    )

    task: Literal["single_hop", "multi_hop"] = Field("single_hop", description="how stage 1 counts")
    terms: int = Field(5, ge=1, le=100, description="m: TF-IDF terms that vote")
    power: float = Field(2.0, gt=0.0, le=10.0, description="p: exponent of the frequency score")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop the estimated number; keep all where vectors are missing or fewer than two candidates."""
        vectors = evidence.vectors
        if vectors is None or len(vectors) < 2:
            return Selection.all_of(evidence)
        keys = [(c.text, row.tobytes()) for c, row in zip(evidence.candidates, vectors, strict=True)]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        gone = self.planted(vectors[order], [evidence.candidates[i].text for i in order])
        why = f"among the {len(gone)} documents most alike"
        return Selection.without(evidence, {evidence.candidates[order[i]].position: why for i in gone})

    def planted(self, vectors: NDArray[np.float32], texts: Sequence[str]) -> list[int]:
        """The rows that the method calls planted.

        Args:
            vectors: Shape (n, d), n >= 2.
            texts: The n texts.
        """
        cosines = cosine_matrix(vectors)
        single = self.task == "single_hop"
        count = count_single_hop(vectors, texts, self.terms) if single else count_multi_hop(cosines)
        return most_alike(cosines, count, self.power) if count > 0 else []
