"""The bundled data set: frozen bytes, references, and the quality that the benchmark rests on."""

from __future__ import annotations

import json
import statistics
from collections import Counter, defaultdict
from functools import cache
from typing import Any

import pytest

from benchmarks.bundled import DATA, FROZEN_SEED, generate, write
from benchmarks.bundled.documents import ngrams, words
from benchmarks.bundled.grammar import Kind, load, used_slots
from benchmarks.bundled.questions import overlap
from benchmarks.bundled.sessions import HARD_KINDS
from benchmarks.data import FAMILIES
from benchmarks.readymade import NAME

OTHER_SEED = 7
SEEDS = (FROZEN_SEED, OTHER_SEED)


@cache
def files(seed: int) -> dict[str, str]:
    return generate(seed)


def rows(seed: int, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files(seed)[f"{name}.jsonl"].splitlines()]


def texts(seed: int) -> dict[str, str]:
    return {row["_id"]: row["text"] for row in rows(seed, "corpus")}


def golds(seed: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    header, *lines = files(seed)["qrels/test.tsv"].splitlines()
    assert header == "query-id\tcorpus-id\tscore"
    for line in lines:
        query, document, score = line.split("\t")
        assert score == "1"
        found[query].append(document)
    return found


def test_frozen_files_are_what_the_generator_writes() -> None:
    made = files(FROZEN_SEED)
    frozen = {str(path.relative_to(DATA)) for path in DATA.rglob("*") if path.is_file()} - {
        "vectors.json",
        "vectors.npy",
        # Searched for with the packaged model: see test_readymade.
        *(NAME.format(family=family) for family in FAMILIES),
    }
    assert frozen == set(made)
    for name, content in made.items():
        assert (DATA / name).read_bytes() == content.encode(), f"{name}: run python -m benchmarks.bundled"


def test_same_seed_gives_the_same_bytes(tmp_path: Any) -> None:
    write(tmp_path, OTHER_SEED)
    for name, content in files(OTHER_SEED).items():
        assert (tmp_path / name).read_bytes() == content.encode()


def test_another_seed_gives_other_rows_in_the_same_amounts() -> None:
    for name in files(FROZEN_SEED):
        one, two = files(FROZEN_SEED)[name], files(OTHER_SEED)[name]
        assert one != two
        if name.endswith("jsonl"):
            assert one.count("\n") == two.count("\n"), name
    assert not set(texts(FROZEN_SEED).values()) & set(texts(OTHER_SEED).values())
    # Hardly any person is met in both: a name is a first name of many and an invented surname.
    titled = [{row["title"] for row in rows(seed, "corpus") if row["title"]} for seed in SEEDS]
    assert len(titled[0] & titled[1]) < 10


@pytest.mark.parametrize("seed", SEEDS)
def test_sizes_and_layout(seed: int) -> None:
    corpus = rows(seed, "corpus")
    assert len(corpus) == 1000
    assert sum(row["_id"].startswith("rec") for row in corpus) == 650
    assert len({row["metadata"]["source"] for row in corpus}) >= 16
    groups = Counter(row["metadata"]["dataset"] for row in rows(seed, "queries"))
    assert groups == {"records": 100, "reference": 100}
    assert len(rows(seed, "drilldown")) == 60
    kinds = Counter(row["kind"] for row in rows(seed, "benign-hard"))
    assert set(kinds) == set(HARD_KINDS)
    assert min(kinds.values()) >= 20
    assert Counter(row["member"] for row in rows(seed, "membership")) == {True: 100, False: 100}
    assert len(rows(seed, "poison")) == 100
    assert list(corpus[0]) == ["_id", "title", "text", "metadata"]


@pytest.mark.parametrize("seed", SEEDS)
def test_ids_are_unique_and_references_stand(seed: int) -> None:
    for name in ("corpus", "queries", "drilldown", "benign-hard"):
        ids = [row["_id"] for row in rows(seed, name)]
        assert len(set(ids)) == len(ids)
    documents, queries = texts(seed), {row["_id"] for row in rows(seed, "queries")}
    relevant = golds(seed)
    assert set(relevant) == queries
    for found in relevant.values():
        assert 1 <= len(found) <= 2
        assert all(document in documents for document in found)
    assert all(row["doc_id"] in documents for row in rows(seed, "drilldown") + rows(seed, "benign-hard"))
    targets = [row["query_id"] for row in rows(seed, "poison")]
    assert len(set(targets)) == len(targets)
    assert set(targets) <= queries


@pytest.mark.parametrize("seed", SEEDS)
def test_no_unfilled_slot_and_nothing_empty(seed: int) -> None:
    for name, content in files(seed).items():
        if name.endswith("tsv"):
            continue
        for row in rows(seed, name.removesuffix(".jsonl")):
            for text in _strings({key: value for key, value in row.items() if key != "title"}):
                assert text.strip()
                assert not any(mark in text for mark in "{}|\0"), text
        assert content.endswith("\n")


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value for text in _strings(item)] if isinstance(value, list) else []


