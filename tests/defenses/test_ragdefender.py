"""RAGDefender: stages by hand, and against the package with the same embeddings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defenses import Resources
from defenses.context.ragdefender import RagDefender, count_multi_hop, count_single_hop, most_alike, votes_by_terms
from sentinel import RiskProfile
from tests.builders import candidates, evidence, near, seeded_vector

TEXTS = ["paris is the capital", "paris is a capital city", "bees dance at noon", "rivers carry silt", "ledgers list"]


def test_most_alike_golden():
    # N_adv = 2: one pair counts, the closest (0, 2). N_adv = 3: the three closest are (0, 2) .9, (1, 2) -.8? no: .5.
    cosines = np.array([[1, 0.1, 0.9, 0.3], [0.1, 1, 0.5, 0.2], [0.9, 0.5, 1, 0.0], [0.3, 0.2, 0.0, 1]])
    assert most_alike(cosines, 1) == [0]
    assert sorted(most_alike(cosines, 2)) == [0, 2]
    # f = .81 + .09 (row 0), .25 (row 1), .81 + .25 (row 2), .09 (row 3).
    assert most_alike(cosines, 3) == [2, 0, 1]
    assert most_alike(cosines, 4) == [0, 1, 2, 3]
    assert most_alike(-np.ones((3, 3)), 2) == [2, 0], "a negative cosine counts against"


def test_votes_by_terms_golden():
    # Two terms, "capital" and "paris", each in two of three texts; more than half of two terms is both.
    assert votes_by_terms(["paris capital", "paris capital", "bees"], 2) == 2
    assert votes_by_terms(["the", "of the", ""]) == 0


def test_multi_hop_golden():
    # Means .7, .7, .7, .4: mean .625; lower medians .9, .9, .9, .2 -> .9. Three stand out, and .625 < .9.
    cosines = np.array([[1, 0.9, 0.9, 0.2], [0.9, 1, 0.9, 0.2], [0.9, 0.9, 1, 0.2], [0.2, 0.2, 0.2, 1]])
    cosines[3, 3] = 1.0
    assert count_multi_hop(cosines) == 3
    # All equal: nothing stands out, and the count is turned round.
    assert count_multi_hop(np.ones((4, 4))) == 4


def select(texts, vectors, **parameters):
    found = evidence(found=candidates(texts, vectors=vectors))
    return RagDefender(**parameters).select(found, RiskProfile(), Resources())


def test_it_drops_at_least_one_document_of_a_clean_list():
    # The published weakness: single-hop never answers "none".
    selection = select(TEXTS, [seeded_vector(i) for i in range(5)])
    assert len(selection.dropped) >= 1
    assert all("most alike" in why for why in selection.dropped.values())


def test_a_planted_group_is_dropped():
    vectors = [near(seeded_vector(0), 1, 0.05), near(seeded_vector(0), 2, 0.05), *map(seeded_vector, (10, 11, 12))]
    assert select(TEXTS, vectors).keep == (2, 3, 4)


@pytest.mark.parametrize("size", [0, 1])
def test_fewer_than_two_are_kept(size):
    assert select(["a"] * size, [seeded_vector(0)] * size).keep == tuple(range(size))


def test_missing_vectors_keep_all():
    assert select(TEXTS, [None, *map(seeded_vector, range(4))]).keep == (0, 1, 2, 3, 4)


class Encoder:
    """Stands in for the package's model, which is fetched from a hub: gives the vectors that the test injects."""

    def __init__(self, vectors):
        self.vectors = vectors

    def encode(self, texts, convert_to_tensor=True):
        import torch

        return torch.from_numpy(self.vectors.copy())


WORDS = [f"{a}{b}" for a in ("river", "stone", "paper", "cloud", "light") for b in ("bank", "mill", "ward", "fall")]


@pytest.mark.parametrize("task", ["single_hop", "multi_hop"])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(3, 15), planted=st.integers(0, 5))
def test_the_package_drops_the_same(task, seed, size, planted):
    package = pytest.importorskip("ragdefender")
    generator = np.random.default_rng(seed)
    vectors = np.stack(
        [near(seeded_vector(seed), seed + i, 0.3) if i < planted else seeded_vector(seed + 50 + i) for i in range(size)]
    ).astype(np.float32)
    # Distinct counts of distinct words: where TF-IDF sums tie, the package's choice of terms is arbitrary.
    texts = [" ".join(generator.choice(WORDS, 12, p=np.arange(1, 21) / 210)) for _ in range(size)]
    defender = package.RAGDefender(embedder=Encoder(vectors), device="cpu", task_type=task)
    _, removed = defender.defend("q", texts, return_indices=True)
    assert sorted(RagDefender(task=task).planted(vectors, texts)) == removed


def test_stage_one_agrees_with_the_package():
    package = pytest.importorskip("ragdefender")
    vectors = np.stack([seeded_vector(i) for i in range(5)])
    grouping = package.ClusteringBasedGrouping(Encoder(vectors))
    expected = grouping.estimate_n_adv(TEXTS, embeddings=Encoder(vectors).encode(TEXTS))
    assert count_single_hop(vectors, TEXTS) == expected
