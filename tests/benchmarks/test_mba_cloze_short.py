from __future__ import annotations

import statistics
from functools import cache

from benchmarks.attacks import Served, Session
from benchmarks.attacks._cloze import is_content
from benchmarks.attacks.mba_cloze_short import DELETED, WORDS, MbaClozeShort
from benchmarks.data import load
from benchmarks.fit import training_traffic
from sentinel.text import words


@cache
def sessions(seed: int = 0) -> list[Session]:
    return MbaClozeShort().sessions(load("bundled"), seed)


def texts() -> dict[str, str]:
    return {target.id: target.text for target in load("bundled").membership}


def test_one_short_piece_of_a_target_with_a_few_words_gone() -> None:
    assert len(sessions()) >= 150
    assert len({session.member for session in sessions()}) == 2
    for session in sessions():
        (ask,) = session.asks
        found = words(ask.query)
        assert DELETED[0] <= len(ask.facts["deleted"]) <= DELETED[1]
        assert len(found) <= WORDS[1] + 5  # a word put differently may be two
        assert all(is_content(word) and word not in found for word in ask.facts["deleted"])
        assert set(ask.facts["deleted"]) <= set(words(texts()[str(session.target)]))


def test_some_are_copied_and_some_rephrased() -> None:
    shares = [len(s.asks[0].facts["substituted"]) / max(1, s.asks[0].facts["content"]) for s in sessions()]
    assert min(shares) == 0.0
    assert max(shares) > 0.4
    assert statistics.median(len(words(s.asks[0].query)) for s in sessions()) < 35


def test_what_is_missing_is_found_in_the_target_alone() -> None:
    session = next(s for s in sessions() if s.member)
    attack = MbaClozeShort()
    whole = attack.score(session, [[Served(str(session.target), texts()[str(session.target)])]])
    assert (whole["score"] or 0.0) > 0.4
    assert whole["exposed"] == 1.0
    other = next(s for s in sessions() if s.target != session.target)
    nothing = attack.score(session, [[Served(str(other.target), texts()[str(other.target)])]])
    assert nothing["score"] == 0.0


def test_by_seed_alone_and_nothing_is_fitted_on_it() -> None:
    assert [s.asks for s in MbaClozeShort().sessions(load("bundled"), 0)] == [s.asks for s in sessions()]
    assert [s.asks for s in sessions(1)] != [s.asks for s in sessions()]
    assert "mba-cloze-short" not in {t.attack.manifest.name for t in training_traffic(load("bundled"), 0)}
