"""Mirabel's Gumbel threshold, by hand and against a simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel import CorpusProfile
from sentinel.signals.similarity_outlier import SimilarityOutlier, gumbel_threshold
from tests.builders import candidates, corpus_profile, evidence, seeded_vector


def test_threshold_golden():
    # n = 1000: 2 ln n = 13.815511, its root 3.716922. rho = 0.05: -ln(-ln 0.95) = -ln 0.0512933 = 2.970195.
    # mu_n = 0.1 + 0.05 * 3.716922 = 0.2858461; tau = mu_n + 2.970195 * 0.05 / 3.716922 = 0.2858461 + 0.0399550.
    assert gumbel_threshold(0.1, 0.05, 1000, 0.05) == pytest.approx(0.3258011, abs=1e-7)
    # rho = 1 - 1/e makes c = -ln 1 = 0: the threshold is mu_n itself.
    assert gumbel_threshold(0.1, 0.05, 1000, 1 - math.exp(-1)) == pytest.approx(0.2858461, abs=1e-7)


def test_chance_exceeds_the_threshold_no_more_often_than_rho():
    # mu_n overstates where the largest of n Gaussians lies, so the paper's test is on the careful side.
    draws = np.random.default_rng(0).normal(0.2, 0.1, (2000, 1000)).max(axis=1)
    for rho in (0.05, 0.2):
        assert 0.04 * rho < (draws > gumbel_threshold(0.2, 0.1, 1000, rho)).mean() <= rho


@given(st.integers(2, 10**9), st.floats(0.001, 0.999), st.floats(0.001, 1))
def test_threshold_grows_with_strictness_and_shifts_with_the_mean(documents, rho, deviation):
    threshold = gumbel_threshold(0.0, deviation, documents, rho)
    assert math.isfinite(threshold)
    assert gumbel_threshold(0.0, deviation, documents, rho / 2) > threshold
    assert gumbel_threshold(0.3, deviation, documents, rho) == pytest.approx(threshold + 0.3)
    assert gumbel_threshold(0.0, 2 * deviation, documents, rho) == pytest.approx(2 * threshold)


# Similarities of (1, 0) to the sample: 0.6 and -0.6: mean 0, deviation 0.6.
PROFILE = CorpusProfile(1000, np.array([[0.6, 0.8], [-0.6, 0.8]], np.float32))
ALONG = np.array([1, 0], np.float32)


def test_measure_golden():
    # tau = 0.6 * (3.716922 + 2.970195 / 3.716922) = 0.6 * 4.516022; in deviations: s / 0.6 - 4.516022.
    found = evidence(found=candidates("abc", [0.9, None, -0.6]), query_vector=ALONG, corpus=PROFILE)
    value = SimilarityOutlier().measure(found)
    np.testing.assert_allclose(value, [1.5 - 4.516022, np.nan, -1 - 4.516022], atol=1e-5)
    assert SimilarityOutlier().reason(found, value) == "the best match lies -3.0 deviations from what chance explains"


@pytest.mark.parametrize(
    ("query", "corpus"),
    [
        (None, corpus_profile()),
        (seeded_vector(1), None),
        (seeded_vector(1, dimension=8), corpus_profile()),
        (seeded_vector(1), corpus_profile(1, documents=1)),
        (seeded_vector(1), corpus_profile(1, documents=9)),  # one sample: no deviation
    ],
)
def test_what_cannot_be_told_is_missing(query, corpus):
    found = evidence(found=candidates("ab", [0.9, 0.1]), query_vector=query, corpus=corpus)
    assert SimilarityOutlier().measure(found) is None
