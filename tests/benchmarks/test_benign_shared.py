"""Users behind one client id: the questions of `benign`, at the same time, scored as hers."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.asking import schedule
from benchmarks.attacks.benign import Benign
from benchmarks.attacks.benign_shared import USERS, BenignShared
from benchmarks.data import load
from benchmarks.runfolder import SAMPLES
from benchmarks.runner import Settings, prepare
from tests.benchmarks.datasets import run_once, value, write
from tests.benchmarks.tiny import clean, tiny

pytestmark = pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")


def test_the_questions_of_benign_under_one_client_id() -> None:
    data = load("bundled")
    shared, apart = BenignShared().sessions(data, 0), Benign().sessions(data, 0)
    assert len(shared) >= USERS > len(apart)
    assert {s.client for s in shared} == {"benign-shared"}
    asked = Counter(ask.query for session in shared for ask in session.asks)
    assert asked == Counter(ask.query for session in apart for ask in session.asks)
    assert len({s.id for s in shared}) == len(shared)
    assert BenignShared().sessions(data, 0) == shared


def test_few_questions_make_as_many_users_as_there_are_questions() -> None:
    assert [len(s.asks) for s in BenignShared().sessions(tiny(), 0)] == [1, 1]


def test_sixty_four_users_ask_at_the_same_time() -> None:
    sessions = BenignShared().sessions(load("bundled"), 0)
    arrivals = schedule(sessions, 0, USERS)
    times = [at for at, _, _ in arrivals]
    assert times == sorted(times)
    first = [session.id for _, session, _ in arrivals[: 2 * USERS]]
    assert len(set(first)) > USERS // 2  # and not one after the other
    # Each user's own questions keep their order, a minute apart in the mean.
    for session in sessions[:20]:
        assert [n for _, s, n in arrivals if s is session] == list(range(len(session.asks)))
    assert times[-1] < 60 * 30


def test_all_are_asked_and_those_under_test_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 25)
    data = load(write(tmp_path / "data"))
    settings = Settings(["rules"], ["benign-shared"])
    (job,) = prepare(data, settings)
    assert len(job.asked) > len(job.sessions)
    assert {job.parts[s.id] for s in job.sessions} == {"test"}
    made = run_once(data, settings, tmp_path / "run")
    samples = [json.loads(line) for line in (tmp_path / "run" / SAMPLES).read_text().splitlines()]
    assert {s["session"] for s in samples} == {s.id for s in job.sessions}
    assert value(made, "none", "benign-shared", "recall_ratio@5") == 1.0
    assert value(made, "rules", "benign-shared", "recall_ratio@5", "n") == len(job.sessions)


def test_scored_like_benign() -> None:
    session = BenignShared().sessions(tiny(), 0)[0]
    (gold,) = session.asks[0].gold
    assert BenignShared().score(session, [[clean(gold, "seven months, Anna Lintorp")]])["recall"] == 1.0
    assert BenignShared().score(session, [[clean("other")]])["recall"] == 0.0
