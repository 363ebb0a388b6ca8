"""A client's history: bounded, fading, lossless under threads, and readable only by its own version."""

import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel import DataError
from sentinel.client_state import HALF_LIFE, MAX_BYTES, QUERIES, ClientState
from sentinel.client_tables import DOCUMENTS, RUN_BOUNDS
from sentinel.history import Hit, MemoryHistory, Observation, client_key
from sentinel.observation import CLOSED, OPEN
from sentinel.sketch import bottom, document_key, hashes, project
from tests.builders import seeded_vector

DAY = 86_400.0


def seen(*hits, words=("aspirin", "headache"), yes_no=True, vector=None):
    sketch = None if vector is None else project(vector)
    return Observation(bottom(hashes(words)), sketch, yes_no, tuple(hits))


observations = st.builds(
    lambda words, yes_no, seed, hits: seen(
        *hits, words=words, yes_no=yes_no, vector=None if seed is None else seeded_vector(seed)
    ),
    st.lists(st.text(max_size=8), max_size=60),
    st.sampled_from([None, True, False]),
    st.none() | st.integers(0, 9),
    st.lists(
        st.builds(Hit, st.integers(0, 2**64 - 1), st.none() | st.floats(0, 1), st.integers(0, 9)),
        max_size=10,
        unique_by=lambda h: h.key,
    ),
)


@given(st.lists(st.tuples(observations, st.floats(0, 1e6)), min_size=1, max_size=30))
def test_a_state_never_exceeds_4_kb_and_survives_bytes(requests):
    state, now = ClientState(), 0.0
    for observation, passed in requests:
        now += passed
        state = state.after(observation, now)
        raw = state.dump()
        assert len(raw) <= MAX_BYTES
        assert ClientState.parse(raw).dump() == raw
        assert len(state.queries) <= QUERIES
        assert len(state.documents) <= DOCUMENTS
        assert (state.documents["run"] >= RUN_BOUNDS[0]).all()
        assert (state.documents["run"] <= RUN_BOUNDS[1]).all()


def test_a_full_state_stays_below_the_bound():
    state = ClientState()
    for i in range(500):
        hits = [Hit(i * 10 + j, 0.9, j) for j in range(10)]
        state = state.after(seen(*hits, words=[f"w{i}-{j}" for j in range(50)], vector=seeded_vector(i)), float(i))
    assert len(state.documents) == DOCUMENTS
    assert 3_000 < len(state.dump()) <= MAX_BYTES


def test_the_table_keeps_the_heavy_hitter_among_thousands():
    state = ClientState()
    for i in range(1_000):
        hits = [Hit(10 * i + j + 1_000, 0.3, j + 3) for j in range(4)]
        if i % 10 == 0:
            hits.append(Hit(7, 0.9, 0))
        state = state.after(seen(*hits), 0.0)
    assert state.tracked(7)[0] == 100


def test_a_newcomer_inherits_no_suspicion():
    state = ClientState()
    for _ in range(20):
        state = state.after(seen(*(Hit(j, 0.9, 0) for j in range(DOCUMENTS))), 0.0)
    state = state.after(seen(Hit(999, 0.5, 0)), 0.0)
    assert state.tracked(999) == pytest.approx((1.0, 0.5, CLOSED))


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_fading_twice_is_fading_once(first, second):
    state = ClientState().after(seen(Hit(1, 1.0, 0)), 0.0).after(seen(Hit(1, 1.0, 0)), 0.0)
    once, twice = state.at(first + second), state.at(first).at(first + second)
    assert once.requests == pytest.approx(twice.requests)
    assert once.rates == pytest.approx(twice.rates)
    assert once.tracked(1) == pytest.approx(twice.tracked(1), rel=1e-5, abs=1e-5)


@given(st.lists(st.sampled_from([0.5, 10.0, 90_000.0, 1e6]), min_size=1, max_size=6))
def test_a_state_that_was_faded_before_fades_as_a_fresh_one(times):
    raw = ClientState().after(seen(Hit(1, 1.0, 0), words=["one"]), 0.0).dump()
    known = ClientState.parse(raw)
    assert known is ClientState.parse(raw)
    for now in times:
        assert known.at(now).dump() == ClientState._read(raw).at(now).dump()
        assert (
            known.after(seen(Hit(2, 0.5, 1)), now).dump()
            == ClientState._read(raw).after(seen(Hit(2, 0.5, 1)), now).dump()
        )


