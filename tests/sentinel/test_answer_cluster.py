"""Groups of three that agree."""

import numpy as np
import pytest

from sentinel.signals.answer_cluster import AnswerCluster
from tests.builders import candidates, evidence, near, seeded_vector


def measure(texts, vectors):
    return AnswerCluster().measure(evidence(found=candidates(texts, vectors=vectors)))


def test_a_group_of_three_and_a_pair():
    core, pair = seeded_vector(1), seeded_vector(2)
    vectors = [near(core, i, 0.05) for i in range(3)] + [near(pair, i, 0.05) for i in range(10, 12)]
    value = measure(list("abcde"), vectors)
    assert value[:3].min() > 0.9 > 0.7 > value[3:].max()


def test_golden():
    # Cosines to (1, 0, 0): 1 with itself, .8, .6: the second nearest other one of the first is at .6.
    vectors = [np.array(v, np.float32) for v in ([1, 0, 0], [0.8, 0.6, 0], [0.6, 0, 0.8])]
    np.testing.assert_allclose(measure(list("abc"), vectors), [0.6, 0.48, 0.48], atol=1e-6)
    # A copy is no further member.
    np.testing.assert_allclose(measure(list("abca"), [*vectors, vectors[0]])[:3], [0.6, 0.48, 0.48], atol=1e-6)


@pytest.mark.parametrize("texts", ["ab", "aab", ""])
def test_too_few_texts_are_missing(texts):
    assert measure(list(texts), [seeded_vector(i) for i in range(len(texts))]) is None
    assert AnswerCluster().reason(evidence(), None)
