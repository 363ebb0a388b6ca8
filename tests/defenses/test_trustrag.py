"""TrustRAG stage 1: ROUGE-L against a naive LCS, tightness by hand, and the published behaviour."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources
from defenses.context.trustrag import TrustRagStage1, deleted_by_wording, rouge_l, tightness, two_clusters
from sentinel import RiskProfile
from tests.builders import candidates, evidence, near, seeded_vector


def naive_lcs(left, right):
    table = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def test_rouge_l_golden():
    # LCS of "the cat sat on the mat" and "the dog sat on a mat" is "the sat on mat": 2 * 4 / (6 + 6).
    scores = rouge_l([["the", "cat", "sat", "on", "the", "mat"], ["the", "dog", "sat", "on", "a", "mat"], ["x"], []])
    np.testing.assert_allclose(scores, [[1, 2 / 3, 0, 0], [2 / 3, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    assert rouge_l([]).shape == (0, 0)


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", "ab"]), max_size=12), max_size=5))
def test_rouge_l_agrees_with_a_naive_lcs(texts):
    scores = rouge_l(texts)
    for i, left in enumerate(texts):
        for j, right in enumerate(texts):
            total = len(left) + len(right)
            assert scores[i, j] == pytest.approx(2 * naive_lcs(left, right) / total if total else 0.0)


def test_tightness_golden():
    # Pairs: 0.9, 0.6, 0.3: mean 0.6. The diagonal does not count.
    cosines = np.array([[1, 0.9, 0.6], [0.9, 1, 0.3], [0.6, 0.3, 1]], np.float32)
    assert tightness(cosines) == pytest.approx(0.6)
    assert tightness(np.ones((1, 1), np.float32)) == 0.0
    assert tightness(np.ones((0, 0), np.float32)) == 0.0


def test_two_clusters_parts_what_lies_apart():
    vectors = np.stack([near(seeded_vector(i % 2), 50 + i, 0.1) for i in range(8)])
    labels = two_clusters(vectors)
    assert len(set(labels[::2])) == len(set(labels[1::2])) == 1
    assert labels[0] != labels[1]
    assert two_clusters(np.stack([seeded_vector(1)] * 3)).tolist() == [0, 0, 0]


def select(texts, vectors, **parameters):
    found = evidence(found=candidates(texts, vectors=vectors))
    return TrustRagStage1(**parameters).select(found, RiskProfile(), Resources())


POISON = seeded_vector(0)
HONEST = ["bees dance at noon", "ledgers list payments", "rivers carry silt"]


def test_a_tight_cluster_is_dropped_whole():
    texts = [f"planted number {word}" for word in ("one", "two", "three")] + HONEST
    vectors = [near(POISON, i, 0.05) for i in range(3)] + [seeded_vector(10 + i) for i in range(3)]
    selection = select(texts, vectors)
    assert selection.keep == (3, 4, 5)
    assert selection.dropped[0].startswith("cluster of mean cosine 1.00")


def test_both_clusters_go_if_both_are_tight():
    vectors = [near(seeded_vector(i % 2), i, 0.05) for i in range(6)]
    assert select([*HONEST, "a", "b", "c"], vectors, gate=False).keep == ()


def test_both_members_of_a_pair_of_like_wording_go():
    # One direction, not tight: the pair shares 3 of 4 words (ROUGE-L 0.75), the others share nothing.
    vectors = [seeded_vector(20 + i) for i in range(4)]
    same = np.stack([vectors[0]] * 2)
    labels = two_clusters(np.stack([near(same[0], 1, 0.9), near(same[1], 2, 0.9), *vectors[2:]]))
    assert labels[0] == labels[1], "the pair shares a cluster, else there is nothing to compare"
    chosen = [near(same[0], 1, 0.9), near(same[1], 2, 0.9), *vectors[2:]]
    texts = ["the city is paris", "the city is rome", *HONEST[:2]]
    selection = select(texts, chosen)
    assert selection.keep == (2, 3)
    assert set(selection.dropped.values()) == {"shares its wording with another"}
    assert select(texts, chosen, rouge=0.75).keep == (0, 1, 2, 3)


def test_one_planted_document_passes():
    vectors = [POISON, *(seeded_vector(10 + i) for i in range(3))]
    assert select(["planted", *HONEST], vectors).keep == (0, 1, 2, 3)


def test_exact_duplicates_take_each_other_out_as_published():
    # Which is why this baseline is exempt from the promise that duplicates change nothing (test_base.py).
    vectors = [seeded_vector(10 + i) for i in range(3)]
    assert select(HONEST, vectors).keep == (0, 1, 2)
    assert select([*HONEST, HONEST[0]], [*vectors, vectors[0]]).keep == (1, 2)


@pytest.mark.parametrize("size", [0, 1])
def test_fewer_than_two_are_kept(size):
    assert select(["a"] * size, [POISON] * size).keep == tuple(range(size))


@pytest.mark.parametrize("seed", range(12))
def test_the_ranking_does_not_sway_the_clusters(seed):
    # Vectors without any structure: here K-means ends elsewhere if its rows come in another order.
    generator = np.random.default_rng(seed)
    vectors = [seeded_vector(100 * seed + i) for i in range(15)]
    order = generator.permutation(15)
    kept = select([f"text{i}" for i in range(15)], vectors, threshold=0.02, gate=False).keep
    shuffled = select([f"text{i}" for i in order], [vectors[i] for i in order], threshold=0.02, gate=False).keep
    assert sorted(kept) == sorted(int(order[i]) for i in shuffled)


@pytest.mark.parametrize(
    ("pairs", "deleted"),
    [
        ([], set()),
        ([(0, 1)], {0, 1}),
        ([(0, 1), (0, 2)], {0, 1, 2}),  # 2 shares the wording of the first deleted
        ([(0, 1), (1, 2)], {0, 1}),  # 2 only shares that of a row already gone
        ([(0, 1), (2, 3), (2, 4)], {0, 1, 2, 3}),  # 4 shares that of the second deleted, which is not asked
        ([(0, 3), (1, 2), (1, 3)], {0, 1, 2, 3}),
    ],
)
def test_wording_rule_golden(pairs, deleted):
    overlap = np.eye(5)
    for a, b in pairs:
        overlap[a, b] = overlap[b, a] = 0.3
    assert deleted_by_wording(overlap, 0.25) == deleted
    assert deleted_by_wording(overlap, 0.3) == set(), "a pair is one above the limit"


def test_without_a_pair_of_like_wording_the_gate_stays_shut():
    vectors = [near(POISON, i, 0.05) for i in range(6)]
    assert select([*HONEST, "a", "b", "c"], vectors).keep == (0, 1, 2, 3, 4, 5)


def at(*degrees):
    return [np.array([np.cos(a), np.sin(a), 0.1], np.float32) / np.float32(np.sqrt(1.01)) for a in np.radians(degrees)]


def test_a_document_alone_in_its_cluster():
    # Beside a tight cluster (0, 4 and 8 degrees: mean cosine .99) the single one at 90 degrees is what remains.
    texts = ["alpha one two", "beta one two", "gamma one two", "delta rivers"]
    assert select(texts, at(0, 4, 8, 90)).keep == (3,)
    # At 25 degrees it lies as close (cos 25 = .91) to the first of them as they do: all go.
    assert select(texts, at(0, 1, 2, 25)).keep == ()


def test_a_document_alone_beside_a_loose_cluster_is_dropped():
    # And no wording is compared, though rows 0 and 1 share theirs.
    cosines = np.full((4, 4), 0.5, np.float32)
    overlap = np.eye(4)
    overlap[0, 1] = overlap[1, 0] = 0.9
    parts = [np.array([0, 1, 2]), np.array([3])]
    assert TrustRagStage1()._gone(cosines, overlap, parts) == {3: "stands alone in its cluster"}
    parts = [np.array([0, 1]), np.array([2, 3])]
    assert TrustRagStage1()._gone(cosines, overlap, parts).keys() == {0, 1}
