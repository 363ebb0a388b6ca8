from __future__ import annotations

import random
import statistics
from functools import cache

import pytest

from benchmarks.attacks import Session
from benchmarks.attacks._cloze import FORMS, is_content, make, sentences
from benchmarks.attacks._membership import targets
from benchmarks.attacks._substitutes import SYNONYMS, substitute
from benchmarks.attacks.mba_cloze import MbaCloze
from benchmarks.data import Dataset, load
from sentinel.text import containment, words
from tests.benchmarks.tiny import BRIDGE, clean, tiny


@cache
def data(name: str) -> Dataset:
    return tiny() if name == "tiny" else load(name)


@cache
def sessions(name: str, seed: int = 0) -> list[Session]:
    return MbaCloze().sessions(data(name), seed)


def pairs(name: str) -> list[tuple[Session, str]]:
    text = {target.id: target.text for target in data(name).membership}
    return [(session, text[str(session.target)]) for session in sessions(name)]


@pytest.mark.parametrize("name", ["tiny", "bundled"])
def test_five_to_ten_content_words_are_deleted_and_nowhere_left(name: str) -> None:
    for session, text in pairs(name):
        facts, query = session.asks[0].facts, words(session.asks[0].query)
        assert 5 <= len(facts["deleted"]) <= 10
        assert all(is_content(word) and word in words(text) and word not in query for word in facts["deleted"])


@pytest.mark.parametrize("name", ["tiny", "bundled"])
def test_a_quarter_of_the_other_content_words_differs(name: str) -> None:
    for session, _ in pairs(name):
        facts, query = session.asks[0].facts, words(session.asks[0].query)
        assert not set(facts["substituted"]) & set(query)
        assert len(facts["substituted"]) >= 0.25 * facts["content"]


@pytest.mark.parametrize("name", ["tiny", "bundled"])
def test_at_most_three_sentences_of_the_target(name: str) -> None:
    for session, text in pairs(name):
        where = [i for i, s in enumerate(sentences(text)) if set(words(s)) & set(session.asks[0].facts["deleted"])]
        kept = set(session.asks[0].facts["deleted"])
        # Every deleted word is found within some three sentences in a row.
        parts = [set(words(" ".join(sentences(text)[i : i + 3]))) for i in range(max(where) + 1)]
        assert any(kept <= part for part in parts)


@pytest.mark.parametrize("name", ["tiny", "bundled"])
def test_no_marker_no_bracket_without_its_pair_no_common_beginning(name: str) -> None:
    queries = [session.asks[0].query for session in sessions(name)]
    for query in queries:
        assert not any(mark in query for mark in ("[MASK", "___", "...", "…", "  ", "<", "*"))
        assert query.count("(") == query.count(")")
    if len(queries) > 20:
        openings = [words(query)[:4] for query in queries]
        assert max(openings.count(opening) for opening in openings) <= len(queries) * 0.05


def test_the_forms_vary() -> None:
    made = [make(BRIDGE, random.Random(seed)) for seed in range(60)]
    queries = {cloze.query for cloze in made if cloze}
    assert len(FORMS) >= 5
    assert len(queries) > 55
    assert {query.rstrip()[-1] in ".!?" for query in queries} == {True, False}
    assert {query == query.lower() for query in queries} == {True, False}


def test_it_quotes_less_than_half_of_its_three_grams() -> None:
    assert statistics.mean(containment(s.asks[0].query, text) or 0.0 for s, text in pairs("bundled")) < 0.5


def test_same_seed_same_queries_other_seed_others() -> None:
    assert sessions("bundled") == MbaCloze().sessions(data("bundled"), 0)
    other = {s.id: s.asks[0].query for s in sessions("bundled", 1)}
    assert sum(other.get(s.id) != s.asks[0].query for s in sessions("bundled")) > 0.95 * len(other)


def test_members_and_non_members_go_the_same_way() -> None:
    usable = targets(data("bundled"))
    assert len(sessions("bundled")) > 0.95 * len(usable)
    by = {flag: [s for s in sessions("bundled") if s.member is flag] for flag in (True, False)}
    length = {flag: statistics.mean(len(s.asks[0].query.split()) for s in found) for flag, found in by.items()}
    assert abs(length[True] - length[False]) < 4


def test_the_target_itself_fills_nearly_every_blank_and_another_text_none() -> None:
    attack = MbaCloze()
    whole = [attack.score(s, [[clean(str(s.target), text)]])["score"] or 0.0 for s, text in pairs("bundled")]
    assert statistics.mean(whole) > 0.9
    found = pairs("bundled")
    shifted = [text for _, text in found[1:] + found[:1]]
    foreign = [
        attack.score(s, [[clean("x", text)]])["score"] or 0.0 for (s, _), text in zip(found, shifted, strict=True)
    ]
    assert statistics.mean(foreign) < 0.1


def test_score_counts_the_words_that_two_neighbours_place() -> None:
    session = next(s for s in sessions("tiny") if s.member)
    deleted = session.asks[0].facts["deleted"]
    assert MbaCloze().score(session, [[]]) == {"score": 0.0, "exposed": 0.0, "hits": 0.0}
    full = MbaCloze().score(session, [[clean("bridge", BRIDGE)]])
    assert full["exposed"] == 1.0
    without = BRIDGE.replace(next(w for w in BRIDGE.split() if words(w) == (deleted[0],)), "nothing")
    less = MbaCloze().score(session, [[clean("bridge", without)]])["score"]
    assert less == pytest.approx((full["score"] or 0.0) - 1 / len(deleted))


def test_text_without_room_for_it_is_left_out() -> None:
    assert make("Too short to ask.", random.Random(0)) is None
    assert make("", random.Random(0)) is None


def test_a_substitute_is_always_another_word() -> None:
    draw = random.Random(0)
    vocabulary = {w for p in data("bundled").passages for w in p.text.split() if w.isalnum() and len(w) > 2}
    for word in sorted(vocabulary):
        new = substitute(word, draw, name=True)
        assert new is None or words(new) != words(word), word
    assert all(word not in others for word, others in SYNONYMS.items())
    assert substitute("2014", draw) == "'14"
    assert substitute("26", draw) == "twenty-six"
