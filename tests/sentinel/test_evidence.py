"""What signals look at: derived once, missing where it is not known."""

import numpy as np
import pytest

from sentinel import Evidence
from tests.builders import candidates, evidence, seeded_vector


def test_similarity_comes_from_the_base_else_from_the_vectors():
    query = seeded_vector(1)
    vectors = [seeded_vector(2), seeded_vector(3), None, seeded_vector(4, dimension=8), seeded_vector(5)]
    found = evidence(
        found=candidates("abcde", [0.25, None, None, None, float("nan")], vectors), query_vector=query
    ).similarities
    assert found[0] == 0.25
    assert found[1] == pytest.approx(float(vectors[1] @ query))
    assert np.isnan(found[2])
    assert np.isnan(found[3])
    assert found[4] == pytest.approx(float(vectors[4] @ query))


def test_without_a_query_vector_only_the_base_knows():
    found = evidence(found=candidates("ab", [None, 0.5], [seeded_vector(1)] * 2)).similarities
    assert np.isnan(found[0])
    assert found[1] == 0.5


def test_without_candidates_everything_is_empty_or_missing():
    nothing = evidence()
    assert nothing.similarities.shape == (0,)
    assert nothing.candidate_words == ()
    assert nothing.vectors is None
    assert nothing.cosines is None


@pytest.mark.parametrize(
    "bad", [None, seeded_vector(1, dimension=8), np.full(16, np.nan, np.float32), np.full(16, np.inf, np.float32)]
)
def test_one_unusable_vector_makes_the_matrix_missing(bad):
    found = evidence(found=candidates("ab", vectors=[seeded_vector(1), bad]))
    assert found.vectors is None
    assert found.cosines is None


def test_cosines():
    vectors = [np.array(v, np.float32) for v in ([1, 0], [0.6, 0.8], [0, -1])]
    cosines = evidence(found=candidates("abc", vectors=vectors)).cosines
    np.testing.assert_allclose(cosines, [[1, 0.6, 0], [0.6, 1, -0.8], [0, -0.8, 1]], atol=1e-6)


def test_keep_goes_by_position_keeps_the_order_and_carries_nothing_over():
    whole = evidence("find b now please", candidates(["a", "b", "c"], [0.3, 0.2, 0.1]))
    assert whole.similarities.tolist() == [0.3, 0.2, 0.1]
    part = whole.keep([2, 0, 7])
    assert [c.position for c in part.candidates] == [0, 2]
    assert part.similarities.tolist() == [0.3, 0.1]
    assert part.keep([2]).candidate_words == (("c",),)
    assert part.request is whole.request


def test_derived_values_are_computed_once():
    found = evidence("a b c", ["a b", "c"])
    assert found.runs is found.runs
    assert found.similarities is found.similarities
    assert found.query_words == ("a", "b", "c")
    assert [found.runs.longest(text) for text in found.candidate_words] == [2, 1]


def test_evidence_cannot_be_changed():
    with pytest.raises(AttributeError):
        evidence().corpus = None
    assert isinstance(evidence().with_candidates([]), Evidence)
