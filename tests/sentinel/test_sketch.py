"""Sketches: exact where sets are small, close where they are not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.sketch import BOTTOM, bloom, bottom, cosine, document_key, hashes, in_bloom, jaccard, project
from tests.builders import near, seeded_vector

names = st.sets(st.integers(0, 40).map("w{}".format), max_size=BOTTOM // 2)


@given(names, names)
def test_small_sets_are_compared_exactly(left, right):
    expected = len(left & right) / len(left | right) if left | right else 0.0
    assert jaccard(bottom(hashes(left)), bottom(hashes(right))) == pytest.approx(expected)


def test_large_sets_are_estimated():
    left, right = ([f"w{i}" for i in range(a, a + 200)] for a in (0, 100))
    assert jaccard(bottom(hashes(left)), bottom(hashes(right))) == pytest.approx(1 / 3, abs=0.25)


def test_sign_sketches_keep_the_angle():
    vector = seeded_vector(1, dimension=384)
    close = near(vector, 2, 0.3)
    assert cosine(project(vector), project(close)) == pytest.approx(float(vector @ close), abs=0.1)
    assert cosine(project(vector), project(-vector)) == pytest.approx(-1, abs=1e-9)


@given(st.sets(st.text(max_size=6), max_size=400))
def test_a_bloom_filter_never_forgets(found):
    assert in_bloom(hashes(found), bloom(hashes(found))).all()


def test_a_bloom_filter_seldom_lies():
    filled = bloom(hashes(f"a{i}" for i in range(400)))
    assert np.mean(in_bloom(hashes(f"b{i}" for i in range(2_000)), filled)) < 0.06


def test_keys_are_the_same_everywhere():
    assert document_key("water") == document_key("water") != document_key("Water")
    assert hashes(["water"]).tolist() == hashes(["water", "water"]).tolist()
    assert document_key("\ud800") >= 0
