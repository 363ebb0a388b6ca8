"""Reaction: what is seen, what is not looked at, and a classifier that finds what is there and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from benchmarks.attacks import Served
from benchmarks.attacks.reaction import AFTERWARDS, SEEN, Reaction
from benchmarks.data import load
from benchmarks.samples import Sample
from benchmarks.summary import cells
from tests.benchmarks.tiny import clean

ATTACK = Reaction()
DATA = load("bundled")
SESSIONS = ATTACK.sessions(DATA, 0)
BENIGN = AFTERWARDS * 2


def test_members_and_others_are_probed_alike_and_asked_after_alike() -> None:
    for kind in ("mba", "mba-cloze", "interrogation"):
        chosen = [s for s in SESSIONS if s.group == kind]
        assert sum(bool(s.member) for s in chosen) == len(chosen) / 2 == 100
    for session in SESSIONS:
        after, innocent = session.asks[-BENIGN:-AFTERWARDS], session.asks[-AFTERWARDS:]
        assert [a.query for a in after] == [a.query for a in innocent]
        assert all(session.target not in a.gold for a in after)
        assert {a.client for a in session.asks[:-AFTERWARDS]} == {None}
        assert len({a.client for a in innocent}) == 1
    clients = {s.asks[-1].client for s in SESSIONS}
    assert len(clients) == len(SESSIONS)  # nobody is innocent twice
    assert ATTACK.sessions(DATA, 0) == SESSIONS


def served(probe: list[Served], after: list[Served], innocent: list[Served]) -> list[list[Served]]:
    return [probe, *[after] * AFTERWARDS, *[innocent] * AFTERWARDS]


def test_what_is_seen() -> None:
    session = next(s for s in SESSIONS if s.group == "mba")
    got = [clean("a"), clean("b")]
    quiet = ATTACK.score(session, served(got, got, got))
    assert quiet == {
        "documents": 2, "fewest_documents": 2, "refused": 0, "after_documents": 2, "after_refused": 0,
        "after_same": 1, "after_least_same": 1, "after_unchanged": 1,
    }  # fmt: skip
    # Which documents the probe itself brings up is not looked at.
    assert ATTACK.score(session, served([clean(str(session.target)), clean("z")], got, got)) == quiet
    changed = ATTACK.score(session, served([], [clean("b")], got))
    assert (changed["refused"], changed["documents"], changed["after_same"]) == (1, 0, 0.5)
    assert ATTACK.score(session, served(got, got[::-1], got))["after_unchanged"] == 0
    assert set(quiet) == set(SEEN)


def samples(tell: Callable[[int, bool, random.Random], dict[str, float]], number: int = 100) -> list[Sample]:
    draw = random.Random(0)
    made = []
    for i in range(2 * number):
        member = i % 2 == 0
        values = dict.fromkeys(SEEN, 1.0)
        told = tell(i, member, draw)
        ms = (told.pop("ms", 1.0), *[1.0] * BENIGN)
        run = (int(told.pop("run", 0)), *[0] * BENIGN)
        made.append(
            Sample(
                "p", "reaction", f"s{i}", "mba", None, member, values | told, ((),) * 11, (False,) * 11,
                overhead_ms=ms, retrieve_ms=(0.0,) * 11, defenses_run=run, fetched=(15,) * 11,
            )
        )  # fmt: skip
    return made


def figures(made: list[Sample], monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 10)
    found = cells(made, "d", ["auc", "auc_untimed", "auc_work", "tpr@1fpr"])
    return {c["metric"]: c["value"] for c in found if c["group"] is None}


def test_nothing_to_tell_is_a_coin(monkeypatch: pytest.MonkeyPatch) -> None:
    found = figures(samples(lambda i, member, draw: {}), monkeypatch)
    assert (found["auc"], found["auc_untimed"], found["auc_work"]) == (0.5, 0.5, 0.5)


def test_noise_is_nearly_a_coin(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = samples(lambda i, member, draw: {"after_same": draw.random(), "ms": 1 + draw.random()}, 300)
    found = figures(noise, monkeypatch)
    assert max(found["auc"], found["auc_untimed"]) < 0.57


def test_a_document_fewer_for_members_is_found_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    found = figures(samples(lambda i, member, draw: {"documents": 4.0 if member else 5.0}), monkeypatch)
    assert (found["auc"], found["auc_untimed"], found["auc_work"]) == (1.0, 1.0, 1.0)


def test_time_is_seen_by_the_stopwatch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = figures(samples(lambda i, member, draw: {"ms": 3.0 if member else 1.0 + draw.random()}), monkeypatch)
    assert found["auc"] > 0.99
    assert found["auc_untimed"] == found["auc_work"] == 0.5


def test_work_bounds_what_time_could_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    found = figures(samples(lambda i, member, draw: {"run": 2 if member else 1}), monkeypatch)
    assert found["auc_work"] == 1.0
    assert found["auc"] == found["auc_untimed"] == 0.5


def test_too_few_sessions_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made = samples(lambda i, member, draw: {"documents": float(member)}, 9)
    assert ATTACK.judged(made) == made
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 10)
    assert [c["value"] for c in cells(made, "d", ["auc", "auc_untimed"])] == [None]
