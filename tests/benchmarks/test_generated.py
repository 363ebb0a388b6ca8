from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from benchmarks._falsehoods import false_texts, find_facts, prefix
from benchmarks.attacks import ATTACKS, rng
from benchmarks.data import Dataset, MembershipTarget, PoisonTarget, Query, load
from benchmarks.generated import BENIGN, FEWEST_HELD_OUT, benign_sessions, generated
from benchmarks.splits import split
from sentinel.text import words
from tests.benchmarks.tiny import BRIDGE, tiny


@cache
def source() -> Dataset:
    return load("bundled")


@cache
def made(seed: int = 0) -> Dataset:
    return generated(source(), seed)


def test_members_stand_in_the_corpus_and_non_members_left_it() -> None:
    kept = {p.id for p in made().passages}
    members = {t.id for t in made().membership if t.member}
    others = {t.id for t in made().membership if not t.member}
    assert len(members) == len(others) >= 40
    assert members <= kept
    assert not others & kept
    assert others < {p.id for p in source().passages}
    assert set(source().by_id) - kept >= others
    assert all(source().by_id[t.id].text == t.text for t in made().membership)


def test_what_is_tested_is_not_touched() -> None:
    tested = {t.id for t in source().membership} | {d.doc_id for d in source().drilldowns}
    tested |= {h.doc_id for h in source().hard} | {key for q in source().queries for key in q.gold}
    assert not tested & {t.id for t in made().membership}
    assert not tested & {key for t in made().poison for key in t.gold}
    kept = {p.id for p in made().passages}
    assert tested & set(source().by_id) <= kept
    assert made().queries == source().queries
    assert not {t.query_id for t in made().poison} & set(source().query_by_id)


def test_texts_of_shipped_targets_and_questions_are_never_read() -> None:
    """Garbage in place of every text under test changes nothing."""
    blind = replace(
        source(),
        membership=tuple(MembershipTarget(t.id, t.member, "?") for t in source().membership),
        poison=(PoisonTarget("x", "?", ("?",)),),
        queries=tuple(Query(q.id, "?", q.gold) for q in source().queries),
    )
    assert generated(blind, 0).membership == made().membership
    assert generated(blind, 0).poison == made().poison


def test_targets_carry_questions_made_from_their_text() -> None:
    for target in made().membership:
        assert 8 <= len(target.questions) <= 15
        assert len(set(target.questions)) == len(target.questions)
        said = set(words(target.text))
        assert all(len(said & set(words(question))) >= 2 for question in target.questions)
    shipped = {question for t in source().membership for question in t.questions}
    assert not shipped & {question for t in made().membership for question in t.questions}


def test_poisoned_questions_have_five_false_texts_that_differ() -> None:
    assert len(made().poison) >= 50
    for target in made().poison:
        assert target.correct is not None
        assert target.incorrect is not None
        passage = source().by_id[min(target.gold)]
        assert target.correct in passage.text
        assert target.incorrect not in passage.text
        assert len(set(target.natural)) == len(target.hotflip) == 5
        assert all(target.incorrect in text and target.correct not in text for text in target.natural)
        assert all(h.endswith(text) and h != text for h, text in zip(target.hotflip, target.natural, strict=True))
        assert target.correct not in target.question


def test_deterministic_by_seed() -> None:
    again = generated(source(), 0)
    assert (again.membership, again.poison, again.passages) == (made().membership, made().poison, made().passages)
    assert generated(source(), 1).membership != made().membership


def test_every_attack_runs_on_it() -> None:
    for name in ATTACKS.names():
        attack = ATTACKS.get(name)
        if all(getattr(made(), need) for need in attack.manifest.needs):
            assert attack().sessions(made(), 0), name
    assert made().interrogated
    assert made().hotflipped


def test_a_corpus_that_is_spoken_for_yields_no_targets() -> None:
    small = generated(tiny(), 0)
    assert (small.membership, small.poison) == ((), ())
    assert small.passages == tiny().passages


@cache
def spoken_for() -> Dataset:
    """Every passage answers a question, as where a corpus was collected for its questions."""
    queries = tuple(Query(f"q-{p.id}", f"what is said of {p.title}?", frozenset({p.id})) for p in source().passages)
    return replace(source(), queries=queries, drilldowns=(), hard=())


def test_where_every_passage_answers_something_the_fit_part_gives_its_own() -> None:
    data, small = spoken_for(), generated(spoken_for(), 0)
    members, others = ([t.id for t in small.membership if t.member is member] for member in (True, False))
    assert len(members) == len(others) > 0
    assert len(others) <= FEWEST_HELD_OUT
    assert small.poison
    touched = {*members, *others} | {key for t in small.poison for key in t.gold}
    for name in BENIGN:
        sessions = ATTACKS.get(name)().sessions(data, 0)
        parts = split(sessions, 0, name)
        later = {key for s in sessions if parts[s.id] != "fit" for ask in s.asks for key in ask.gold}
        assert not touched & later
        assert later <= set(small.by_id)


@pytest.mark.parametrize("name", BENIGN)
def test_benign_sessions_are_those_of_the_data_without_the_questions_whose_passage_is_gone(name: str) -> None:
    data, small = spoken_for(), generated(spoken_for(), 0)
    every, kept = ATTACKS.get(name)().sessions(data, 0), benign_sessions(data, small, name, 0)
    parts = split(every, 0, name)
    assert [s for s in kept if parts[s.id] != "fit"] == [s for s in every if parts[s.id] != "fit"]
    asked = {s.id: s.asks for s in every}
    assert all(ask in asked[s.id] for s in kept for ask in s.asks)
    assert all(not ask.gold.isdisjoint(small.by_id) for s in kept for ask in s.asks)
    if name == "benign":
        lost = sum(len(s.asks) for s in every) - sum(len(s.asks) for s in kept)
        assert lost == len(data.queries) - len(small.queries) > 0


def test_benign_traffic_that_is_made_of_the_corpus_is_the_same_over_the_copy() -> None:
    data = replace(source(), drilldowns=(), hard=())
    for name in BENIGN:
        sessions = ATTACKS.get(name)().sessions(data, 0)
        assert benign_sessions(data, generated(data, 0), name, 0) == sessions
        assert {key for s in sessions for ask in s.asks for key in ask.gold} <= set(generated(data, 0).by_id)


def test_facts_of_a_passage() -> None:
    assert {(f.kind, f.value) for f in find_facts(BRIDGE)} == {
        ("year", "1871"), ("year", "1874"), ("year", "1902"), ("number", "12,500"), ("name", "Anna Lintorp"),
    }  # fmt: skip
    assert not find_facts("See 12.")


@pytest.mark.parametrize("seed", range(5))
def test_a_name_is_exchanged_wherever_it_stands(seed: int) -> None:
    text = f"{BRIDGE} Later Lintorp went abroad and built two other bridges over there."
    fact = next(f for f in find_facts(text) if f.kind == "name")
    told = false_texts(text, fact, "Karl Odum", ("bridge", "built", "engineer"), 5, rng(seed, "test"))
    assert len(set(told)) == 5
    assert all("Lintorp" not in t and "Odum" in t for t in told)


def test_a_prefix_is_random_tokens_with_some_of_the_question() -> None:
    text = prefix("who built the bridge", ["abalone", "zircon", "quiver"], rng(0, "prefix"))
    assert 12 <= len(text.split()) <= 24
    assert set(text.split()) & {"who", "built", "the", "bridge"}
