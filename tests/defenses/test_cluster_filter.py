"""Drop groups that agree closely, leave what is only about the same; exact copies count once."""

import random
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources
from defenses.context.cluster_filter import MOST, ClusterFilter, agreeing_groups
from sentinel import RiskProfile, Threat
from tests.builders import candidates, evidence, near, seeded_vector


def angles(*degrees):
    """Unit vectors in the plane; the cosine of two of them is that of the angle between."""
    return [np.array([np.cos(a), np.sin(a)], np.float32) for a in np.radians(degrees)]


def select(texts, vectors, **parameters):
    found = evidence(found=candidates(texts, vectors=vectors))
    return ClusterFilter(**parameters).select(found, RiskProfile(), Resources())


def keep(texts, *degrees, **parameters):
    return select(texts, angles(*degrees), **parameters).keep


def matrix(size, edges):
    cosines = np.eye(size)
    for a, b, cosine in edges:
        cosines[a, b] = cosines[b, a] = cosine
    return cosines


def test_a_group_of_three_goes_and_a_pair_stays():
    assert keep("abcde", 0, 90, 5, 92, 10) == (1, 3)
    assert keep("abcd", 0, 90, 5, 92) == (0, 1, 2, 3)
    # cos 38 deg = 0.788 and cos 39 deg = 0.777 stand on either side of the threshold of 0.78.
    assert keep("abc", 0, 19, 38) == ()
    assert keep("abc", 0, 19, 39) == (0, 1, 2)
    assert keep("abc", 0, 19, 39, threshold=0.77) == ()


def test_what_is_about_the_same_but_looser_stays():
    # Three within 4 degrees; a fourth at 36 (mean cosine 0.829 to them, 0.17 below theirs) is past the margin.
    assert keep("abcd", 0, 2, 4, 36) == (3,)
    assert keep("abcd", 0, 2, 4, 36, margin=0.18) == ()
    assert keep("abcd", 0, 2, 4, 28) == ()  # mean 0.897
    # One threshold for all would have taken it: cos 32 deg to the nearest = 0.848.


def test_with_a_suspicion_members_stay_that_nothing_else_speaks_against():
    found = evidence(found=candidates("abcd", vectors=angles(0, 5, 10, 90)))
    seen = RiskProfile(suspicion={Threat.POISONING: np.array([0.5, 0.001, np.nan, 0.9])})
    assert ClusterFilter().select(found, seen, Resources()).keep == (3,)
    # The third was not evaluated, which is not clean; the fourth is in no group.
    assert ClusterFilter(suspicion=0.02).select(found, seen, Resources()).keep == (1, 3)
    assert ClusterFilter(suspicion=0.02).select(found, RiskProfile(), Resources()).keep == (3,)


def test_groups_golden():
    close = [(0, 1, 0.95), (0, 2, 0.9), (1, 2, 0.92)]  # mean 0.9233
    assert agreeing_groups(matrix(4, close), 0.9, 0.1) == [[0, 1, 2]]
    assert agreeing_groups(matrix(4, close), 0.91, 0.1) == []
    joins = [(3, 0, 0.9), (3, 1, 0.8), (3, 2, 0.8)]  # mean 0.8333
    assert agreeing_groups(matrix(4, close + joins), 0.9, 0.1) == [[0, 1, 2, 3]]
    assert agreeing_groups(matrix(4, close + joins), 0.9, 0.08) == [[0, 1, 2]]
    other = [(3, 4, 0.99), (3, 5, 0.99), (4, 5, 0.98)]
    assert agreeing_groups(matrix(6, close + other), 0.9, 0.1) == [[3, 4, 5], [0, 1, 2]]
    # Pairs and chains are no groups, however close.
    assert agreeing_groups(matrix(4, [(0, 1, 0.99), (1, 2, 0.99), (2, 3, 0.99)]), 0.5, 1.0) == []


@given(st.integers(0, 7), st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 20)), max_size=25))
def test_groups_hold_their_promise(size, edges):
    cosines = matrix(size, [(a, b, c / 20) for a, b, c in edges if a != b and max(a, b) < size])
    found = agreeing_groups(cosines, 0.7, 0.1)
    members = [i for group in found for i in group]
    assert len(members) == len(set(members))
    assert all(len(group) >= 3 for group in found)
    linked = (cosines >= 0.7) & ~np.eye(size, dtype=bool)
    triangle = any(
        linked[a, b] and linked[b, c] and linked[a, c] for a in range(size) for b in range(a) for c in range(b)
    )
    assert bool(found) == triangle


def test_exact_copies_count_once():
    assert keep(["same"] * 5, 0, 0, 0, 0, 0) == (0, 1, 2, 3, 4)
    assert keep(["same", "same", "other"], 0, 0, 1) == (0, 1, 2)
    assert keep(["same", "same", "other", "third"], 0, 0, 1, 2) == ()


def test_without_every_vector_nothing_is_dropped():
    assert select("abcd", [*angles(0, 1, 2), None]).keep == (0, 1, 2, 3)


def test_equal_vectors_agree_at_a_threshold_of_one():
    generator = np.random.default_rng(3)
    for _ in range(50):
        vector = generator.normal(size=384).astype(np.float32)
        vector /= np.linalg.norm(vector)  # its cosine with itself may come out as 0.9999999
        assert select("abc", [vector] * 3, threshold=1.0).keep == ()


def test_five_planted_leave_the_good_passage_on_the_subject():
    subject = seeded_vector(0, dimension=384)
    lie = near(subject, 1, 0.5)
    vectors = [near(lie, 10 + i, 0.3) for i in range(5)] + [near(subject, 2, 0.6), seeded_vector(3, dimension=384)]
    assert select("abcdefg", vectors).keep == (5, 6)


def test_many_candidates_are_bounded():
    generator = random.Random(4)
    texts = [f"text {i}" for i in range(1000)]
    vectors = [near(seeded_vector(generator.randrange(40)), i, 0.3) for i in range(1000)]
    start = time.perf_counter()
    selection = select(texts, vectors)
    assert time.perf_counter() - start < 5
    assert len(selection.dropped) <= MOST


@pytest.mark.parametrize("parameters", [{"threshold": 0.0}, {"threshold": 1.1}, {"margin": -0.1}])
def test_parameters_have_ranges(parameters):
    with pytest.raises(ValueError):
        ClusterFilter(**parameters)
