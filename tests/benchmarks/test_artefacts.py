"""What a run's policies know: shipped, from a file, made once and taken up again, and said plainly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import artefacts as module
from benchmarks.artefacts import (
    AUTO,
    CALIBRATION,
    MADE,
    SHIPPED,
    Artefacts,
    artefacts,
    promised,
    reads_calibration,
    told,
)
from benchmarks.calibrate import made_from
from benchmarks.data import Dataset, load
from sentinel import ConfigurationError, DataError
from sentinel.threat_models import shipped_models
from strategist.calibration import MODELS, Promise, shipped_calibration
from tests.benchmarks.datasets import BagOfWords, files, gold, write

OTHER = replace(shipped_models(), fitted_on="another corpus")
MINE = shipped_calibration().model_copy(update={"models": OTHER.hash, "fitted_on": "mine"})


class OtherWords(BagOfWords):
    fingerprint = "other words"


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return load(write(tmp_path / "data", files(24, 10, 3, 3), gold(10, 24)))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was made, in order; making itself has tests of its own."""
    done: list[str] = []
    monkeypatch.setattr(module, "fit_command", lambda *_: done.append("fit") or OTHER)
    monkeypatch.setattr(module, "calibrate", lambda *_, **__: done.append("calibrate") or MINE)
    return done


@pytest.mark.parametrize(
    ("policies", "read"),
    [
        (["none", "rules"], False),
        (["none", "adaptive"], True),
        (["oracle"], True),
        (["always_on_own"], True),
        ([], False),
    ],
)
def test_who_reads_a_calibration(policies: list[str], read: bool) -> None:
    assert reads_calibration(policies) is read


def test_shipped_is_what_the_package_brings(data: Dataset, tmp_path: Path, made: list[str]) -> None:
    found = artefacts(data, BagOfWords(), 0, SHIPPED, tmp_path)
    assert (found.models, found.calibration) == (shipped_models(), shipped_calibration())
    assert made == []


def test_what_was_made_from_the_bundled_data_is_not_made_again(tmp_path: Path, made: list[str]) -> None:
    bundled = load("bundled")
    assert shipped_calibration().fitted_on == made_from(bundled, 0)
    assert artefacts(bundled, BagOfWords(), 0, AUTO, tmp_path).calibration == shipped_calibration()
    assert made == []
    assert artefacts(bundled, BagOfWords(), 1, AUTO, tmp_path).calibration == MINE  # another seed is another split


def test_made_once_and_taken_up_again(data: Dataset, tmp_path: Path, made: list[str]) -> None:
    first = artefacts(data, BagOfWords(), 0, AUTO, tmp_path)
    again = artefacts(data, BagOfWords(), 0, AUTO, tmp_path)
    assert made == ["fit", "calibrate"]
    assert first == Artefacts(OTHER, MINE, MADE)
    assert (again.models.hash, again.calibration, again.note) == (OTHER.hash, MINE, MADE)


def test_what_was_made_serves_other_runs_of_the_same(
    data: Dataset, tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [tmp_path / str(number) for number in range(6)]
    for run in runs:
        run.mkdir()
    kept = tmp_path / "cache" / "calibrations"
    first = artefacts(data, BagOfWords(), 0, AUTO, runs[0], kept=kept)
    other = artefacts(data, BagOfWords(), 0, AUTO, runs[1], kept=kept)
    assert made == ["fit", "calibrate"]
    assert (other.models.hash, other.calibration, other.note) == (OTHER.hash, MINE, MADE)
    assert (runs[1] / CALIBRATION).read_text() == (runs[0] / CALIBRATION).read_text()
    assert (runs[1] / MODELS).read_text() == (runs[0] / MODELS).read_text()
    (file,) = kept.glob(f"*/{CALIBRATION}")
    file.write_text("{")
    assert artefacts(data, BagOfWords(), 0, AUTO, runs[2], kept=kept) == first, "what is broken is made anew"
    assert len(made) == 4
    # Another seed, other embeddings, other code.
    artefacts(data, BagOfWords(), 1, AUTO, runs[3], kept=kept)
    artefacts(data, OtherWords(), 0, AUTO, runs[4], kept=kept)
    monkeypatch.setattr(module, "code_hash", lambda: "changed")
    artefacts(data, BagOfWords(), 0, AUTO, runs[5], kept=kept)
    assert len(made) == 10
    assert not list(tmp_path.rglob("*.tmp")), "nothing half written"


def test_a_cache_that_cannot_be_written_stops_no_run(data: Dataset, tmp_path: Path, made: list[str]) -> None:
    (tmp_path / "file").write_text("")
    found = artefacts(data, BagOfWords(), 0, AUTO, tmp_path, kept=tmp_path / "file" / "calibrations")
    assert found == Artefacts(OTHER, MINE, MADE)
    assert (tmp_path / CALIBRATION).is_file()


def test_a_corpus_that_none_can_be_made_of_falls_back_and_says_so(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DataError("too few passages")

    monkeypatch.setattr(module, "fit_command", refuse)
    found = artefacts(data, BagOfWords(), 0, AUTO, tmp_path)
    assert found.calibration == shipped_calibration()
    assert "too few passages" in found.note
    assert not (tmp_path / CALIBRATION).exists()


def test_a_file_with_its_models_beside_it(data: Dataset, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(MINE.dumps(), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=OTHER.hash):
        artefacts(data, BagOfWords(), 0, str(file), tmp_path)
    (tmp_path / MODELS).write_text(OTHER.dumps(), encoding="utf-8")
    assert artefacts(data, BagOfWords(), 0, str(file), tmp_path).models.hash == OTHER.hash


def test_what_is_promised_in_words() -> None:
    kept = {"benign": Promise(alpha=0.026, sessions=62, loss=0.0075)}
    sentence = "adaptive costs benign sessions on average at most benign 2.6% (62 sessions, which lost 0.8%)."
    assert promised(1.0, kept) == sentence
    assert promised(None, kept).startswith("no intervention keeps the promise")
    known = {"from": "made", "price": 1.0, "promises": {"benign": kept["benign"].model_dump()}}
    assert told({"run": {"artefacts": known}}) == [("calibration", "made."), ("promise", sentence)]
    assert told({"run": {}}) == []
    checked = {"benign": Promise(alpha=0.026, sessions=62, loss=0.0075, unseen=0.011)}
    assert promised(1.0, checked).endswith("benign 2.6% (62 sessions, which lost 0.8%; unseen ones 1.1%).")
