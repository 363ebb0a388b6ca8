"""A ledger spends all or nothing, within a sliding window, whatever runs beside it."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import BudgetLedger, Charge, MemoryLedger, Resources
from sentinel import ComponentError, ConfigurationError


def spend(ledger, key, now, limit=3, amount=1, window=10.0):
    return ledger.spend([Charge(key, limit, window, amount)], now) is None


def test_a_sliding_window():
    ledger = MemoryLedger()
    assert [spend(ledger, "a", now) for now in (0, 4, 8, 9.9)] == [True, True, True, False]
    # At 10 the spending at 0 has left (0, 10]; the one at 4 leaves at 14.
    assert [spend(ledger, "a", now) for now in (10, 13.9, 14)] == [True, False, True]
    assert ledger.peek("a", 10, 14) == 3
    assert ledger.peek("a", 10, 1000) == 0
    assert ledger.peek("b", 10, 0) == 0


def test_amounts():
    ledger = MemoryLedger()
    assert not spend(ledger, "a", 0, amount=4)
    assert spend(ledger, "a", 0, amount=2)
    assert not spend(ledger, "a", 0, amount=2)
    assert spend(ledger, "a", 0, amount=1)
    assert not spend(ledger, "b", 0, limit=0)


def test_all_or_nothing():
    ledger = MemoryLedger()
    tight, wide = Charge("tight", 1, 10.0), Charge("wide", 9, 10.0)
    assert ledger.spend([wide, tight], 0) is None
    assert ledger.fits([wide, tight], 0) == tight
    assert ledger.spend([wide, tight], 0) == tight
    assert ledger.peek("wide", 10, 0) == 1


def test_distinct_members():
    def see(member, now):
        return ledger.spend([Charge("seen", 2, 10.0, member=member)], now) is None

    ledger = MemoryLedger()
    assert [see(m, 0) for m in "abca"] == [True, True, False, True]
    # Seen again at 5, "a" stays until 15; "b" leaves at 10 and makes room.
    assert see("a", 5)
    assert not see("c", 9)
    assert see("c", 10)
    assert not see("d", 14.9)
    assert see("d", 15)


def test_a_clock_that_runs_backwards_gives_nothing_back():
    ledger = MemoryLedger()
    assert [spend(ledger, "a", now) for now in (100, 50, 0, 0)] == [True, True, True, False]
    assert not spend(ledger, "a", 109)
    assert spend(ledger, "a", 110)


def test_what_is_over_is_forgotten_and_what_is_live_is_not():
    ledger = MemoryLedger(keys=2)
    assert spend(ledger, "a", 0)
    assert spend(ledger, "b", 5)
    with pytest.raises(ComponentError, match="all 2 budgets are in use"):
        spend(ledger, "c", 9)
    assert ledger.peek("a", 10, 9) == 1
    assert spend(ledger, "b", 9), "a live budget goes on"
    assert spend(ledger, "c", 10), "the place of a"
    assert len(ledger) == 2
    assert not spend(ledger, "b", 15, limit=1), "b was put off by its later spending"


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 3), st.integers(1, 3), st.booleans()), max_size=40),
    st.integers(0, 5),
)
def test_no_window_ever_holds_more_than_the_limit(steps, limit):
    ledger, spent, now = MemoryLedger(), [], 0.0
    for key, gap, amount, both in steps:
        now += gap
        charges = [Charge(key, limit, 5.0, amount), *([Charge("c", limit, 5.0)] if both else [])]
        fits = all(sum(a for k, a, t in spent if k == c.key and t > now - 5.0) + c.amount <= limit for c in charges)
        assert (ledger.fits(charges, now) is None) is fits
        assert (ledger.spend(charges, now) is None) is fits
        spent += [(c.key, c.amount, now) for c in charges] if fits else []
        assert ledger.peek(key, 5.0, now) == sum(a for k, a, t in spent if k == key and t > now - 5.0)


def test_threads_cannot_overspend():
    ledger, gate = MemoryLedger(), threading.Barrier(32)
    charges = [Charge("a", 100, 10.0), Charge("b", 1000, 10.0)]

    def work(_):
        gate.wait()
        return sum(ledger.spend(charges, 0.0) is None for _ in range(50))

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(work, range(32))) == 100
    assert ledger.peek("a", 10, 0) == ledger.peek("b", 10, 0) == 100


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Charge("a", 1, 1.0, amount=0),
        lambda: Charge("a", -1, 1.0),
        lambda: Charge("a", 1, 0.0),
        lambda: Charge("a", 1, math.inf),
        lambda: Charge("a", 1, math.nan),
        lambda: Charge("a", 5, 1.0, amount=2, member="m"),
        lambda: MemoryLedger(keys=0),
        lambda: MemoryLedger().spend([Charge("a", 1, 1.0)] * 2, 0.0),
        lambda: MemoryLedger().spend([Charge("a", 1, 1.0)], math.nan),
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigurationError):
        wrong()


def test_every_resources_has_a_ledger_of_its_own():
    assert isinstance(MemoryLedger(), BudgetLedger)
    first, second = Resources(), Resources()
    assert spend(first.ledger, "a", 0)
    assert second.ledger.peek("a", 10, 0) == 0
