from __future__ import annotations

from benchmarks.metrics import Cell
from benchmarks.metrics.served_median import ServedMedian
from benchmarks.samples import Sample


def sample(number: int, hits: float | None, *, member: bool = True, asks: int = 15) -> Sample:
    served = tuple(("d",) for _ in range(asks))
    return Sample("none", "interrogation", f"s{number}", member=member, values={"hits": hits}, served=served)


def estimate(*samples: Sample) -> tuple[float | None, int]:
    value, n, *_ = ServedMedian().compute(Cell(samples, {}, {}))
    return value, n


def test_median_over_members_only() -> None:
    assert estimate(*(sample(i, h) for i, h in enumerate((0, 12, 13))), sample(9, 1, member=False)) == (12.0, 3)


def test_interval_holds_the_value() -> None:
    found = ServedMedian().compute(Cell([sample(i, float(i % 16)) for i in range(80)], {}, {}))
    assert found.ci_low is not None
    assert found.value is not None
    assert found.ci_high is not None
    assert 0 <= found.ci_low <= found.value <= found.ci_high <= 15
    assert found.ci_low < found.ci_high


def test_nothing_is_said_of_one_ask_or_of_no_hits() -> None:
    assert estimate(sample(0, 1, asks=1), sample(1, 0, asks=1)) == (None, 0)
    assert estimate(sample(0, None)) == (None, 0)
    assert estimate() == (None, 0)
