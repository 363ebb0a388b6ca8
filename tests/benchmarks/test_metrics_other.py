"""Poisoning rates, trigger rate and times, and what every metric says of itself."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.attacks import Family
from benchmarks.metrics import METRICS, Cell
from benchmarks.samples import Sample
from benchmarks.statistics import Estimate

DESIGN = {
    "recall@5", "recall_ratio@5", "recall_vs_clean@5", "contextual_recall", "answer_accuracy", "trigger_rate", "auc",
    "tpr@1fpr", "advantage", "member_exposure", "served_median", "exposure_rate", "asr", "overhead_ms_p50",
    "overhead_ms_p95", "retrieve_ms_p50",
}  # fmt: skip


def compute(name: str, *samples: Sample) -> Estimate:
    return METRICS.get(name)().compute(Cell(samples, {}, {}))


def test_all_are_there() -> None:
    assert set(METRICS.names()) >= DESIGN
    for name, manifest in METRICS.manifests().items():
        assert manifest.name == name
        assert manifest.summary
        assert manifest.families <= set(Family)
        assert manifest.families


@pytest.mark.parametrize("name", sorted(DESIGN))
def test_no_sample_no_figure(name: str) -> None:
    assert compute(name) == Estimate(None, 0)


@pytest.mark.parametrize(
    ("name", "key"), [("exposure_rate", "exposed"), ("asr", "obeyed"), ("answer_accuracy", "right")]
)
def test_poisoning_rates(name: str, key: str) -> None:
    values = [1.0, 0.0, 0.0, None]
    found = compute(name, *(Sample("none", "poisonedrag", str(i), values={key: v}) for i, v in enumerate(values)))
    assert (found.value, found.n) == (pytest.approx(1 / 3), 3)
    assert found.ci_low == pytest.approx(0.0615, abs=1e-4)  # Wilson at 1 of 3
    assert found.ci_high == pytest.approx(0.7923, abs=1e-4)


def test_trigger_rate_is_of_requests() -> None:
    found = compute(
        "trigger_rate", Sample("a", "b", "1", triggered=(True,)), Sample("a", "b", "2", triggered=(False,) * 3)
    )
    assert (found.value, found.n) == (0.25, 4)
    assert (found.ci_low, found.ci_high) == (0.0, 1.0)  # one of two sessions is all trigger


@pytest.mark.parametrize(
    ("name", "key", "percent"),
    [
        ("overhead_ms_p50", "overhead_ms", 50),
        ("overhead_ms_p95", "overhead_ms", 95),
        ("retrieve_ms_p50", "retrieve_ms", 50),
    ],
)
def test_times_are_percentiles_over_all_requests(name: str, key: str, percent: int) -> None:
    times = np.random.default_rng(0).permutation(np.arange(1.0, 101.0)).tolist()
    samples = [Sample("a", "b", str(i), **{key: tuple(times[i : i + 10])}) for i in range(0, 100, 10)]
    found = compute(name, *samples)
    assert (found.value, found.n) == (pytest.approx(np.percentile(times, percent)), 100)
    # Order statistics of 100: ranks 40 and 61 for the median (Conover, table A3), 90 and 100 for the 95th percentile.
    assert (found.ci_low, found.ci_high) == ((40.0, 61.0) if percent == 50 else (90.0, 100.0))


def test_one_time_alone() -> None:
    assert compute("overhead_ms_p95", Sample("a", "b", "1", overhead_ms=(7.0,))) == (7.0, 1, 7.0, 7.0)
