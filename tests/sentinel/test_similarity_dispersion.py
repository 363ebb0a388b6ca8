"""M_DIS as a total variance."""

import numpy as np
import pytest

from sentinel.signals.similarity_dispersion import SimilarityDispersion
from tests.builders import candidates, evidence, seeded_vector

E = np.eye(4, dtype=np.float32)


# Mean of two orthogonal unit vectors has squared length 1/2, of four 1/4, of opposite ones 0.
@pytest.mark.parametrize(
    ("vectors", "expected"), [([E[0], E[0]], 0.0), ([E[0], E[1]], 0.5), (list(E), 0.75), ([E[0], -E[0]], 1.0)]
)
def test_golden(vectors, expected):
    found = evidence(found=candidates(["x"] * len(vectors), vectors=vectors))
    assert SimilarityDispersion().measure(found) == pytest.approx(expected)


def test_it_is_the_sum_of_the_variances():
    vectors = [seeded_vector(i) for i in range(7)]
    value = SimilarityDispersion().measure(evidence(found=candidates(["x"] * 7, vectors=vectors)))
    assert value == pytest.approx(np.stack(vectors).var(axis=0).sum(), abs=1e-5)


@pytest.mark.parametrize("vectors", [[E[0]], [E[0], None], [E[0], np.full(4, np.nan, np.float32)]])
def test_missing(vectors):
    found = evidence(found=candidates(["x"] * len(vectors), vectors=vectors))
    assert SimilarityDispersion().measure(found) is None
    assert SimilarityDispersion().reason(found, 0.5)
