from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

from benchmarks.attacks import Session
from benchmarks.attacks._hard import EACH, KINDS
from benchmarks.attacks.benign_hard import BenignHard
from benchmarks.data import Dataset, load
from sentinel.text import RunFinder, containment, words
from tests.benchmarks.tiny import clean, tiny


@cache
def unshipped() -> Dataset:
    return replace(load("bundled"), hard=())


@cache
def sessions(seed: int = 0) -> list[Session]:
    return BenignHard().sessions(unshipped(), seed)


def texts(kind: str) -> list[tuple[str, str]]:
    """Each query of a kind with its first gold passage."""
    by_id = unshipped().by_id
    return [(s.asks[0].query, by_id[min(s.asks[0].gold)].text) for s in sessions() if s.group == kind]


def test_shipped_queries_are_used_as_they_are() -> None:
    data = load("bundled")
    made = BenignHard().sessions(data, 0)
    assert [(s.asks[0].query, s.group, s.asks[0].gold) for s in made] == [
        (q.text, q.kind, {q.doc_id}) for q in data.hard
    ]


def test_twenty_of_each_kind_one_ask_each_with_gold() -> None:
    assert Counter(s.group for s in sessions()) == dict.fromkeys(KINDS, EACH)
    assert all(len(s.asks) == 1 and s.asks[0].gold for s in sessions())
    assert len({s.asks[0].query for s in sessions()}) == len(sessions())


def test_no_membership_target_is_a_source() -> None:
    targets = {target.id for target in unshipped().membership}
    assert not any(s.asks[0].gold & targets for s in sessions())


def test_excerpts_paste_15_to_60_words_and_ask() -> None:
    for query, text in texts("excerpt"):
        run = RunFinder(words(query)).longest(words(text))
        pasted = max(
            (query.count(" ".join(text.split()[i : i + 15])) for i in range(max(len(text.split()) - 14, 1))), default=0
        )
        assert pasted
        assert run >= 13
        assert len(query.split()) <= 60 + 15


def test_cases_are_long_and_in_other_words_and_end_in_the_question() -> None:
    asked = [q.text.rstrip("?").lower() for q in unshipped().queries]
    for query, text in texts("case"):
        assert 40 <= len(query.split()) <= 120
        assert query.endswith("?")
        assert any(query.lower().rstrip("?").endswith(question) for question in asked)
        assert (containment(query, text) or 0.0) < 0.25


def test_typos_are_small_edits_of_questions() -> None:
    asked = {q.text for q in unshipped().queries}
    for query, _ in texts("typo"):
        assert query not in asked
        assert any(abs(len(query) - len(q)) <= 4 and len(set(words(query)) & set(words(q))) >= 1 for q in asked)


def test_titles_keywords_and_fill_ins() -> None:
    titles = {p.title for p in unshipped().passages if p.title}
    assert any(query in titles for query, _ in texts("title"))
    assert all(query in titles or query in " ".join(text.split()) for query, text in texts("title"))
    for query, text in texts("keywords"):
        assert set(words(query)) <= set(words(text))
        assert 3 <= len(words(query)) <= 7
    for query, text in texts("fill-in"):
        assert any(blank in query for blank in ("____", "...", "[...]", "(?)"))
        assert (containment(query, text) or 0.0) < 0.2


def test_deterministic_by_seed() -> None:
    assert sessions() == BenignHard().sessions(unshipped(), 0)
    assert sessions() != sessions(1)


def test_a_tiny_corpus_gives_what_it_has_and_scores_by_recall() -> None:
    made = BenignHard().sessions(tiny(), 0)
    assert {s.group for s in made} >= {"excerpt", "title", "keywords"}
    assert all(s.asks[0].gold == {"cheese"} for s in made)
    assert BenignHard().score(made[0], [[clean("x"), clean("cheese")]])["recall"] == 1.0
    assert BenignHard().score(made[0], [[clean("x")]])["recall"] == 0.0
