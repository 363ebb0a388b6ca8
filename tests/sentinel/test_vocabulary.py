"""Requests are validated when they are made; a vector without a direction is missing."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sentinel import Candidate, DataError, Request, unit
from sentinel.vocabulary import MAX_K, MAX_QUERY_CHARACTERS
from tests.builders import candidates


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": ""}, "empty"),
        ({"query": " \n\t　"}, "empty"),
        ({"query": None}, "must be text, not NoneType"),
        ({"query": b"bytes"}, "must be text, not bytes"),
        ({"query": "x" * (MAX_QUERY_CHARACTERS + 1)}, "1,000,001 characters; 1,000,000 at most"),
        ({"k": 0}, "k must be"),
        ({"k": -1}, "k must be"),
        ({"k": True}, "not True"),
        ({"k": 2.0}, "not 2.0"),
        ({"k": "5"}, "not '5'"),
        ({"k": MAX_K + 1}, "from 1 to 10,000"),
        ({"trust": -0.01}, "trust must lie"),
        ({"trust": 1.01}, "trust must lie"),
        ({"trust": float("nan")}, "trust must lie"),
        ({"trust": "high"}, "trust must lie in \\[0, 1\\], not 'high'"),
    ],
)
def test_bad_requests_are_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        Request(**{"query": "why?", **arguments})


def test_the_edges_are_accepted():
    assert len(Request("x" * MAX_QUERY_CHARACTERS, k=MAX_K, trust=0.0).query) == MAX_QUERY_CHARACTERS
    assert Request("a\x00b\x1b[0m", k=1, trust=1).k == 1
    assert Request("?", trust=np.float32(0.5)).trust == 0.5


def test_a_request_cannot_be_changed_and_knows_when_it_came():
    first, second = Request("a"), Request("b")
    assert 0 <= first.time <= second.time
    with pytest.raises(AttributeError):
        first.query = "c"


def test_candidates_are_identified_by_position_and_not_by_content():
    one, two = candidates(["same", "same"])
    assert one.text == two.text == "same"
    assert one != two
    assert len({one, two}) == 2
    assert one != Candidate(0, one.document)


@pytest.mark.parametrize(
    "vector",
    [[], [0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0], [-float("inf"), 0.0], [1e-13, 0.0], 3.0, [[1.0, 0.0]]],
)
def test_a_vector_without_a_direction_is_missing(vector):
    assert unit(vector) is None


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        ([3, 4], [0.6, 0.8]),
        ((0, -2.0), [0.0, -1.0]),
        ([1e-11, 0], [1.0, 0.0]),
        ([3e38, 3e38], [0.5**0.5, 0.5**0.5]),  # the norm is beyond float32
        ([1e60, 0], [1.0, 0.0]),  # the number itself is
    ],
)
def test_unit_golden(vector, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = unit(vector)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@given(arrays(np.float32, st.integers(1, 20), elements=st.floats(width=32)))
def test_unit_gives_length_one_or_nothing_and_leaves_its_input_alone(vector):
    before = vector.copy()
    found = unit(vector)
    np.testing.assert_array_equal(vector, before)
    if found is None:
        assert not np.isfinite(vector).all() or np.linalg.norm(vector.astype(float)) < 1e-12
    else:
        assert np.linalg.norm(found.astype(float)) == pytest.approx(1.0, abs=1e-5)
