"""auc, advantage, tpr@1fpr, member_exposure: by hand."""

from __future__ import annotations

import pytest

from benchmarks.metrics import METRICS, Cell
from benchmarks.samples import Sample
from benchmarks.statistics import Estimate


def target(number: int, member: bool, score: float | None, exposed: float | None = None) -> Sample:
    values = {"score": score} | ({} if exposed is None else {"exposed": exposed})
    return Sample("none", "mba", f"t{number}", member=member, values=values)


def scored(members: list[float | None], others: list[float | None]) -> list[Sample]:
    rows = [(True, score) for score in members] + [(False, score) for score in others]
    return [target(i, member, score) for i, (member, score) in enumerate(rows)]


def compute(name: str, samples: list[Sample]) -> Estimate:
    return METRICS.get(name)().compute(Cell(samples, {}, {}))


@pytest.mark.parametrize(
    ("name", "value"),
    # Pairs: 1.0 wins 3, 0.5 wins 2 and ties 1 -> (3 + 2.5) / 6. Largest gap: at 1.0, half of the members and no other.
    [("auc", 5.5 / 6), ("advantage", 2 / 3), ("tpr@1fpr", 0.5 + 0.5 * 0.03)],
)
def test_by_hand(name: str, value: float) -> None:
    found = compute(name, scored([1.0, 0.5], [0.5, 0.0, 0.25]))
    assert found.value == pytest.approx(value)
    assert found.n == 5


@pytest.mark.parametrize("name", ["auc", "advantage", "tpr@1fpr"])
def test_nothing_can_be_said_of_one_kind_only(name: str) -> None:
    assert compute(name, scored([1.0, 0.5], [])).value is None
    assert compute(name, scored([], [])) == Estimate(None, 0)
    assert compute(name, scored([None], [None])).n == 0


@pytest.mark.parametrize("name", ["auc", "advantage", "tpr@1fpr"])
def test_perfect_separation_is_bounded_by_the_smaller_class(name: str) -> None:
    found = compute(name, scored([1.0] * 40, [0.0] * 10))
    assert (found.value, found.n, found.ci_high) == (1.0, 50, pytest.approx(1.0))
    assert found.ci_low == pytest.approx(10 / (10 + 1.959964**2))  # Wilson at 10 of 10


def test_interval_holds_the_value_and_narrows() -> None:
    draw = [i * 37 % 101 / 101 for i in range(400)]
    few, many = (compute("auc", scored([x**0.5 for x in draw[:n]], [*draw[n : 2 * n]])) for n in (30, 200))
    for found in (few, many):
        assert found.ci_low < found.value < found.ci_high
    assert many.ci_high - many.ci_low < few.ci_high - few.ci_low


def test_samples_without_a_score_do_not_count() -> None:
    assert compute("auc", scored([1.0, None], [0.0, None])).n == 2


def test_member_exposure_is_of_members() -> None:
    samples = [target(0, True, 1.0, 1.0), target(1, True, 0.0, 0.0), target(2, False, 0.0, 1.0), target(3, True, 0.0)]
    found = compute("member_exposure", samples)
    assert (found.value, found.n) == (0.5, 2)
    assert compute("member_exposure", samples[2:3]) == Estimate(None, 0)
