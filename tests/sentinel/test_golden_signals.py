"""What signals say of real requests does not move when they are made faster."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from sentinel import SIGNALS
from tests.sentinel.golden_signals import FILE, play


@pytest.fixture(scope="module")
def played() -> list[dict[str, Any]]:
    return play()


GOLDEN = json.loads(FILE.read_text(encoding="utf-8"))
VECTORS = {"answer_cluster", "similarity_outlier", "similarity_dispersion", "semantic_repetition"}
"""Signals that multiply float32 vectors, whose last digits depend on the machine's linear algebra."""


def test_every_golden_value_is_of_a_signal_and_none_is_empty() -> None:
    named = {name for row in GOLDEN for name in row["signals"]}
    assert named == {name for row in GOLDEN for name, value in row["signals"].items() if value is not None}
    assert named <= set(SIGNALS.names())


@pytest.mark.parametrize("signal", sorted({name for row in GOLDEN for name in row["signals"]}))
def test_signals_are_the_golden_ones(played: list[dict[str, Any]], signal: str) -> None:
    assert len(played) == len(GOLDEN)
    tolerance = 1e-5 if signal in VECTORS else 1e-9
    for now, then in zip(played, GOLDEN, strict=True):
        found, expected = now["signals"][signal], then["signals"][signal]
        assert (found is None) == (expected is None)
        if expected is not None:
            values = np.asarray(expected, dtype=np.float64)
            assert np.asarray(found, np.float64) == pytest.approx(values, rel=tolerance, abs=tolerance, nan_ok=True)


def test_histories_are_the_golden_ones(played: list[dict[str, Any]]) -> None:
    for now, then in zip(played, GOLDEN, strict=True):
        assert now["state"].keys() == then["state"].keys()
        for name, expected in then["state"].items():
            found = now["state"][name]
            if name == "documents":
                assert [row[0] for row in found] == [row[0] for row in expected]
                found, expected = [row[1:] for row in found], [row[1:] for row in expected]
                assert np.array(found) == pytest.approx(np.array(expected), rel=1e-6)
            elif name in ("rates", "served", "requests", "walk"):
                assert found == pytest.approx(expected, rel=1e-9)
            else:
                assert found == expected
