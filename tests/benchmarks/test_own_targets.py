"""A corpus and its questions are enough: targets that no file brings are made, and apart from calibration's."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks.attacks import ATTACKS
from benchmarks.data import Dataset, Query, load
from benchmarks.generated import generated
from benchmarks.own_targets import FEWEST, MOST, attackable, attacked_data, counted, told
from benchmarks.pseudo_labels import labelled
from benchmarks.run_plan import Options, plan
from benchmarks.runner import Settings, prepare, servable
from sentinel.errors import DataError
from tests.benchmarks.datasets import BagOfWords, files, run_once, value, write
from tests.benchmarks.tiny import tiny


@cache
def bare() -> Dataset:
    """The bundled corpus as a user has one: no targets, no made traffic."""
    return replace(load("bundled"), poison=(), membership=(), drilldowns=(), hard=(), ready_made=())


@cache
def made(seed: int = 0) -> Dataset:
    return attackable(bare(), seed)


def test_a_data_set_that_lacks_nothing_stays_as_it_is() -> None:
    bundled = load("bundled")
    assert attackable(bundled, 0) is bundled
    assert counted(bundled) == {}
    only = replace(bundled, poison=())
    assert attackable(only, 0).membership == only.membership
    assert attackable(only, 0).made == ("poison",)


def test_members_stand_in_the_corpus_and_the_others_left_it() -> None:
    members = {t.id for t in made().membership if t.member}
    others = {t.id for t in made().membership if not t.member}
    assert FEWEST <= len(others) == len(members) <= MOST
    assert members <= set(made().by_id)
    assert not others & set(made().by_id)
    assert others < set(bare().by_id)
    assert all(bare().by_id[t.id].text == t.text for t in made().membership)
    assert all(t.questions for t in made().membership)


def test_no_question_loses_its_passage_where_others_will_do() -> None:
    gold = {key for query in bare().queries for key in query.gold}
    assert not gold & {t.id for t in made().membership}
    assert made().queries == bare().queries


def test_where_every_passage_answers_something_questions_of_those_that_leave_are_asked_no_more() -> None:
    queries = tuple(Query(f"q-{p.id}", f"what of {p.title}?", frozenset({p.id})) for p in bare().passages)
    both = Query("both", "and these?", frozenset(p.id for p in bare().passages))
    crowded = attackable(replace(bare(), queries=(*queries, both)), 0)
    others = {t.id for t in crowded.membership if not t.member}
    assert len(others) >= FEWEST
    asked = {query.id: query.gold for query in crowded.queries}
    assert not {f"q-{key}" for key in others} & set(asked)
    assert asked["both"] == set(crowded.by_id)
    assert all(gold <= set(crowded.by_id) for gold in asked.values())


def test_false_claims_are_made_on_the_questions_of_the_data_set() -> None:
    asked = bare().query_by_id
    assert FEWEST <= len(made().poison) <= MOST
    for target in made().poison:
        query = asked[target.query_id]
        assert target.question == query.text
        assert target.gold <= query.gold
        passage = bare().by_id[min(target.gold)]
        assert len(set(target.natural)) == len(target.hotflip) == 5
        for text, optimised in zip(target.natural, target.hotflip, strict=True):
            assert str(target.incorrect) in text or target.correct is None
            assert text not in passage.text
            assert optimised.endswith(text)


def test_where_answers_are_wanted_the_claim_is_one_on_the_answer() -> None:
    answered = attackable(bare(), 0, answered=True).poison
    known = {q.id: q.short_answer or q.answer for q in bare().queries}
    assert len(answered) >= FEWEST
    assert all(t.short_correct == known[t.query_id] != t.short_incorrect for t in answered)


def test_without_known_answers_facts_are_asked_for() -> None:
    mute = replace(bare(), queries=tuple(replace(q, answer=None, short_answer=None) for q in bare().queries))
    asked = attackable(mute, 0, answered=True)
    assert len(asked.poison) >= FEWEST
    for target in asked.poison:
        (key,) = target.gold
        assert str(target.correct) in bare().by_id[key].text
        assert target.query_id not in mute.query_by_id
    assert not {k for t in asked.poison for k in t.gold} & {t.id for t in asked.membership}


def test_calibration_makes_its_attacks_of_other_passages() -> None:
    judged = {t.id for t in made().membership} | {key for t in made().poison for key in t.gold}
    fitted = generated(made(), 0)
    assert fitted.membership
    assert fitted.poison
    assert not judged & {t.id for t in fitted.membership}
    assert not judged & {key for t in fitted.poison for key in t.gold}


def test_by_seed_alone() -> None:
    assert attackable(bare(), 0) == made()
    assert attackable(bare(), 1).membership != made().membership
    assert made().hash != bare().hash


def test_every_attack_that_needs_no_ready_made_documents_can_be_run() -> None:
    names = set(servable(made(), full=True)) - {"isc"}
    given = {n for n in ATTACKS.names() if any("documents" in need for need in ATTACKS.get(n).manifest.needs)}
    needs = {n for n in ATTACKS.names() if not ATTACKS.get(n).manifest.needs_generator}
    assert needs - given <= names


def test_other_targets_and_other_labels_are_another_data_set() -> None:
    """What was calibrated beside some targets may have been fitted on the passages of others."""
    answered = attackable(bare(), 0, answered=True)
    assert answered.made == made().made
    assert answered.hash != made().hash
    unlabelled = replace(bare(), queries=tuple(replace(q, gold=frozenset()) for q in bare().queries[:3]))
    hashes = {labelled(unlabelled, BagOfWords(), k).hash for k in (1, 2)}
    assert len(hashes) == 2


def test_too_small_a_corpus_is_told() -> None:
    small = attackable(replace(tiny(), membership=(), poison=()), 0)
    assert (small.membership, small.poison, small.made) == ((), (), ())
    assert counted(small) == {"membership": 0, "poison": 0}
    assert told(counted(small)) == (
        "the data set brings no membership.jsonl and no poison.jsonl. It is too small to make membership and poison "
        "targets of: those attacks were not measured."
    )
    with pytest.raises(DataError, match="needs membership, and the data set brings none and is too small to make any"):
        prepare(small, Settings(["none"], ["mba"]))


def test_what_was_made_is_told() -> None:
    sentence = told({"membership": 198, "poison": 100, "labels": 700})
    assert "no membership.jsonl, no poison.jsonl and no qrels" in sentence
    assert "198 documents, half of them taken out of the corpus; false claims on 100 questions" in sentence
    assert "undefended search" in sentence
    assert "membership" not in told({"poison": 5}).replace("no membership", "")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A corpus and a log of questions, nothing else."""
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("strategist.embeddings.load_embeddings", lambda _: BagOfWords())
    rows: dict[str, Any] = files(passages=300, questions=60)
    rows = {name: rows[name] for name in ("corpus.jsonl", "queries.jsonl")}
    folder = write(tmp_path / "log", rows)
    (folder / "qrels" / "test.tsv").unlink()
    return str(folder)


def test_a_log_of_questions_can_be_run(log: str, tmp_path: Path) -> None:
    made_plan = plan(Options(log, "rules", attacks="benign,mba", calibration="shipped"))
    assert set(made_plan.config["data"]["made"]) >= {"membership", "labels"}
    assert made_plan.data == attacked_data(log, BagOfWords(), 0, 5)
    assert all(len(query.gold) == 5 for query in made_plan.data.queries)
    summary = run_once(made_plan.data, replace(made_plan.settings, policies=["rules"]), tmp_path / "run")
    assert value(summary, "none", "benign", "recall@5") == 1.0
    assert value(summary, "none", "mba", "auc") > 0.9
