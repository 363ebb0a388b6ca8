"""Circuit breakers on a simulated clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategist.breaker import Breaker, BreakerState

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


def opened(failures=3, cooldown_s=10.0, at=0.0):
    breaker = Breaker(failures, cooldown_s)
    assert [breaker.failed(at) for _ in range(failures)] == [False] * (failures - 1) + [True]
    return breaker


def test_failures_in_a_row_open_it():
    breaker = Breaker(3, 10.0)
    for _ in range(5):
        assert not breaker.failed(0.0)
        assert not breaker.failed(0.0)
        breaker.succeeded()
    assert breaker.state(0.0) is CLOSED
    assert opened().state(0.0) is OPEN


def test_an_open_breaker_lets_nothing_through_until_it_has_rested():
    breaker = opened()
    assert not any(breaker.admit(t) for t in (0.0, 5.0, 9.999))
    assert breaker.state(10.0) is HALF_OPEN
    assert [breaker.admit(10.0), breaker.admit(10.0), breaker.admit(12.0)] == [True, False, False]


def test_a_good_probe_closes_it():
    breaker = opened()
    assert breaker.admit(10.0)
    breaker.succeeded()
    assert breaker.state(10.0) is CLOSED
    assert (breaker.failures, breaker.openings) == (0, 1)
    assert not breaker.failed(10.0)


def test_a_bad_probe_opens_it_anew_for_as_long():
    breaker = opened()
    assert breaker.admit(11.0)
    assert breaker.failed(12.0)
    assert breaker.openings == 2
    assert not breaker.admit(21.9)
    assert breaker.admit(22.0)


def test_a_probe_of_which_nothing_is_heard_holds_nobody_up_for_ever():
    breaker = opened()
    assert breaker.admit(10.0)
    assert not breaker.admit(19.9)
    assert breaker.admit(20.0)


def test_late_failures_of_an_open_breaker_do_not_prolong_the_rest():
    breaker = opened()
    assert not breaker.failed(9.0)
    assert breaker.admit(10.0)


def test_without_a_number_it_never_opens():
    breaker = Breaker(None, 1.0)
    assert not any(breaker.failed(float(t)) for t in range(1000))
    assert breaker.admit(1000.0)


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from(["ok", "bad", "lost"]), st.floats(0.0, 8.0)), max_size=60),
)
def test_against_a_plain_account_of_what_it_promises(limit, calls):
    """Closed below the limit; open for the whole rest; then one call at a time, which decides."""
    breaker, now, row, opened_at, probe = Breaker(limit, 5.0), 0.0, 0, None, None
    for outcome, pause in calls:
        now += pause
        if opened_at is None:
            expected = True
        elif now - opened_at < 5.0:
            expected = False
        else:
            expected = probe is None or now - probe >= 5.0
        assert breaker.admit(now) is expected
        if not expected:
            continue
        if opened_at is not None:
            probe = now
        if outcome == "ok":
            breaker.succeeded()
            row, opened_at, probe = 0, None, None
        elif outcome == "bad":
            row += 1
            opens = row >= limit
            assert breaker.failed(now) is opens
            if opens:
                opened_at, probe = now, None


@pytest.mark.parametrize("failures", [1, 2, 7])
def test_its_count(failures):
    assert opened(failures).failures == failures
