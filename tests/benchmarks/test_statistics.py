"""Every statistic against published values, other libraries or a reckoning by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score, roc_curve

from benchmarks.statistics import Estimate, advantage, auc, bins, bootstrap, mean, rate, ratio, tpr_at_fpr

# Few distinct scores, so that ties are the rule.
labelled = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=60).filter(
    lambda pairs: len({positive for _, positive in pairs}) == 2
)


def binned(pairs: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return bins(np.array([s for s, _ in pairs], float), np.array([p for _, p in pairs], bool))


def test_bins_are_counts_by_ascending_score() -> None:
    positives, negatives = binned([(0.5, True), (0.1, False), (0.5, False), (0.9, True), (0.5, True)])
    assert positives.tolist() == [0, 2, 1]
    assert negatives.tolist() == [1, 1, 0]


def test_auc_by_hand() -> None:
    # Members 1, 2, 2; others 1, 2. Pairs won: 2>1 twice; ties: 1=1, 2=2 twice, each a half; lost: 1<2.
    assert auc(*binned([(1, True), (2, True), (2, True), (1, False), (2, False)])) == pytest.approx(3.5 / 6)


def test_auc_is_oriented_and_a_coin_where_all_scores_tie() -> None:
    perfect = [(1.0, True), (0.0, False)]
    assert auc(*binned(perfect)) == 1.0
    assert auc(*binned([(-score, member) for score, member in perfect])) == 1.0
    assert auc(*binned([(3, True), (3, False), (3, False)])) == 0.5


@given(labelled)
def test_auc_is_scikit_learns_oriented(pairs: list[tuple[int, bool]]) -> None:
    theirs = roc_auc_score([p for _, p in pairs], [s for s, _ in pairs])
    assert auc(*binned(pairs)) == pytest.approx(max(theirs, 1 - theirs), abs=1e-12)


@given(labelled)
def test_advantage_is_the_kolmogorov_smirnov_statistic(pairs: list[tuple[int, bool]]) -> None:
    theirs = ks_2samp([s for s, p in pairs if p], [s for s, p in pairs if not p]).statistic
    assert advantage(*binned(pairs)) == pytest.approx(theirs, abs=1e-12)


@given(labelled, st.sampled_from([0.0, 0.01, 0.1, 1 / 3, 0.5, 0.9, 1.0]))
def test_tpr_is_read_off_scikit_learns_curve(pairs: list[tuple[int, bool]], fpr: float) -> None:
    alarms, hits, _ = roc_curve([p for _, p in pairs], [s for s, _ in pairs], drop_intermediate=False)
    at = max(i for i, alarm in enumerate(alarms) if alarm <= fpr + 1e-12)
    expected = hits[at]
    if at + 1 < len(alarms):
        step = (fpr - alarms[at]) / (alarms[at + 1] - alarms[at])
        expected += max(step, 0.0) * (hits[at + 1] - hits[at])
    assert tpr_at_fpr(*binned(pairs), fpr) == pytest.approx(expected, abs=1e-9)


def test_tpr_across_one_big_tie_is_a_coins() -> None:
    tied = [(1, True)] * 40 + [(1, False)] * 200
    assert tpr_at_fpr(*binned(tied), 0.01) == pytest.approx(0.01)


def test_tpr_by_hand() -> None:
    # 3 of 4 members above everything, the fourth ties with 2 of 100 others: half of that tie is allowed.
    pairs = [(2, True)] * 3 + [(1, True)] + [(1, False)] * 2 + [(0, False)] * 98
    assert tpr_at_fpr(*binned(pairs), 0.01) == pytest.approx(0.75 + 0.125)


@pytest.mark.parametrize("statistic", [auc, advantage, lambda p, n: tpr_at_fpr(p, n, 0.01)])
def test_one_class_alone_says_nothing(statistic) -> None:
    assert math.isnan(statistic(*binned([(1, True), (2, True)])))
    assert math.isnan(statistic(*binned([(1, False)])))


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Newcombe, 1998 (Statistics in Medicine 17), table I, method 3: Wilson's score interval.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_newcombe(hits: int, n: int, low: float, high: float) -> None:
    found = rate([1.0] * hits + [0.0] * (n - hits))
    assert found == (hits / n, n, pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


def test_nothing_gives_no_figure() -> None:
    assert rate([]) == mean([]) == ratio([], []) == Estimate(None, 0, None, None)
    assert ratio([1.0], [0.0]) == Estimate(None, 1)


def test_mean_interval_is_about_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    found = mean(values.tolist())
    half = 1.96 * values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.ci_low == pytest.approx(values.mean() - half, abs=0.05)
    assert found.ci_high == pytest.approx(values.mean() + half, abs=0.05)


def test_ratio_is_of_sums_and_pairs_stay_together() -> None:
    bottom = np.random.default_rng(2).integers(1, 9, 60).astype(float)
    exact = ratio((bottom / 2).tolist(), bottom.tolist())
    # Every pair has the same ratio: resampled together, no draw can differ; unpaired they would.
    assert exact == (0.5, 60, 0.5, 0.5)
    assert ratio([1, 0], [1, 3]).value == 0.25


def test_ratio_interval_is_about_the_delta_methods() -> None:
    draw = np.random.default_rng(3)
    bottom = draw.uniform(1, 2, 400)
    top = bottom * 0.8 + draw.normal(0, 0.3, 400)
    found = ratio(top.tolist(), bottom.tolist())
    value = top.sum() / bottom.sum()
    half = 1.96 * (top - value * bottom).std() / bottom.mean() / 20
    assert found.value == pytest.approx(value)
    assert found.ci_low == pytest.approx(value - half, abs=0.006)
    assert found.ci_high == pytest.approx(value + half, abs=0.006)


def test_bootstrap_leaves_out_what_cannot_be_said_and_repeats() -> None:
    def found() -> Estimate:
        return bootstrap(lambda index: float("nan") if 0 not in index else float(index.mean()), 5, 99)

    assert found() == found()
    assert found().n == 99
    assert found().value == 2.0
    assert found().ci_low is not None
