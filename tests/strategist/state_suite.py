"""What every state promises: `StateSuite` wherever it is kept, `SharedSuite` where it outlives its process.

A store's test file subclasses them and says how a state is opened on an empty place, and where it is found again.
"""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from defenses import BudgetLedger, Charge
from sentinel import ConfigurationError, DataError
from sentinel.client_state import HALF_LIFE, ClientState
from sentinel.history import HistoryStore, Hit, Observation
from sentinel.sketch import bottom, hashes
from strategist.state import TrustState, TrustStore, open_state
from strategist.state.trust import HALF_LIFE as TRUST_HALF_LIFE

START = 1_800_000_000.0
inherited = settings(suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow])


class Clock:
    """Simulated seconds since the epoch."""

    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now


def seen(*hits):
    return Observation(bottom(hashes(["aspirin", "headache"])), None, True, hits)


class StateSuite:
    """`place()` gives a new, empty place; `opened(place, clock)` a state in it. Times are dyadic: no sum is rounded."""

    @pytest.fixture(autouse=True)
    def _open(self, request):
        self.states = []
        self.clock = Clock()
        yield
        for state in self.states:
            state.close()

    def new(self, clock=None):
        state = self.opened(self.place(), clock or self.clock)
        self.states.append(state)
        return state

    def spend(self, state, key, at, limit=3, amount=1, window=10.0, member=None):
        self.clock.now = START + at
        return state.ledger.spend([Charge(key, limit, window, amount, member)], self.clock.now) is None

    def test_its_parts_keep_the_protocols(self):
        state = self.new()
        assert isinstance(state.ledger, BudgetLedger)
        assert isinstance(state.history, HistoryStore)
        assert isinstance(state.trust, TrustStore)

    def test_a_sliding_window(self):
        state = self.new()
        assert [self.spend(state, "a", at) for at in (0, 4, 8, 9.875)] == [True, True, True, False]
        assert [self.spend(state, "a", at) for at in (10, 13.875, 14)] == [True, False, True]
        assert state.ledger.peek("a", 10.0, START + 14) == 3
        assert state.ledger.peek("a", 4.0, START + 14) == 1
        assert state.ledger.peek("b", 10.0, START + 14) == 0
        self.clock.now = START + 1000
        assert state.ledger.peek("a", 10.0, START + 1000) == 0

    def test_amounts(self):
        state = self.new()
        assert not self.spend(state, "a", 0, amount=4)
        assert self.spend(state, "a", 0, amount=2)
        assert not self.spend(state, "a", 0, amount=2)
        assert self.spend(state, "a", 0, amount=1)
        assert not self.spend(state, "b", 0, limit=0)
        assert not self.spend(state, "b", 0, limit=0, member="m")

    def test_all_or_nothing(self):
        state = self.new()
        tight, wide = Charge("tight", 1, 10.0), Charge("wide", 9, 10.0)
        assert state.ledger.spend([wide, tight], START) is None
        assert state.ledger.fits([wide, tight], START) == tight
        assert state.ledger.spend([wide, tight], START) == tight
        assert state.ledger.spend([tight, wide], START) == tight
        assert state.ledger.peek("wide", 10.0, START) == 1
        assert state.ledger.spend([], START) is None

    def test_distinct_members(self):
        state = self.new()

        def see(member, at):
            return self.spend(state, "seen", at, limit=2, member=member)

        assert [see(m, 0) for m in "abca"] == [True, True, False, True]
        assert see("a", 5), "seen again, it stays until 15"
        assert [see("c", at) for at in (9.875, 10)] == [False, True]
        assert [see("d", at) for at in (14.875, 15)] == [False, True]

    def test_a_clock_that_runs_backwards_gives_nothing_back(self):
        state = self.new()
        assert [self.spend(state, "a", at) for at in (100, 50, 0, 0)] == [True, True, True, False]
        assert not self.spend(state, "a", 109.875)
        assert self.spend(state, "a", 110)
        self.clock.now = START
        assert state.ledger.peek("a", 10.0, START) == 1
        state.history.record("c", seen(Hit(1, 0.5, 0)), START)
        state.trust.record("c", 1.0, START)
        self.clock.now = START - 5_000.0
        state.history.record("c", seen(Hit(1, 0.5, 0)), START - 5_000.0)
        state.trust.record("c", 1.0, START - 5_000.0)
        assert state.history.load("c", START - 5_000.0).requests == 2
        assert state.trust.load("c", START - 5_000.0).suspect == 2

    @inherited
    @given(
        steps=st.lists(
            st.tuples(
                st.sampled_from("ab"), st.integers(0, 24), st.integers(1, 3), st.sampled_from(["", "x", "y", "z"])
            ),
            max_size=40,
        ),
        limit=st.integers(0, 5),
    )
    def test_no_window_ever_holds_more_than_the_limit(self, steps, limit):
        """Against a ledger that keeps every spending and adds them up, in eighths of a second."""
        clock = Clock()
        with self.opened(self.place(), clock) as state:
            ledger, window = state.ledger, 5.0
            spent, members = [], {}

            def live(charge):
                start = clock.now - window
                if charge.member is not None:
                    return sum(1 for (k, m), t in members.items() if k == charge.key and t > start)
                return sum(a for k, a, t in spent if k == charge.key and t > start)

            def fits(charge):
                if members.get((charge.key, charge.member), -math.inf) > clock.now - window:
                    return charge.limit > 0
                return live(charge) + charge.amount <= charge.limit

            for key, gap, amount, member in steps:
                clock.now += gap / 8
                charges = [Charge(key, limit, window, amount), Charge("both", 2 * limit, window)]
                charges += [Charge("seen", limit, window, member=member)] if member else []
                refused = next((charge for charge in charges if not fits(charge)), None)
                assert ledger.fits(charges, clock.now) == refused
                assert ledger.spend(charges, clock.now) == refused
                if refused is None:
                    spent += [(c.key, c.amount, clock.now) for c in charges if c.member is None]
                    members |= {(c.key, c.member): clock.now for c in charges if c.member is not None}
                for charge in charges:
                    assert ledger.peek(charge.key, window, clock.now) == live(charge)

    def test_threads_cannot_overspend(self):
        state, gate = self.new(), threading.Barrier(16)
        charges = [Charge("a", 60, 10.0), Charge("b", 1000, 10.0)]

        def work(_):
            gate.wait()
            return sum(state.ledger.spend(charges, START) is None for _ in range(10))

        with ThreadPoolExecutor(16) as pool:
            assert sum(pool.map(work, range(16))) == 60
        assert state.ledger.peek("a", 10.0, START) == state.ledger.peek("b", 10.0, START) == 60

    @pytest.mark.parametrize("charges", [[Charge("a", 1, 1.0)] * 2])
    def test_what_makes_no_sense_is_refused(self, charges):
        state = self.new()
        with pytest.raises(ConfigurationError, match="different keys"):
            state.ledger.spend(charges, START)
        with pytest.raises(ConfigurationError, match="finite"):
            state.ledger.spend(charges[:1], math.nan)
        for suspicion in (-0.1, 1.1, math.nan):
            with pytest.raises(DataError, match="suspicion"):
                state.trust.record("k", suspicion, START)
        assert state.ledger.peek("a", 1.0, START) == 0
        assert state.trust.load("k", START).value == 0.5

    def test_a_history_is_kept_whole_and_fades(self):
        state, expected = self.new(), ClientState()
        rng = np.random.default_rng(5)
        for step in range(30):
            self.clock.now = START + 60.0 * step
            hits = [Hit(int(rng.integers(2**63)), 0.5, rank) for rank in range(5)]
            state.history.record("k", seen(*hits), self.clock.now)
            expected = expected.after(seen(*hits), self.clock.now)
        assert state.history.load("k", self.clock.now).dump() == expected.dump()
        self.clock.now += HALF_LIFE
        later = state.history.load("k", self.clock.now)
        assert later.requests == expected.at(self.clock.now).requests < expected.requests
        assert state.history.load("stranger", self.clock.now).requests == 0

    def test_trust_moves_and_returns(self):
        state = self.new()
        assert state.trust.load("k", START).value == 0.5
        for _ in range(30):
            told = state.trust.record("k", 1.0, START)
        assert told == state.trust.load("k", START) == TrustState(0.0, 30.0, START)
        self.clock.now += TRUST_HALF_LIFE
        assert state.trust.load("k", self.clock.now).suspect == 15.0
        assert state.trust.record("k", 0.0, self.clock.now).clear == 1.0
        assert state.trust.load("j", self.clock.now).value == 0.5

    @pytest.mark.parametrize(
        "pair", [("a", "b"), ("", " "), ("ü", "u"), ("\ud800", "\udfff"), ("a" * 5000, "a" * 5001)]
    )
    def test_any_two_texts_are_two_keys(self, pair):
        state = self.new()
        assert self.spend(state, pair[0], 0, limit=1)
        assert self.spend(state, pair[1], 0, limit=1)
        state.history.record(pair[0], seen(), START)
        assert [state.history.load(key, START).requests for key in pair] == [1, 0]

    def test_threads_lose_no_record(self):
        state = self.new()

        def work(_):
            for _ in range(10):
                state.history.record("k", seen(Hit(5, 0.5, 0)), START)
                state.trust.record("k", 0.5, START)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        assert state.history.load("k", START).requests == 80
        assert state.history.load("k", START).tracked(5)[0] == 80
        assert state.trust.load("k", START).suspect == 40

    def test_a_closed_state_can_be_described(self):
        state = replace(self.new(), close=lambda: None)
        assert state.name in repr(state)


