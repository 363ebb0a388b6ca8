"""Data sets on disk that are made in a moment, embeddings under which retrieval makes sense, and whole tiny runs."""

from __future__ import annotations

import json
import random
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from benchmarks.data import Dataset
from benchmarks.runfolder import RunFolder
from benchmarks.runner import Report, Settings, config, execute
from strategist.embeddings import fingerprint

Rows = list[dict[str, Any]]
FEW = ("benign", "mba", "poisonedrag")
SYLLABLES = "ba de ki lo mu na pe ri so tu va we xi yo zu fal gor hin jas kel".split()


def made_word(number: int) -> str:
    """A word that nothing else spells so."""
    draw = random.Random(number)
    return "".join(draw.choice(SYLLABLES) for _ in range(3)) + SYLLABLES[number % 20]


def prose(topic: int, words: int = 45) -> str:
    """Sentences of a topic's own twelve words and of common ones."""
    draw = random.Random(f"prose {topic}")
    own = [made_word(100 * topic + i) for i in range(12)]
    common = [made_word(-i) for i in range(1, 60)]
    made = [draw.choice(own) if draw.random() < 0.5 else draw.choice(common) for _ in range(words)]
    return ". ".join(" ".join(made[i : i + 9]).capitalize() for i in range(0, words, 9)) + "."


def question(topic: int) -> str:
    """What somebody asks who wants that topic's passage."""
    draw = random.Random(f"question {topic}")
    return "which " + " ".join(draw.sample(prose(topic, 45).replace(".", "").lower().split(), 6)) + "?"


def files(passages: int = 40, questions: int = 36, targets: int = 6, poisons: int = 4) -> dict[str, Rows]:
    """Every file of the layout: passages, questions in two groups, members and others, poisoned questions."""
    return {
        "corpus.jsonl": [
            {"_id": f"doc-{i:04}", "title": f"Title {i}", "text": prose(i), "metadata": {"source": f"shelf {i % 3}"}}
            for i in range(passages)
        ],
        "queries.jsonl": [
            {"_id": f"q{i}", "text": question(i % passages) + " " * (i // passages)}
            | {"metadata": {"dataset": "ab"[i % 2], "short_answer": prose(i % passages).split()[3].strip(".")}}
            for i in range(questions)
        ],
        "membership.jsonl": [
            {"target_id": f"doc-{i:04}" if i < targets else f"out-{i}", "member": i < targets}
            | {"text": prose(i if i < targets else 900 + i)}
            for i in range(2 * targets)
        ],
        "poison.jsonl": [
            {"query_id": f"q{i}", "question": question(i)}
            | {"natural": [f"{question(i)} {made_word(i)} {n}" for n in range(5)]}
            | {"incorrect": made_word(i), "short_incorrect": made_word(i)}
            for i in range(poisons)
        ],
    }  # fmt: skip


def gold(questions: int = 36, passages: int = 40) -> dict[str, str]:
    """The gold passage of each question."""
    return {f"q{i}": f"doc-{i % passages:04}" for i in range(questions)}


def write(folder: Path, content: dict[str, Rows] | None = None, golds: dict[str, str] | None = None) -> Path:
    """Write a data set."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for name, rows in (files() if content is None else content).items():
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    lines = [f"{query}\t{passage}\t1\n" for query, passage in (gold() if golds is None else golds).items()]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines), encoding="utf-8")
    return folder


class BagOfWords(Embeddings):
    """Hashed words: texts that share words are near each other. Counts what it is asked for."""

    fingerprint = "bag-of-words"

    def __init__(self, dimension: int = 96) -> None:
        self.dimension = dimension
        self.embedded = 0

    def vector(self, text: str) -> list[float]:
        self.embedded += 1
        made = np.full(self.dimension, 1e-3)
        for word in text.lower().replace(".", " ").replace("?", " ").split():
            number = zlib.crc32(word.encode("utf-8", "replace"))
            made[number % self.dimension] += 1.0 + number / 2**33  # words weigh differently: hardly a tie
        found: list[float] = (made / np.linalg.norm(made)).tolist()
        return found

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.vector(text)


def run_once(
    data: Dataset, settings: Settings, path: Path, model: Embeddings | None = None, report: Report = lambda *_: None
) -> dict[str, Any]:
    """One run as the command line would make it."""
    model = model or BagOfWords()
    made = config(data, settings, fingerprint(model), "none", "auto" if settings.split else "shipped")
    return execute(data, settings, model, RunFolder(path, made), report)


def timeless(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells whose figures do not depend on the machine's speed."""
    return [cell for cell in summary["cells"] if "_ms_" not in cell["metric"]]


def value(
    summary: dict[str, Any], policy: str, attack: str, metric: str, key: str = "value", group: str | None = None
) -> Any:
    """One figure of a run."""
    (cell,) = [
        cell
        for cell in summary["cells"]
        if (cell["policy"], cell["attack"], cell["metric"], cell["group"]) == (policy, attack, metric, group)
    ]
    return cell[key]
