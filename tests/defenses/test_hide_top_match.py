"""Mirabel: the best match goes if it is an outlier, and only then."""

import numpy as np
import pytest

from defenses import Resources
from defenses.retrieval.hide_top_match import HideTopMatch
from sentinel import CorpusProfile, RiskProfile
from tests.builders import candidates, corpus_profile, evidence, seeded_vector

# Similarities of the query (1, 0) to the sample: 0.1 and -0.1: mean 0, deviation 0.1.
# n = 1000: tau = 0.1 * (3.716922 + 2.970195 / 3.716922) = 0.4516022 at rho = 0.05.
PROFILE = CorpusProfile(1000, np.array([[0.1, 0.9], [-0.1, 0.9]], np.float32))
ALONG = np.array([1, 0], np.float32)


def keep(similarities, query=ALONG, corpus=PROFILE, rho=0.05):
    found = evidence(found=candidates(["t"] * len(similarities), similarities), query_vector=query, corpus=corpus)
    return HideTopMatch(rho=rho).select(found, RiskProfile(), Resources()).keep


@pytest.mark.parametrize(
    ("similarities", "expected"),
    [
        ([0.4515, 0.3], (0, 1)),
        ([0.4517, 0.3], (1,)),
        ([0.3, 0.9, 0.8], (0, 2)),  # the largest, wherever it stands; the second stays, outlier or not
        ([0.9, 0.3, 0.9], (1,)),  # a duplicate does not stand in for the hidden one
        ([None, 0.9, float("nan")], (0, 2)),
        ([None, None], (0, 1)),
    ],
)
def test_golden(similarities, expected):
    assert keep(similarities) == expected


def test_a_stricter_test_hides_less():
    assert keep([0.5], rho=0.05) == ()
    assert keep([0.5], rho=0.0001) == (0,)


@pytest.mark.parametrize(
    ("query", "corpus"),
    [
        (None, PROFILE),
        (ALONG, None),
        (np.array([np.nan, 0], np.float32), PROFILE),
        (seeded_vector(1), corpus_profile(1, documents=1)),
        (seeded_vector(1), corpus_profile(1, documents=9)),  # one sample: no deviation
    ],
)
def test_what_cannot_be_told_hides_nothing(query, corpus):
    assert keep([0.99, 0.1], query, corpus) == (0, 1)
