"""Keep one of each group of near-duplicates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources
from defenses.context._likeness import groups, resemblance
from defenses.context.near_duplicate_filter import NearDuplicateFilter
from sentinel import RiskProfile
from sentinel.text import word_ngrams
from tests.builders import candidates, evidence, near, seeded_vector

LONG = "a b c d e f g h i j"


def select(texts, similarities=None, vectors=None, **parameters):
    found = evidence(found=candidates(texts, similarities, vectors))
    return NearDuplicateFilter(**parameters).select(found, RiskProfile(), Resources())


def test_resemblance_golden():
    # 3-grams: abc bcd cde | bcd cde def: two of four in common.
    np.testing.assert_allclose(resemblance(["a b c d e", "b c d e f", "x"]), [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 0]])
    assert resemblance([]).shape == (0, 0)


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=8).map(" ".join), max_size=5))
def test_resemblance_agrees_with_sets(texts):
    found = resemblance(texts)
    for i, left in enumerate(texts):
        for j, right in enumerate(texts):
            a, b = word_ngrams(left, 3), word_ngrams(right, 3)
            assert found[i, j] == pytest.approx(len(a & b) / len(a | b) if a | b else 0.0)


def test_the_most_similar_of_a_group_is_kept():
    # "... k" shares 8 of 9 3-grams with LONG.
    selection = select([LONG, f"{LONG} k", "bees dance at noon"], [0.5, 0.9, 0.1])
    assert selection.keep == (1, 2)
    assert selection.dropped == {0: "one of 2 near-duplicates"}
    assert select([LONG, f"{LONG} k"], [0.5, 0.9], wording=0.9).keep == (0, 1)


def test_copies_collapse_whatever_their_case():
    selection = select(["The river.", "the  RIVER", "other"], [0.1, 0.2, 0.3])
    assert selection.keep == (1, 2)
    assert selection.dropped == {0: "repeats another document word for word"}
    assert len(select([LONG] * 1000, [0.5] * 1000).keep) == 1
    assert select(["", " ", "\n"]).keep == (0, 1, 2), "texts without words are not copies of each other"


def test_close_vectors_are_near_duplicates_too():
    vectors = [seeded_vector(1), near(seeded_vector(1), 2, 0.05), seeded_vector(3)]
    assert select("abc", [0.9, 0.8, 0.7], vectors).keep == (0, 2)
    assert select("abc", [0.9, 0.8, 0.7], [*vectors[:2], None]).keep == (0, 1, 2)
    assert select("ab", [0.9, 0.8], [seeded_vector(1)] * 2, cosine=1.0).keep == (0,)


@given(st.integers(0, 12), st.data())
def test_groups_part_the_linked_rows(size, data):
    edges = data.draw(st.lists(st.tuples(*[st.integers(0, max(size - 1, 0))] * 2), max_size=10)) if size else []
    linked = np.eye(size, dtype=bool)
    for a, b in edges:
        linked[a, b] = linked[b, a] = True
    found = groups(linked)
    members = [i for group in found for i in group]
    assert sorted(members) == [i for i in range(size) if linked[i].sum() > 1]
    assert all(any(a in g and b in g for g in found) for a, b in edges if a != b)
