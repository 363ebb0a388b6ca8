"""recall@5, recall_ratio@5, recall_vs_clean@5, contextual_recall: by hand."""

from __future__ import annotations

import pytest

from benchmarks.attacks import Ask, Served, Session
from benchmarks.attacks._benign import benign_scores, recall
from benchmarks.metrics import METRICS, Cell
from benchmarks.samples import Sample
from benchmarks.statistics import Estimate


def session(number: int, recall: float | None, asks: int = 1, answered: float | None = None) -> Sample:
    values = {"recall": recall, "answered": answered}
    return Sample("rules", "benign", f"s{number}", values=values, served=(("d",),) * asks)


def compute(name: str, samples: list[Sample], other: list[Sample] = (), clean: list[Sample] = ()) -> Estimate:
    cell = Cell(samples, {s.session: s for s in other}, {s.session: s for s in clean})
    return METRICS.get(name)().compute(cell)


def served(*ids: str) -> list[Served]:
    return [Served(key, f"text of {key}") for key in ids]


@pytest.mark.parametrize(
    ("gold", "found", "value"),
    [
        ("a", "abcde", 1.0),
        ("ab", "acdef", 0.5),
        ("abc", "xyz", 0.0),
        ("a", "bcdefa", 0.0),  # the sixth does not count
        ("abcdefgh", "abcde", 1.0),  # more gold than places
        ("abcdefgh", "abxyz", 0.4),
        ("ab", "", 0.0),
    ],
)
def test_recall_of_one_question(gold: str, found: str, value: float) -> None:
    assert recall(Ask("?", frozenset(gold)), served(*found)) == value


def test_benign_scores_average_over_questions_that_can_be_judged() -> None:
    asks = (
        Ask("1", frozenset("a"), "TEXT of A"),
        Ask("2", frozenset("b"), "yes"),
        Ask("3", frozenset(), "nothing"),
        Ask("4", frozenset("c"), "elsewhere"),
    )
    got = [served("a"), served("x"), served("x"), served("c")]
    assert benign_scores(Session("s", asks), got) == {"recall": 2 / 3, "answered": 1 / 3}
    assert benign_scores(Session("s", (Ask("?"),)), [served("a")]) == {"recall": None, "answered": None}


def test_recall_is_the_mean_over_sessions() -> None:
    found = compute("recall@5", [session(0, 1.0), session(1, 0.25, 8), session(2, None)])
    assert (found.value, found.n) == (0.625, 2)


def test_ratio_weighs_sessions_by_their_questions_and_pairs_them() -> None:
    here = [session(0, 0.5, 1), session(1, 1.0, 3), session(2, 1.0, 5), session(3, None, 5)]
    none = [session(0, 1.0, 1), session(1, 1.0, 3), session(3, 1.0, 5)]
    found = compute("recall_ratio@5", here, none)
    assert (found.value, found.n) == (pytest.approx(3.5 / 4), 2)
    assert compute("recall_ratio@5", here, [session(0, 0.0)]).value is None
    assert compute("recall_ratio@5", here) == Estimate(None, 0)


def test_ratio_may_exceed_one() -> None:
    assert compute("recall_ratio@5", [session(0, 1.0)], [session(0, 0.5)]).value == 2.0


def test_vs_clean_reads_the_run_before_planting() -> None:
    attacked, undefended = [session(0, 0.0), session(1, 1.0)], [session(0, 0.1), session(1, 0.1)]
    found = compute("recall_vs_clean@5", attacked, undefended, [session(0, 1.0), session(1, 0.5)])
    assert (found.value, found.n) == (pytest.approx(1 / 1.5), 2)


def test_contextual_recall_is_of_sessions_with_answers() -> None:
    found = compute(
        "contextual_recall", [session(0, 1.0, answered=0.5), session(1, 1.0, answered=1.0), session(2, 1.0)]
    )
    assert (found.value, found.n) == (0.75, 2)
