"""Metrics of the answer stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from benchmarks.metrics import ANSWER, BOTH, CONTEXT, METRICS, Cell, Metric
from benchmarks.metrics.accuracy_vs_clean import AccuracyVsClean
from benchmarks.metrics.accuracy_vs_none import AccuracyVsNone
from benchmarks.metrics.answer_accuracy import AnswerAccuracy
from benchmarks.metrics.asr_vs_none import AttackSuccessVsNone
from benchmarks.metrics.obeyed_rate import ObeyedRate
from benchmarks.samples import Sample

Rows = Sequence[Mapping[str, float | None]]
SIMPLE = {
    "leaked_fraction": "leaked",
    "extracted_fraction": "extracted",
    "documents_extracted": "documents",
    "leak_rate": "leak",
    "placeholder_intact": "intact",
    "hard_stop": "stopped",
    "benign_completion": "complete",
    "over_refusal": "refused",
}


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 25)


def samples(rows: Rows) -> list[Sample]:
    return [Sample("p", "a", f"s{i}", values=row) for i, row in enumerate(rows)]


def by(rows: Rows) -> dict[str, Sample]:
    return {sample.session: sample for sample in samples(rows)}


@pytest.mark.parametrize(("metric", "value"), SIMPLE.items())
def test_the_plain_ones_are_means_over_what_can_be_said(metric: str, value: str) -> None:
    estimate = METRICS.get(metric)().compute(Cell(samples([{value: 1.0}, {value: 0.0}, {value: None}, {}]), {}, {}))
    assert (estimate.value, estimate.n) == (0.5, 2)
    assert estimate.ci_low is not None
    assert METRICS.get(metric)().compute(Cell(samples([{value: None}]), {}, {})).value is None


def test_stages() -> None:
    stages = {name: manifest.stages for name, manifest in ((n, METRICS.get(n).manifest) for n in METRICS.names())}
    assert {stages[n] for n in ("asr", "auc", "answer_accuracy", "exposure_rate", "leaked_fraction")} == {BOTH}
    assert {stages[n] for n in ("recall@5", "trigger_rate", "overhead_ms_p50")} == {frozenset({CONTEXT})}
    assert {stages[n] for n in ("obeyed_rate", "leak_rate", "accuracy_vs_none")} == {frozenset({ANSWER})}


def test_accuracy_weighs_sessions_by_their_questions() -> None:
    rows = [{"right": 1.0, "answerable": 3.0}, {"right": 0.0, "answerable": 1.0}, {"right": None, "answerable": 0.0}]
    estimate = AnswerAccuracy().compute(Cell(samples(rows), {}, {}))
    assert (estimate.value, estimate.n) == (0.75, 2)
    single = [{"right": 1.0, "answerable": 1.0}] * 3 + [{"right": 0.0, "answerable": 1.0}]
    wilson = AnswerAccuracy().compute(Cell(samples(single), {}, {}))
    assert (wilson.value, wilson.ci_low) == (0.75, pytest.approx(0.3006, abs=1e-3))
    context = AnswerAccuracy().compute(Cell(samples([{"right": 1.0}, {"right": 0.0}, {"right": None}]), {}, {}))
    assert (context.value, context.n) == (0.5, 2)
    assert not AnswerAccuracy().applies(Cell(samples([{"recall": 1.0}]), {}, {}))


def test_differences_are_paired() -> None:
    here = [{"right": 1.0, "answerable": 1.0}, {"right": 0.5, "answerable": 2.0}, {"right": 1.0, "answerable": 1.0}]
    there = [{"right": 0.0, "answerable": 1.0}, {"right": 1.0, "answerable": 2.0}]
    cell = Cell(samples(here), by(there), {})
    estimate = AccuracyVsNone().compute(cell)
    assert (estimate.value, estimate.n) == (0.0, 2)  # one gained, one lost, of three questions; the rest has no pair
    assert AccuracyVsClean().compute(Cell(samples(here), {}, by(there))).value == 0.0
    assert AccuracyVsClean().compute(Cell(samples(here), {}, {})).value is None
    lost = AccuracyVsClean().compute(Cell(samples([{"right": 0.0, "answerable": 1.0}] * 3), {}, by(here)))
    assert lost.value == pytest.approx(-2.5 / 3)


def test_attack_success_is_compared_target_by_target() -> None:
    here = [{"obeyed": 0.0}, {"obeyed": 1.0}, {"obeyed": 0.0}, {"obeyed": None}, {"obeyed": 1.0}]
    there = [{"obeyed": 1.0}, {"obeyed": 1.0}, {"obeyed": 1.0}, {"obeyed": 1.0}]
    estimate = AttackSuccessVsNone().compute(Cell(samples(here), by(there), {}))
    assert (estimate.value, estimate.n) == (pytest.approx(-2 / 3), 3)  # the last two have no pair
    assert estimate.ci_low is not None
    assert estimate.ci_low <= -2 / 3
    assert AttackSuccessVsNone().compute(Cell(samples(here), {}, {})).value is None


@pytest.mark.parametrize("metric", [AccuracyVsNone(), AttackSuccessVsNone()])
def test_no_policy_is_compared_with_itself(metric: Metric) -> None:
    rows = samples([{"right": 1.0, "answerable": 1.0, "obeyed": 1.0}])
    assert not metric.applies(Cell(rows, {rows[0].session: rows[0]}, {}))
    # What jamming's figures leave out is left out in a copy.
    assert not metric.applies(Cell([replace(rows[0], values={"obeyed": None})], {rows[0].session: rows[0]}, {}))
    assert metric.applies(Cell(rows, {rows[0].session: replace(rows[0], policy="none")}, {}))
    assert metric.applies(Cell(rows, {}, {}))


def test_obeyed_is_of_the_exposed() -> None:
    rows = [
        {"exposed": 1.0, "obeyed": 1.0},
        {"exposed": 1.0, "obeyed": 0.0},
        {"exposed": 0.0, "obeyed": 1.0},
        {"exposed": 1.0, "obeyed": None},
    ]
    estimate = ObeyedRate().compute(Cell(samples(rows), {}, {}))
    assert (estimate.value, estimate.n) == (0.5, 2)
    assert ObeyedRate().compute(Cell(samples([{"exposed": 0.0, "obeyed": 0.0}]), {}, {})).value is None
