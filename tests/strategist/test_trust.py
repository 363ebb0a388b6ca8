"""Trust: a share of harmless requests that fades, that a few probes cannot sink and no patience can raise."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel import SIGNALS, ConfigurationError, DataError, RiskProfile, Stage, Threat
from strategist.state import TrustState, query_suspicion
from strategist.state.trust import HALF_LIFE, MOST, PRIOR

histories = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 3 * HALF_LIFE)), max_size=60)


def after(suspicions, state=None, gap=60.0):
    state = state or TrustState()
    for suspicion in suspicions:
        state = state.after(suspicion, state.time + gap)
    return state


def test_golden_values():
    assert TrustState().value == 0.5
    assert TrustState().after(1.0, 0.0).value == 10 / 21
    assert TrustState().after(0.0, 0.0).value == 11 / 21
    assert TrustState().after(0.25, 0.0) == TrustState(0.75, 0.25, 0.0)
    half = TrustState(8.0, 4.0, 0.0).at(HALF_LIFE)
    assert (half.clear, half.suspect, half.time) == (4.0, 2.0, HALF_LIFE)
    assert half.value == 14 / 26


@given(histories)
def test_a_value_lies_in_its_range_and_survives_bytes(history):
    state, now = TrustState(), 0.0
    for suspicion, passed in history:
        now += passed
        state = state.after(suspicion, now)
        assert 0.0 < state.value < 1.0
        assert state.clear + state.suspect <= MOST * (1 + 1e-9)
        assert TrustState.parse(state.dump()) == state
        assert len(state.dump()) == 28


@given(histories, st.floats(0, 1), st.floats(0, 0.99))
def test_more_suspicion_is_never_more_trust(history, high, share):
    state, now = TrustState(), 0.0
    for suspicion, passed in history:
        now += passed
        state = state.after(suspicion, now)
    assert state.after(high, now).value <= state.after(high * share, now).value + 1e-12


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 0.5), st.floats(0, HALF_LIFE)), max_size=80))
def test_m_probes_leave_a_bound_whatever_the_order_and_the_times(requests):
    """All but m requests at or below 1/2: the value is at least PRIOR / (2 PRIOR + m)."""
    state, now, probes = TrustState(), 0.0, 0
    for probe, harmless, passed in requests:
        now += passed
        probes += probe
        state = state.after(1.0 if probe else harmless, now)
        assert state.value >= PRIOR / (2 * PRIOR + probes) - 1e-12


@given(st.integers(0, 63), st.integers(1, 15), st.integers(0, 10_000))
def test_64_people_do_not_sink_by_one_prober(who, probes, seed):
    """One account, 64 people of 15 requests each, one of whom probes as often as he asks: it never falls below 0.4.

    The harmless ones are as suspicious as benign questions are: mostly hardly, now and then up to 0.6.
    """
    rng = random.Random(seed)
    requests = [(person, number) for person in range(64) for number in range(15)]
    rng.shuffle(requests)
    state, lowest = TrustState(), 1.0
    for step, (person, number) in enumerate(requests):
        suspicion = 1.0 if person == who and number < probes else rng.choice([0.01] * 18 + [0.3, 0.6])
        state = state.after(suspicion, 30.0 * step)
        lowest = min(lowest, state.value)
    assert lowest >= 0.4
    assert state.value >= 0.85


def test_who_does_nothing_but_probe_sinks():
    values = [after([0.95] * n).value for n in (5, 15, 40, 200)]
    assert values == sorted(values, reverse=True)
    assert values[1] < 0.33
    assert values[2] < 0.21
    assert values[3] < 0.1


def test_what_was_earned_in_thousands_of_requests_is_spent_in_hundreds():
    good = after([0.01] * 10_000)
    assert good.value > 0.93
    assert after([0.95] * 10, good).value > 0.85
    assert after([0.95] * 300, good).value < 0.3


@given(histories, st.floats(0, 1e7), st.floats(0, 1e7))
def test_fading_goes_to_the_prior_and_twice_is_once(history, first, second):
    state, now = TrustState(), 0.0
    for suspicion, passed in history:
        now += passed
        state = state.after(suspicion, now)
    once, twice = state.at(now + first + second), state.at(now + first).at(now + first + second)
    assert once.value == pytest.approx(twice.value)
    assert abs(once.value - 0.5) <= abs(state.value - 0.5) + 1e-12
    assert state.at(now + 40 * HALF_LIFE).value == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("now", [-5.0, 5.0, math.nan, math.inf, -math.inf])
def test_a_broken_clock_changes_nothing(now):
    state = TrustState(3.0, 4.0, 10.0)
    assert state.at(now) is state
    assert state.after(1.0, now) == TrustState(3.0, 5.0, 10.0)


@given(histories, st.floats(0, 1))
def test_a_past_takes_from_an_operators_word_and_never_adds(history, vouched):
    state = after([suspicion for suspicion, _ in history])
    assert state.tempered(None) is None
    assert 0.0 <= state.tempered(vouched) <= vouched
    assert after([0.0] * 50, state=TrustState()).tempered(vouched) == vouched
    assert TrustState().tempered(vouched) == vouched
    assert TrustState(0.0, 20.0, 0.0).tempered(0.9) == pytest.approx(0.45)


@pytest.mark.parametrize("suspicion", [-0.01, 1.01, math.nan, math.inf])
def test_what_is_no_probability_is_refused(suspicion):
    with pytest.raises(DataError, match="suspicion"):
        TrustState().after(suspicion, 0.0)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01",
        b"\x02" + TrustState().dump()[1:],
        TrustState().dump() + b"x",
        TrustState(-1.0, 0.0).dump(),
        TrustState(math.nan, 0.0).dump(),
        TrustState(0.0, 1e9).dump(),
        TrustState(0.0, 0.0, math.inf).dump(),
    ],
)
def test_foreign_bytes_are_refused(raw):
    with pytest.raises(DataError):
        TrustState.parse(raw)


def test_evidence_is_what_a_client_can_be_up_to():
    profile = RiskProfile(probabilities={Threat.MEMBERSHIP: 0.2, Threat.INJECTION: 0.4, Threat.POISONING: 0.9})
    assert query_suspicion(profile) == 0.4
    assert query_suspicion(RiskProfile()) is None, "nothing evaluated is no evidence of harmlessness"
    assert query_suspicion(RiskProfile(probabilities={Threat.POISONING: 0.9})) is None


def test_a_profile_that_has_seen_candidates_is_refused():
    """Else trust, and so what a client is served next, would tell whether its query found its document."""
    by_stage = {stage: n for n, m in SIGNALS.manifests().items() for stage in [m.stage]}
    probabilities = {Threat.MEMBERSHIP: 0.2}
    assert query_suspicion(RiskProfile({by_stage[Stage.QUERY]: 1.0}, probabilities)) == 0.2
    for late in (stage for stage in by_stage if stage is not Stage.QUERY):
        with pytest.raises(ConfigurationError, match="query-stage"):
            query_suspicion(RiskProfile({by_stage[late]: None}, probabilities))
    with pytest.raises(ConfigurationError, match="query-stage"):
        query_suspicion(RiskProfile({}, probabilities, {Threat.POISONING: np.zeros(3)}))
