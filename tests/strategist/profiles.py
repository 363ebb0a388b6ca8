"""Profiles of every kind that a policy may be handed, and what must hold of any plan."""

from __future__ import annotations

import json
import math

import numpy as np
from hypothesis import strategies as st

from defenses import build
from sentinel import Request, RiskProfile, Threat
from sentinel.profile import Reason

SIGNALS = (
    *("lexical_repetition", "query_complexity", "request_interval", "request_rate", "similarity_dispersion"),
    *("similarity_drop", "verbatim_run", "ngram_containment", "question_echo", "yes_no_run", "never_heard_of"),
)
_NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0.0, 2.0) | st.sampled_from([0.0, 0.7, 1e308])
_CHANCES = st.floats(0.0, 1.0) | st.just(math.nan)
_ARRAYS = st.lists(_NUMBERS, max_size=4).map(lambda values: np.array(values, dtype=np.float64))


@st.composite
def profiles(draw):
    """Missing, NaN and infinite measurements, some threats evaluated and others not."""
    signals = draw(st.dictionaries(st.sampled_from(SIGNALS), st.none() | _NUMBERS | _ARRAYS))
    chances = draw(st.dictionaries(st.sampled_from(list(Threat)), _CHANCES))
    arrays = st.lists(_CHANCES, max_size=4).map(np.array)
    suspicion = draw(st.dictionaries(st.sampled_from(list(Threat)), arrays, max_size=3))
    reasons = tuple(Reason(threat, "verbatim_run", 1.0, "words in a row") for threat in chances)
    return RiskProfile(signals, chances, suspicion, reasons, draw(st.sampled_from([{}, {"gibberish": "ValueError"}])))


@st.composite
def requests(draw):
    """Any text that is not blank, any client, any trust."""
    query = draw(st.text(min_size=1, max_size=60).filter(str.strip) | st.sampled_from(["?!*#~", "\ud800 x", "what is"]))
    trust = draw(st.none() | st.floats(0.0, 1.0))
    return Request(query, draw(st.integers(1, 20)), draw(st.none() | st.text(max_size=5)), None, trust, 0.0)


def planned(policy, request, profile, later=None):
    """The plan after both phases, checked: every defense can be built, nothing is forgotten without being named."""
    first = policy.before_retrieval(request, profile)
    last = first.extended(policy.after_retrieval(request, later or profile, first))
    for defense in last.defenses:
        build(defense.name, defense.parameters)
        assert defense.reason
    assert set(first.names) <= set(last.names) | set(last.removed)
    assert not set(last.names) & set(last.removed)
    json.dumps([last.record(), dict(last.removed)], allow_nan=False)
    return last


def parameters(plan):
    """What each defense of a plan is called with."""
    return {defense.name: dict(defense.parameters) for defense in plan.defenses}