def test_golden_values_of_fading():
    state = ClientState().after(seen(Hit(1, 1.0, 0)), 0.0)
    assert state.tracked(1) == pytest.approx((1.0, 1.0, math.log(1.92)))
    day = state.at(HALF_LIFE)
    assert day.requests == 0.5
    assert day.tracked(1) == pytest.approx((0.5, 0.5, math.log(1.92) / 2))
    assert state.at(5.0).rates[0] == pytest.approx(math.exp(-1))
    assert state.distinct() == pytest.approx(1, abs=0.01)
    assert state.at(1.5 * DAY).distinct() == pytest.approx(1, abs=0.01)
    assert state.at(2.5 * DAY).distinct() == 0


@pytest.mark.parametrize("now", [-5.0, float("nan"), float("inf"), float("-inf")])
def test_a_broken_clock_changes_nothing(now):
    state = ClientState().after(seen(Hit(1, 1.0, 0)), 10.0)
    assert state.at(now) is state
    assert state.after(seen(), now).time == 10.0


def test_evidence_of_form():
    assert pytest.approx(0.652, abs=1e-3) == CLOSED
    assert pytest.approx(-2.526, abs=1e-3) == OPEN
    assert Hit(1, 0.9, 0).run_evidence(True) == CLOSED
    assert Hit(1, 0.4, 0).run_evidence(True) == 0
    assert Hit(1, 0.25, 0).run_evidence(False) == pytest.approx(OPEN / 2)
    assert Hit(1, 0.9, 3).run_evidence(True) == 0
    assert Hit(1, 0.9, 0).run_evidence(None) == 0
    assert Hit(1, None, 0).run_evidence(True) == 0


def test_the_linear_counter_counts():
    state = ClientState()
    for i in range(200):
        state = state.after(seen(*(Hit(document_key(f"{i}-{j}"), 0.5, j) for j in range(5))), 0.0)
    assert state.distinct() == pytest.approx(1_000, rel=0.08)


@pytest.mark.parametrize(
    "raw", [b"", b"\x02abc", b"\x01", b"\x01" * 4000, ClientState().dump()[:-1], ClientState().dump() + b"x"]
)
def test_foreign_bytes_are_refused(raw):
    with pytest.raises(DataError):
        ClientState.parse(raw)


@given(st.binary(max_size=4096))
def test_random_bytes_are_refused_or_read(raw):
    try:
        ClientState.parse(b"\x01" + raw)
    except DataError:
        return


def test_sixteen_threads_lose_nothing():
    store = MemoryHistory()

    def work():
        for _ in range(40):
            store.record("k", seen(Hit(5, 0.5, 0)), 1.0)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = store.load("k", 1.0)
    assert state.requests == 640
    assert state.tracked(5)[0] == 640


def test_the_store_forgets_who_asked_longest_ago():
    store = MemoryHistory(clients=2)
    for key in ("a", "b", "a", "c"):
        store.record(key, seen(), 0.0)
    assert len(store) == 2
    assert [store.load(key, 0.0).requests for key in "abc"] == [2, 0, 1]
    with pytest.raises(DataError):
        MemoryHistory(0)


def test_a_stranger_has_an_empty_state_and_loading_changes_nothing():
    store = MemoryHistory()
    assert store.load("x", 3.0).requests == 0
    assert len(store) == 0


@given(st.lists(st.tuples(st.none() | st.text(max_size=4), st.none() | st.text(max_size=4)), unique=True))
def test_keys_never_collide(pairs):
    assert len({client_key(*pair) for pair in pairs}) == len(pairs)


def test_resemblance_fades():
    vector = seeded_vector(1, dimension=384)
    state = ClientState().after(seen(vector=vector), 0.0)
    assert state.lexical_repetition(seen()) == 1.0
    assert state.semantic_repetition(seen(vector=vector)) == 1.0
    assert state.at(3_600.0).lexical_repetition(seen()) == 0.5
    other = seeded_vector(2, dimension=384)
    assert state.semantic_repetition(seen(vector=other)) == pytest.approx(max(0, float(vector @ other)), abs=0.25)
    assert ClientState().lexical_repetition(seen()) is None
    assert state.lexical_repetition(seen(words=())) is None


def test_standing_is_relative_to_the_others():
    state = ClientState()
    assert state.standing({1: 2.0}, (1, 9)).tolist() == [2.0, -2.0]
    heavy = state.standing({k: 20.0 + k for k in range(10)}, (9,))
    assert heavy[0] < 2.5
    np.testing.assert_allclose(state.standing({1: 3.0, 2: 1.0, 3: 1.0}, (1,)), [2.0])
