"""Drop tight groups of different texts; exact copies count once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources
from defenses.context.cluster_filter import ClusterFilter, near_duplicate_groups
from sentinel import RiskProfile
from tests.builders import candidates, evidence


def angles(*degrees):
    """Unit vectors in the plane; the cosine of two of them is that of the angle between."""
    return [np.array([np.cos(a), np.sin(a)], np.float32) for a in np.radians(degrees)]


def keep(texts, *degrees, **parameters):
    found = evidence(found=candidates(texts, vectors=angles(*degrees)))
    return ClusterFilter(**parameters).select(found, RiskProfile(), Resources()).keep


def test_a_group_of_three_goes_and_a_pair_stays():
    # cos 28 deg = 0.883 and cos 29 deg = 0.875 stand on either side of the threshold of 0.88.
    assert keep("abcde", 0, 90, 5, 92, 10) == (1, 3)
    assert keep("abcde", 0, 90, 5, 92, 10, least=2) == ()
    assert keep("abc", 0, 28, 56) == ()  # a chain is one group
    assert keep("abc", 0, 29, 58) == (0, 1, 2)


def test_exact_copies_count_once():
    assert keep(["same"] * 5, 0, 0, 0, 0, 0) == (0, 1, 2, 3, 4)
    assert keep(["same", "same", "other"], 0, 0, 1) == (0, 1, 2)
    assert keep(["same", "same", "other", "third"], 0, 0, 1, 2) == ()


def test_without_every_vector_nothing_is_dropped():
    vectors = angles(0, 1, 2)
    found = evidence(found=candidates("abcd", vectors=[*vectors, None]))
    assert ClusterFilter().select(found, RiskProfile(), Resources()).keep == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("edges", "groups"),
    [
        ([], []),
        ([(0, 1)], [[0, 1]]),
        ([(3, 4), (0, 2)], [[0, 2], [3, 4]]),
        ([(4, 0), (0, 3), (3, 1)], [[0, 1, 3, 4]]),
    ],
)
def test_groups_golden(edges, groups):
    cosines = np.eye(5, dtype=np.float32)
    for a, b in edges:
        cosines[a, b] = cosines[b, a] = 0.9
    assert near_duplicate_groups(cosines, 0.9 - 1e-6) == groups
    assert near_duplicate_groups(cosines, 0.91) == []


@given(st.integers(1, 9), st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=12))
def test_groups_agree_with_reachability(size, edges):
    linked = np.eye(size, dtype=bool)
    for a, b in edges:
        if a < size and b < size:
            linked[a, b] = linked[b, a] = True
    reach = np.linalg.matrix_power(linked.astype(np.int64), size) > 0
    expected = sorted({tuple(int(j) for j in np.flatnonzero(row)) for row in reach if row.sum() > 1})
    assert near_duplicate_groups(linked.astype(np.float32), 0.5) == [list(group) for group in expected]


def test_equal_vectors_are_near_duplicates_at_a_threshold_of_one():
    generator = np.random.default_rng(3)
    for _ in range(50):
        vector = generator.normal(size=384).astype(np.float32)
        vector /= np.linalg.norm(vector)  # its cosine with itself may come out as 0.9999999
        found = evidence(found=candidates("abc", vectors=[vector] * 3))
        assert ClusterFilter(threshold=1.0).select(found, RiskProfile(), Resources()).keep == ()


def test_a_long_chain_is_one_group():
    linked = np.eye(1000, dtype=np.float32)
    linked[np.arange(999), np.arange(1, 1000)] = linked[np.arange(1, 1000), np.arange(999)] = 1
    assert near_duplicate_groups(linked, 0.5) == [list(range(1000))]
