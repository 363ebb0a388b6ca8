"""Putting the data set together: documents, questions, attacks and benign traffic, as file contents.

The same seed gives the same bytes on every machine: each part draws from a generator of its own, and nothing
depends on hashing order. Members and non-members of the membership attack are written together and parted
only at the end, so that nothing but standing in the corpus tells them apart.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from .documents import Document, write_group
from .grammar import load
from .poison import poison
from .questions import Question, golds, interrogation, queries
from .sessions import HARD_KINDS, drilldown, hard
from .world import World

DATA = Path(__file__).parent / "data"
FROZEN_SEED = 0

RECORDS, REFERENCES, TWINS = 650, 350, 36
MEMBERS = 100
QUERIES = 200
SESSIONS = 60
HARD_EACH = 22
POISONED = 100


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _identify(documents: list[Document], prefix: str) -> None:
    for number, document in enumerate(documents):
        document.id = f"{prefix}-{number:04d}"


def _membership(members: list[Document], others: list[Document], world: World, rng: Random) -> list[dict[str, Any]]:
    targets = [(document, True) for document in members] + [(document, False) for document in others]
    rng.shuffle(targets)
    return [
        {
            "target_id": document.id, "member": member, "title": document.title, "text": document.text,
            "questions": [question.text for question in interrogation(document, 15, world, rng)], "answers": None,
        }
        for document, member in targets
    ]  # fmt: skip


def _poison(asked: list[tuple[str, Document, Question]], world: World, rng: Random) -> list[dict[str, Any]]:
    rows: list[tuple[int, dict[str, Any]]] = []
    order = [*range(len(asked))]
    rng.shuffle(order)
    for position in order:
        query_id, document, question = asked[position]
        made = None if question.yes_no else poison(document, question, document.id.startswith("rec"), world, rng)
        if made is None:
            continue
        wrong, natural, short = made
        rows.append((position, {
            "query_id": query_id, "question": question.text, "correct": question.short, "incorrect": wrong,
            "short_correct": question.short, "short_incorrect": wrong, "natural": natural, "natural_short": short,
            "hotflip": None,
        }))  # fmt: skip
        if len(rows) == POISONED:
            break
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _hard(documents: list[Document], rng: Random) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    titles = [document.title for document in documents]
    for kind in HARD_KINDS:
        made = 0
        for document in rng.sample(documents, len(documents)):
            text = hard(kind, document, rng)
            if not text or (kind == "title" and titles.count(text) > 1):
                continue
            rows.append({"_id": f"hard-{len(rows):03d}", "kind": kind, "text": text, "doc_id": document.id})
            made += 1
            if made == HARD_EACH:
                break
    return rows


def generate(seed: int) -> dict[str, str]:
    """Write a data set.

    Args:
        seed: another seed gives other people, facts and wordings, in the same amounts.

    Returns:
        File names (relative to the data folder) and their contents.
    """
    world = World(Random(f"{seed}/world"))
    records = write_group(load("records"), world, Random(f"{seed}/records"), RECORDS + MEMBERS)
    references = write_group(load("reference"), world, Random(f"{seed}/reference"), REFERENCES, TWINS)
    _identify(records, "rec")
    _identify(references, "ref")

    rng = Random(f"{seed}/split")
    targets = rng.sample([document for document in records if len(document.asks()) >= 6], 2 * MEMBERS)
    members, others = targets[:MEMBERS], targets[MEMBERS:]
    away = {document.id for document in others}
    records = [document for document in records if document.id not in away]
    corpus = records + references
    rng.shuffle(corpus)

    rng = Random(f"{seed}/queries")
    half = QUERIES // 2
    pairs = [(pair, "records") for pair in queries(records, corpus, half, world, rng)]
    pairs += [(pair, "reference") for pair in queries(references, corpus, half, world, rng)]
    rng.shuffle(pairs)
    asked = [(f"q-{number:03d}", document, question) for number, ((document, question), _) in enumerate(pairs)]
    query_rows = [
        {
            "_id": query_id, "text": question.text,
            "metadata": {"dataset": group, "answer": question.answer, "short_answer": question.short},
        }
        for (query_id, _, question), (_, group) in zip(asked, pairs, strict=True)
    ]  # fmt: skip
    qrels = ["query-id\tcorpus-id\tscore"]
    for query_id, document, question in asked:
        qrels += [f"{query_id}\t{other.id}\t1" for other in golds(document, question.ask, corpus)]

    rng = Random(f"{seed}/sessions")
    rich = [document for document in corpus if len(document.asks()) >= 5]
    sessions = [
        {
            "_id": f"session-{number:02d}", "doc_id": document.id,
            "questions": [{"text": q.text, "yes_no": q.yes_no} for q in drilldown(document, world, rng)],
        }
        for number, document in enumerate(rng.sample(rich, SESSIONS))
    ]  # fmt: skip
    corpus_rows = [
        {"_id": doc.id, "title": doc.title, "text": doc.text, "metadata": {"source": doc.kind.name}} for doc in corpus
    ]
    return {
        "corpus.jsonl": _lines(corpus_rows),
        "queries.jsonl": _lines(query_rows),
        "qrels/test.tsv": "\n".join(qrels) + "\n",
        "drilldown.jsonl": _lines(sessions),
        "benign-hard.jsonl": _lines(_hard(corpus, Random(f"{seed}/hard"))),
        "membership.jsonl": _lines(_membership(members, others, world, Random(f"{seed}/membership"))),
        "poison.jsonl": _lines(_poison(asked, world, Random(f"{seed}/poison"))),
    }


def write(folder: Path, seed: int) -> None:
    """Write a data set into a folder, which is created where missing.

    Args:
        folder: where the files go.
        seed: see `generate`.
    """
    for name, content in generate(seed).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="\n")
