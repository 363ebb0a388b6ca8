import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sentinel.errors import DataError
from strategist.conformal import held, monotonised, sessions_needed, smallest_alpha, strongest

TABLES = arrays(np.float64, st.tuples(st.integers(19, 60), st.integers(1, 8)), elements=st.floats(0, 1))


@pytest.mark.parametrize(("alpha", "needed"), [(0.01, 99), (0.02, 49), (0.05, 19), (0.1, 9), (0.5, 1), (0.3, 3)])
def test_sessions_that_a_promise_takes(alpha: float, needed: int) -> None:
    assert sessions_needed(alpha) == needed
    assert smallest_alpha(needed) <= alpha + 1e-12 < smallest_alpha(needed - 1)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, float("nan")])
def test_an_alpha_that_is_none_is_refused(alpha: float) -> None:
    with pytest.raises(DataError, match="alpha"):
        sessions_needed(alpha)


def test_the_strongest_setting_by_hand() -> None:
    losses = np.zeros((99, 4))
    losses[:50, 0] = 1.0  # (50 + 1) / 100 = 0.51
    losses[0, 1] = 1.0  # (1 + 1) / 100 = 0.02
    assert strongest(losses, 0.51) == 0
    assert strongest(losses, 0.5) == 1
    assert strongest(losses, 0.02) == 1
    assert strongest(losses, 0.0199) == 2
    assert strongest(losses, 0.01) == 2  # (0 + 1) / 100, on the edge


def test_no_setting_keeps_an_impossible_promise() -> None:
    assert strongest(np.ones((99, 3)), 0.01) is None


def test_too_few_sessions_are_refused_with_what_they_can_carry() -> None:
    with pytest.raises(DataError, match=r"98 benign sessions.*takes 99.*0\.0101"):
        strongest(np.zeros((98, 2)), 0.01)


@pytest.mark.parametrize("losses", [np.full((99, 2), 1.1), np.full((99, 2), -0.1), np.full((99, 2), np.nan)])
def test_losses_out_of_range_are_refused(losses: np.ndarray) -> None:
    with pytest.raises(DataError, match="lie in"):
        strongest(losses, 0.01)


def test_a_table_without_settings_is_refused() -> None:
    with pytest.raises(DataError, match="table"):
        strongest(np.zeros((99, 0)), 0.01)


def test_a_mild_setting_that_hurts_counts_against_every_stronger_one() -> None:
    losses = np.zeros((99, 3))
    losses[:20, 1] = 1.0  # not monotone: the strongest looks free
    assert strongest(losses, 0.05) == 2
    assert monotonised(losses)[0].tolist() == [1.0, 1.0, 0.0]


@given(TABLES)
def test_monotonised_losses_never_rise_and_never_shrink(losses: np.ndarray) -> None:
    found = monotonised(losses)
    assert (np.diff(found, axis=1) <= 0).all()
    assert (found >= losses).all()


@given(TABLES, st.floats(0.06, 0.5), st.floats(0.0, 0.4))
def test_a_looser_promise_never_intervenes_less(losses: np.ndarray, alpha: float, more: float) -> None:
    strict, loose = strongest(losses, alpha), strongest(losses, alpha + more)
    assert strict is None or (loose is not None and loose <= strict)


@given(TABLES, st.floats(0.06, 0.9))
def test_what_is_chosen_keeps_the_corrected_loss(losses: np.ndarray, alpha: float) -> None:
    chosen = strongest(losses, alpha)
    if chosen is not None:
        assert (losses[:, chosen].sum() + 1) / (len(losses) + 1) <= alpha + 1e-9


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.05, 0.1]))
def test_the_promise_holds_on_average_over_random_parts(seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    frail = rng.exponential(0.3, (260, 1))  # heavier losses with stronger settings, session by session
    losses = np.clip(frail * np.linspace(1.0, 0.0, 21) - 0.2, 0.0, 1.0)
    lost = held(losses, alpha, 120, range(200))
    assert lost.mean() <= alpha
    assert lost.max() > 0.0  # the promise is used, not avoided


def test_a_check_without_sessions_left_is_refused() -> None:
    with pytest.raises(DataError, match="leave none"):
        held(np.zeros((99, 2)), 0.05, 99, range(3))