class SharedSuite(StateSuite):
    """What holds where a state outlives its process. `url(place)` is what another process opens."""

    def test_a_restart_gives_nothing_back(self):
        place = self.place()
        with self.opened(place, self.clock) as first:
            assert self.spend(first, "a", 0, limit=2)
            assert self.spend(first, "m", 0, limit=1, member="x")
            first.history.record("k", seen(Hit(7, 0.5, 0)), START)
            first.trust.record("k", 1.0, START)
        with self.opened(place, self.clock) as second:
            assert [self.spend(second, "a", 5, limit=2) for _ in range(2)] == [True, False]
            assert self.spend(second, "m", 5, limit=1, member="x")
            assert not self.spend(second, "m", 5, limit=1, member="y")
            assert self.spend(second, "a", 10, limit=2), "what was spent at 0 left at 10"
            assert second.history.load("k", START).tracked(7)[0] == pytest.approx(1.0, rel=1e-3)
            assert second.trust.load("k", START).suspect == pytest.approx(1.0, rel=1e-3)

    def test_two_states_in_one_place_are_one(self):
        place = self.place()
        with self.opened(place, self.clock) as first, self.opened(place, self.clock) as second:
            taken = [self.spend(state, "a", 0, limit=5) for _ in range(5) for state in (first, second)]
            assert sum(taken) == 5
            second.trust.record("k", 1.0, START)
            assert first.trust.load("k", START).suspect == 1

    @pytest.mark.slow
    def test_processes_cannot_overspend_nor_lose_a_record(self):
        """Two processes on one client at once, by the store's own clock."""
        place = self.place()
        command = [sys.executable, "-m", "tests.strategist.state_suite", self.url(place)]
        processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
        ]
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [process.communicate(timeout=120)[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0]
        assert sum(map(int, told)) == 100
        with open_state(self.url(place)) as state:
            assert state.ledger.peek("budget", 3600.0, 0.0) == 100
            assert state.history.load("client", 0.0).requests == pytest.approx(200, rel=0.01)
            assert state.trust.load("client", 0.0).suspect == pytest.approx(100, rel=0.01)


def _hammer(url):
    with open_state(url) as state:
        print("ready", flush=True)
        sys.stdin.readline()
        charge = Charge("budget", 100, 3600.0)
        taken = 0
        for _ in range(100):
            taken += state.ledger.spend([charge], 0.0) is None
            state.history.record("client", seen(Hit(5, 0.5, 0)), 0.0)
            state.trust.record("client", 0.5, 0.0)
        print(taken)


if __name__ == "__main__":
    _hammer(sys.argv[1])