@pytest.mark.parametrize("seed", SEEDS)
def test_documents_vary(seed: int) -> None:
    documents = list(texts(seed).values())
    lengths = [len(words(text)) for text in documents]
    assert min(lengths) >= 40
    assert max(lengths) <= 200
    assert 80 <= statistics.median(lengths) <= 110

    grams = [ngrams(text, 5) for text in documents]
    where: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, found in enumerate(grams):
        for gram in found:
            where[gram].append(number)
    shared: Counter[tuple[int, int]] = Counter()
    for numbers in where.values():
        for i, right in enumerate(numbers):
            for left in numbers[:i]:
                shared[left, right] += 1
    similar = sorted((n / (len(grams[a]) + len(grams[b]) - n) for (a, b), n in shared.items()), reverse=True)
    pairs = len(documents) * (len(documents) - 1) // 2
    assert similar[0] < 0.25
    assert similar[pairs // 1000] < 0.08
    assert sum(similar) / pairs < 0.002

    runs = Counter(gram for text in documents for gram in ngrams(text, 8))
    assert runs.most_common(1)[0][1] < 0.025 * len(documents)


@pytest.mark.parametrize("seed", SEEDS)
def test_queries_are_paraphrased_and_answerable(seed: int) -> None:
    documents, relevant = texts(seed), golds(seed)
    queries = rows(seed, "queries")
    shares = []
    for row in queries:
        assert 6 <= len(words(row["text"])) <= 25
        short, passages = row["metadata"]["short_answer"], [documents[name] for name in relevant[row["_id"]]]
        assert row["metadata"]["answer"]
        if short in ("yes", "no"):
            assert row["metadata"]["answer"].lower().startswith(short)
        else:
            assert all(short in passage for passage in passages)
            assert short in row["metadata"]["answer"]
        shares.append(max(overlap(row["text"], passage) for passage in passages))
    assert statistics.median(shares) < 0.25
    assert len({row["text"] for row in queries}) == len(queries)
    assert 10 <= sum(row["metadata"]["short_answer"] in ("yes", "no") for row in queries) <= 60
    assert 0.2 < sum(row["text"].islower() for row in queries) / len(queries) < 0.7


@pytest.mark.parametrize("seed", SEEDS)
def test_members_stand_in_the_corpus_and_the_others_nowhere(seed: int) -> None:
    corpus = {row["_id"]: row for row in rows(seed, "corpus")}
    everything = set(texts(seed).values())
    targets = rows(seed, "membership")
    for row in targets:
        if row["member"]:
            standing = corpus[row["target_id"]]
            assert (standing["title"], standing["text"]) == (row["title"], row["text"])
        else:
            assert row["target_id"] not in corpus
            assert row["text"] not in everything
        assert row["answers"] is None
        assert len(set(row["questions"])) == 15
        assert all(question.endswith("?") for question in row["questions"])


@pytest.mark.parametrize("seed", SEEDS)
def test_members_do_not_look_different(seed: int) -> None:
    lengths = {
        member: [len(words(row["text"])) for row in rows(seed, "membership") if row["member"] is member]
        for member in (True, False)
    }
    asked = {
        member: [len(q) for row in rows(seed, "membership") if row["member"] is member for q in row["questions"]]
        for member in (True, False)
    }
    for measured in (lengths, asked):
        one, two = statistics.median(measured[True]), statistics.median(measured[False])
        assert abs(one - two) <= 0.1 * max(one, two)


@pytest.mark.parametrize("seed", SEEDS)
def test_drilldowns_are_half_yes_no(seed: int) -> None:
    sessions = rows(seed, "drilldown")
    assert all(5 <= len(row["questions"]) <= 8 for row in sessions)
    flags = [question["yes_no"] for row in sessions for question in row["questions"]]
    assert 0.4 < statistics.mean(flags) < 0.6


@pytest.mark.parametrize("seed", SEEDS)
def test_hard_requests_have_the_form_of_their_kind(seed: int) -> None:
    titles = {row["_id"]: row["title"] for row in rows(seed, "corpus")}
    for row in rows(seed, "benign-hard"):
        if row["kind"] == "title":
            assert row["text"] == titles[row["doc_id"]]
        if row["kind"] == "fill-in":
            assert "..." in row["text"] or "____" in row["text"]
        if row["kind"] == "case":
            assert 40 <= len(words(row["text"])) <= 120
        if row["kind"] == "excerpt":
            assert 15 <= len(words(row["text"])) <= 100


@pytest.mark.parametrize("seed", SEEDS)
def test_poison_states_the_wrong_answer_only(seed: int) -> None:
    questions = {row["_id"]: row for row in rows(seed, "queries")}
    for row in rows(seed, "poison"):
        query = questions[row["query_id"]]
        assert row["question"] == query["text"]
        assert row["correct"] == row["short_correct"] == query["metadata"]["short_answer"] not in ("yes", "no")
        assert len(set(row["natural"])) == len(set(row["natural_short"])) == 5
        for kind, low, high in (("natural", 25, 60), ("natural_short", 12, 25)):
            for text in row[kind]:
                assert low <= len(words(text)) <= high
                assert row["short_incorrect"] in text
                assert row["short_correct"].lower() not in text.lower()
        assert row["hotflip"] is None


@pytest.mark.parametrize("kind", [*load("records"), *load("reference")], ids=lambda kind: kind.name)
def test_grammar_is_sound(kind: Kind) -> None:
    slots = {name for name, _ in kind.slots}
    people = {name for name, spec in kind.slots if spec == "@person"}
    wordings = [*kind.titles, *kind.openings, *kind.closings, *kind.pads, *(w for b in kind.blocks for w in b.wordings)]
    for ask in kind.asks:
        assert ask.slot in slots
        assert len(ask.opens) >= 2
        assert ask.yes_no
        assert len(ask.claims) >= 2
        assert all("{v}" in text for text in ask.yes_no + ask.claims)
    questions = [text for ask in kind.asks for text in ask.opens + ask.yes_no + ask.claims]
    for name in {name for text in wordings + questions for name in used_slots(text)} - {"v"}:
        assert name in slots or name.rpartition("_")[0] in people, name
    assert all(len(block.wordings) >= 2 for block in kind.blocks)
