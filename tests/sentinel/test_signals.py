"""What every registered signal promises, whatever it measures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel import SIGNALS, RiskProfile, Sentinel, Signal, ThreatModels
from sentinel.signals import peak
from tests.builders import QUERY, candidates, contents, corpus_profile, evidence, from_contents, seeded_vector

NAMES = SIGNALS.names()


def measured(name, found):
    """The checked measurement; a raise fails the test."""
    sentinel = Sentinel([SIGNALS.get(name)()], ThreatModels())
    profile = sentinel.sense_context(found, sentinel.sense_query(found))
    assert profile.failed == {}
    return profile.signals.get(name)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(found=contents(), query=st.just(QUERY) | st.text(min_size=1).filter(str.strip), seed=st.integers(0, 5))
def test_a_signal_never_raises_and_changes_nothing(name, found, query, seed):
    chosen = from_contents(found)
    before = [c.document.model_copy(deep=True) for c in chosen]
    vector = seeded_vector(seed) if seed else None
    value = measured(name, evidence(query, chosen, query_vector=vector, corpus=corpus_profile() if seed > 2 else None))
    assert [c.document for c in chosen] == before
    if value is not None and SIGNALS.get(name).manifest.per_candidate:
        assert value.shape == (len(chosen),)
        reversed_value = measured(
            name,
            evidence(
                query,
                from_contents(found[::-1]),
                query_vector=vector,
                corpus=corpus_profile() if seed > 2 else None,
            ),
        )
        np.testing.assert_allclose(reversed_value[::-1], value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("vector", [None, np.full(16, np.nan, np.float32), seeded_vector(1, dimension=3)])
def test_unusable_vectors_are_missing_or_finite(name, vector):
    chosen = candidates(["a b c d e", "", "x"], [float("nan"), None, 0.5], [vector] * 3)
    for corpus in (None, corpus_profile(), corpus_profile(1)):
        value = measured(name, evidence(QUERY, chosen, query_vector=vector, corpus=corpus))
        assert value is None or not np.isinf(value).any()


@pytest.mark.parametrize("name", NAMES)
def test_without_candidates_there_is_nothing_to_see(name):
    if SIGNALS.get(name).manifest.per_candidate:
        value = measured(name, evidence(query_vector=seeded_vector(1), corpus=corpus_profile()))
        assert value is None or value.shape == (0,)


@pytest.mark.parametrize("name", NAMES)
def test_reasons_hold_no_user_text(name):
    found = evidence(
        "my secretword stands here at length in one place",
        ["my secretword stands here at length in one place"],
        query_vector=seeded_vector(1),
        corpus=corpus_profile(),
    )
    component = SIGNALS.get(name)()
    value = component.measure(found)
    assert "secretword" not in component.reason(found, value)
    assert component.reason(found, None)


@pytest.mark.parametrize(
    ("measurement", "expected"),
    [(0.5, 0.5), (np.array([0.1, np.nan, 0.7]), 0.7), (np.array([np.inf, 2.0]), 2.0), (-1, -1.0)],
)
def test_peak(measurement, expected):
    assert peak(measurement) == expected


@pytest.mark.parametrize("measurement", [None, float("nan"), np.array([]), np.array([np.nan]), float("inf")])
def test_the_peak_of_nothing_is_nan(measurement):
    assert np.isnan(peak(measurement))


def test_a_signal_cannot_be_made_without_a_measure():
    with pytest.raises(TypeError):
        Signal()
    assert RiskProfile().signals == {}
