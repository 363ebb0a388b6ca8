"""A risk profile turns into plain JSON values, with missing kept apart from zero."""

import json
import math

import numpy as np
import pytest

from sentinel import Reason, RiskProfile, Threat

PROFILE = RiskProfile(
    {"many": np.array([0.0, np.nan, 0.123456789]), "one": 2.0, "missing": None, "nan": float("nan")},
    {Threat.MEMBERSHIP: 0.123456789},
    {Threat.POISONING: np.array([0.5, 0.25, 0.0])},
    (Reason(Threat.MEMBERSHIP, "many", 1.23456, "words"),),
    {"missing": "ValueError"},
)


def test_record_is_json_and_keeps_missing_apart_from_zero():
    assert json.loads(json.dumps(PROFILE.record(), allow_nan=False)) == {
        "probabilities": {"membership": 0.123457},
        "suspicion": {"poisoning": [0.5, 0.25, 0.0]},
        "signals": {"many": [0.0, None, 0.123457], "one": 2.0, "missing": None, "nan": None},
        "reasons": [["membership", "many", 1.235, "words"]],
        "failed": {"missing": "ValueError"},
    }


@pytest.mark.parametrize(("name", "expected"), [("many", 0.123456789), ("one", 2.0)])
def test_peak(name, expected):
    assert PROFILE.peak(name) == expected


@pytest.mark.parametrize("name", ["missing", "nan", "never heard of"])
def test_no_comparison_holds_for_a_missing_signal(name):
    assert math.isnan(PROFILE.peak(name))
    assert not PROFILE.peak(name) > 0
    assert not PROFILE.peak(name) <= 0


def test_the_empty_profile_says_nothing():
    assert RiskProfile().record() == {
        "probabilities": {},
        "suspicion": {},
        "signals": {},
        "reasons": [],
        "failed": {},
    }


def test_the_suspicion_of_a_candidate_is_the_highest_that_anybody_evaluated():
    seen = {Threat.POISONING: np.array([0.2, np.nan, 0.1]), Threat.JAMMING: np.array([0.4, 0.3])}
    profile = RiskProfile(suspicion=seen)
    both = (Threat.POISONING, Threat.JAMMING)
    assert [profile.suspicion_of(i, both) for i in range(3)] == [0.4, 0.3, 0.1]
    assert profile.suspicion_of(0, [Threat.POISONING]) == 0.2
    for position, threats in ((1, [Threat.POISONING]), (3, both), (0, [Threat.INJECTION]), (0, [])):
        assert math.isnan(profile.suspicion_of(position, threats))
