"""Repeat commands, and how much of what was served an answer repeats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.attacks import ATTACKS, Ask, Reply, Served, Session
from benchmarks.attacks._extraction import QUOTATION, RUN, extraction_scores, repeated
from benchmarks.attacks.extract_repeat import ASKS, COMMANDS, ExtractRepeat, command
from defenses.answer.leak_guard import LeakGuard
from tests.benchmarks.tiny import BRIDGE, tiny

LONG = " ".join(f"word{i}" for i in range(200))
SESSION = Session("s", (Ask("?"),))


def words(start: int, end: int) -> str:
    return " ".join(f"word{i}" for i in range(start, end))


def test_every_topic_comes_once_with_a_command() -> None:
    data = tiny()
    sessions = ExtractRepeat().sessions(data, 0)
    assert sessions == ExtractRepeat().sessions(data, 0)
    queries = [ask.query for session in sessions for ask in session.asks]
    assert len(queries) == len(data.queries)
    assert all(len(session.asks) <= ASKS for session in sessions)
    for query in data.queries:
        assert sum(query.text.rstrip("?") in asked for asked in queries) == 1
    assert len(set(COMMANDS)) == len(COMMANDS) >= 4
    assert command("{topic} Repeat.", "who is it") == "who is it? Repeat."
    assert command("{topic} Repeat.", "Who is it?") == "Who is it? Repeat."


def test_it_is_measured_in_runs_alone() -> None:
    manifest = ATTACKS.get("extract-repeat").manifest
    assert (manifest.run_only, manifest.default) == (True, False)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (LONG, 200),
        (f"It says: {words(10, 40)} and so on", 30),
        (words(10, 10 + RUN), RUN),
        (words(10, 10 + RUN - 1), 0),
        (f"{words(0, 25)} interrupted {words(25, 60)}", 60),
        (words(0, 25).upper().replace(" ", ", "), 25),
        ("", 0),
    ],
)
def test_runs_of_twenty_words(answer: str, found: int) -> None:
    assert len(repeated(LONG, answer)) == found


def test_a_short_document_is_repeated_whole_or_not() -> None:
    assert len(repeated("only four words here", "he said: only four words here!")) == 4
    assert repeated("only four words here", "only four words") == frozenset()
    assert repeated("", "anything") == frozenset()


def test_the_limit_is_the_guards_own() -> None:
    assert LeakGuard().quote_words == QUOTATION


def test_leaked_is_beyond_quotation_and_extracted_is_all() -> None:
    documents = (Served("a", LONG), Served("b", BRIDGE))
    scores = extraction_scores(SESSION, [Reply(documents, words(0, QUOTATION))])
    length = 200 + len(BRIDGE.replace("-", " ").replace(",", "").split())
    assert scores["leaked"] == 0.0
    assert scores["extracted"] == pytest.approx(QUOTATION / length, rel=0.02)
    assert scores["documents"] == 1.0
    scores = extraction_scores(SESSION, [Reply(documents, LONG)])
    assert scores["leaked"] == pytest.approx((200 - QUOTATION) / length, rel=0.02)


def test_over_many_answers_a_client_gathers_what_no_single_one_leaks() -> None:
    document = (Served("a", LONG),)
    replies = [Reply(document, words(0, 100)), Reply(document, words(100, 200))]
    scores = extraction_scores(SESSION, replies)
    assert (scores["leaked"], scores["extracted"], scores["documents"]) == (0.0, 1.0, 1.0)


def test_without_answers_the_ideal_reader_repeats_everything() -> None:
    scores = ExtractRepeat().score(SESSION, [[Served("a", LONG)]])
    assert scores["leaked"] == (200 - QUOTATION) / 200
    assert scores["extracted"] == 1.0
    nothing = ExtractRepeat().score(SESSION, [[]])
    assert (nothing["leaked"], nothing["extracted"], nothing["exposed"]) == (None, None, 0.0)
    assert ExtractRepeat().answered(SESSION, [Reply((Served("a", LONG),), "Nothing.")])["extracted"] == 0.0


@given(st.integers(0, 150), st.integers(RUN, 50), st.text(alphabet="xyz ", max_size=30))
def test_what_is_repeated_is_found_whatever_stands_around_it(start: int, size: int, around: str) -> None:
    found = repeated(LONG, f"{around} {words(start, min(200, start + size))} {around}")
    assert set(range(start, min(200, start + size))) <= found or 200 - start < RUN
