"""Metrics of particular attacks: what cover questions lose, and whether an adaptive form is an attack still."""

from __future__ import annotations

import pytest

from benchmarks.metrics import Cell
from benchmarks.metrics.auc_untimed import AucUntimed
from benchmarks.metrics.auc_work import AucWork
from benchmarks.metrics.cover_recall_ratio import CoverRecallRatio
from benchmarks.metrics.success_kept import SuccessKept
from benchmarks.samples import Sample


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 25)


def cell(values: list[dict[str, float | None]], undefended: list[dict[str, float | None]], **more: object) -> Cell:
    def made(rows: list[dict[str, float | None]]) -> list[Sample]:
        return [Sample("p", "a", f"s{i}", member=i % 2 == 0, values=row) for i, row in enumerate(rows)]

    plain = {s.session: s for s in made(more.pop("plain", []))}  # type: ignore[arg-type]
    return Cell(made(values), {s.session: s for s in made(undefended)}, {}, plain)


def test_cover_recall_is_relative_to_none() -> None:
    found = cell([{"recall": 0.4}, {"recall": 0.8}, {"recall": None}], [{"recall": 0.8}, {"recall": 0.8}, {}])
    assert CoverRecallRatio().applies(found)
    estimate = CoverRecallRatio().compute(found)
    assert (estimate.value, estimate.n) == (pytest.approx(0.75), 2)
    assert not CoverRecallRatio().applies(cell([{"score": 1.0}], [{"score": 1.0}]))


def test_success_kept() -> None:
    right, wrong = [{"score": 1.0}, {"score": 0.0}] * 10, [{"score": 0.5}, {"score": 0.5}] * 10
    assert not SuccessKept().applies(cell(right, right))
    assert SuccessKept().compute(cell(wrong, right, plain=right)).value == 1.0  # what the policy serves does not count
    assert SuccessKept().compute(cell(right, wrong, plain=right)).value == 0.0
    half = [{"score": 1.0}, {"score": 0.0}, {"score": 0.0}, {"score": 0.0}] * 5
    assert SuccessKept().compute(cell(right, half, plain=right)).value == pytest.approx(0.5)
    assert SuccessKept().compute(cell(right, right, plain=wrong)).value is None


def test_success_kept_of_a_poisoning() -> None:
    def rows(exposed: str) -> list[dict[str, float | None]]:
        return [{"exposed": float(e)} for e in exposed]

    def made(exposed: str) -> dict[str, Sample]:
        return {f"s{i}": Sample("p", "a", f"s{i}", values=row) for i, row in enumerate(rows(exposed))}

    found = Cell(list(made("0000").values()), made("1110"), {}, made("1111"))
    assert SuccessKept().compute(found).value == pytest.approx(0.75)


def test_readings_of_a_reaction() -> None:
    values = [{"score": 0.5, "score_untimed": float(i % 2 == 0), "score_work": 0.5} for i in range(12)]
    found = cell(values, values)  # type: ignore[arg-type]
    assert AucUntimed().compute(found).value == 1.0
    assert AucWork().compute(found).value == 0.5
    assert not AucWork().applies(cell([{"score": 1.0}], []))
