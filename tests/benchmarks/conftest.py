"""What tests of the steps before a policy is fitted have in common; each module asks for it by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.data import Dataset, load
from tests.benchmarks.datasets import files, gold, write


@pytest.fixture
def quick(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few resamples, and one cache for all tests that ask for it: nothing that they embed differs."""
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 5)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """A data set of 24 passages and 10 questions."""
    return load(write(tmp_path / "data", files(24, 10, 3, 3), gold(10, 24)))
