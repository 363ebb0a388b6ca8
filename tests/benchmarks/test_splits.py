"""Fit, calibrate and test: exact shares, one part each, the same every time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.attacks import Ask, Session
from benchmarks.data import load
from benchmarks.runner import Settings, prepare
from benchmarks.splits import SHARES, split
from tests.benchmarks.datasets import write


def sessions(n: int) -> list[Session]:
    return [Session(f"s{i}", (Ask("?"),)) for i in range(n)]


@pytest.mark.parametrize("n", [*range(3, 40), 99, 1000])
def test_shares_hold_up_to_rounding_and_no_part_is_empty(n: int) -> None:
    parts = split(sessions(n), 0, "benign")
    assert list(parts) != []
    assert set(parts) == {s.id for s in sessions(n)}
    counts = Counter(parts.values())
    for part, share in SHARES.items():
        assert counts[part] >= 1
        assert abs(counts[part] - share * n) <= 1


def test_exact_shares() -> None:
    assert Counter(split(sessions(100), 3, "benign").values()) == {"fit": 20, "calibrate": 40, "test": 40}


def test_none_and_few_sessions() -> None:
    assert split([], 0, "benign") == {}
    assert len(split(sessions(1), 0, "benign")) == 1
    assert len(split(sessions(2), 0, "benign")) == 2


def test_same_input_same_split_whatever_the_order() -> None:
    assert split(sessions(50), 1, "benign") == split(sessions(50)[::-1], 1, "benign")


def test_seed_and_attack_deal_anew() -> None:
    first = split(sessions(50), 1, "benign")
    assert first != split(sessions(50), 2, "benign")
    assert first != split(sessions(50), 1, "benign-hard")


def test_only_test_sessions_are_asked_and_only_benign_ones_are_split(tmp_path: Path) -> None:
    data = load(write(tmp_path))
    benign, mba = prepare(data, Settings(["rules"], ["benign", "mba"]))
    assert [s.id for s in benign.sessions] == [
        s.id for s in benign.attack.sessions(data, 0) if benign.parts[s.id] == "test"
    ]
    assert 0 < len(benign.sessions) < len(benign.parts)
    assert mba.parts == {}
    assert len(mba.sessions) == 12
    (whole,) = prepare(data, Settings(["rules"], ["benign"], split=False))
    assert len(whole.sessions) == len(benign.parts)
