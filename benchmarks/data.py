"""Data sets: BEIR layout (corpus.jsonl, queries.jsonl, qrels/test.tsv) and, when present, attack material beside it.

A data set is read whole before any work, and every fault is reported with file and line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.rows import metadata_of, qrels, rows, text_of, texts_of
from sentinel.errors import DataError

BUNDLED = Path(__file__).parent / "bundled" / "data"
FAMILIES = ("phantom", "advdecoding", "blind")
"""Families of ready-made documents that an attack of this project reads."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One document of the corpus."""

    id: str
    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """A benign question, the ids of the passages that answer it, and the answer if known."""

    id: str
    text: str
    gold: frozenset[str]
    group: str | None = None
    answer: str | None = None
    short_answer: str | None = None


@dataclass(frozen=True, slots=True)
class PoisonTarget:
    """A question and the texts planted to have it answered falsely.

    `gold` is for questions that do not stand in the data set, as those of `benchmarks.generated`.
    """

    query_id: str
    question: str
    natural: tuple[str, ...]
    natural_short: tuple[str, ...] = ()
    hotflip: tuple[str, ...] = ()
    correct: str | None = None
    incorrect: str | None = None
    short_correct: str | None = None
    short_incorrect: str | None = None
    gold: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ReadyMade:
    """Attack documents as somebody made them, and the text that is asked to bring them up.

    Attributes:
        id: File and line, unique within the data set.
        family: The second part of the file's name.
        query: What is asked; holds a trigger if the family has one.
        documents: What is planted.
        query_id: The benign question behind it, if it stands in the data set.
        correct: The right answer, if known.
        goal: What the documents want the reader to say, if known.
    """

    id: str
    family: str
    query: str
    documents: tuple[str, ...]
    query_id: str | None = None
    correct: str | None = None
    goal: str | None = None


@dataclass(frozen=True, slots=True)
class MembershipTarget:
    """A document that an attacker holds, and whether it stands in the corpus."""

    id: str
    member: bool
    text: str
    title: str = ""
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drilldown:
    """One client's follow-up questions on one document; each with whether it wants a yes or no."""

    id: str
    doc_id: str
    questions: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class HardQuery:
    """A benign query whose form resembles an attack's."""

    id: str
    kind: str
    text: str
    doc_id: str


@dataclass(frozen=True)
class Dataset:
    """A data set in memory.

    Attributes:
        name: The folder's name; `dataset` in the results.
        folder: Where it lies.
        passages: The corpus, in file order.
        queries: Benign questions, with at least one gold passage in the corpus unless they were read `unlabelled`.
        poison: Targets of poisoning attacks.
        membership: Targets of membership attacks.
        drilldowns: Shipped drill-downs; empty where they are generated from the corpus.
        hard: Shipped benign-hard queries; empty where they are generated.
        ready_made: Attack documents of the `poison-FAMILY[-NAME].jsonl` files.
        made: What no file brings and the project has made; see `benchmarks.own_targets`.
    """

    name: str
    folder: Path
    passages: tuple[Passage, ...]
    queries: tuple[Query, ...]
    poison: tuple[PoisonTarget, ...] = ()
    membership: tuple[MembershipTarget, ...] = ()
    drilldowns: tuple[Drilldown, ...] = ()
    hard: tuple[HardQuery, ...] = ()
    ready_made: tuple[ReadyMade, ...] = ()
    made: tuple[str, ...] = ()

    @cached_property
    def by_id(self) -> dict[str, Passage]:
        """Passages by id."""
        return {passage.id: passage for passage in self.passages}

    @cached_property
    def query_by_id(self) -> dict[str, Query]:
        """Benign questions by id."""
        return {query.id: query for query in self.queries}

    @cached_property
    def interrogated(self) -> tuple[MembershipTarget, ...]:
        """Membership targets that come with yes/no questions."""
        return tuple(target for target in self.membership if target.questions)

    @cached_property
    def hotflipped(self) -> tuple[PoisonTarget, ...]:
        """Poison targets that come with documents optimised against a retriever."""
        return tuple(target for target in self.poison if target.hotflip)

    @cached_property
    def phantom_documents(self) -> tuple[ReadyMade, ...]:
        """Documents that a trigger in the query brings up."""
        return self._of_family("phantom")

    @cached_property
    def advdecoding_documents(self) -> tuple[ReadyMade, ...]:
        """Documents decoded towards a question's vector."""
        return self._of_family("advdecoding")

    @cached_property
    def blind_documents(self) -> tuple[ReadyMade, ...]:
        """Documents written on a topic by somebody who did not know the question."""
        return self._of_family("blind")

    def _of_family(self, family: str) -> tuple[ReadyMade, ...]:
        return tuple(row for row in self.ready_made if row.family == family)

    @cached_property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 over every file of the data set, and over what else was made.

        Calibration keeps away from what was made: it is another one for other targets or labels.
        """
        digest = sha256()
        for path in sorted(self.folder.rglob("*")):
            if path.suffix in (".jsonl", ".tsv"):
                digest.update(str(path.relative_to(self.folder)).encode() + path.read_bytes())
        if self.made:
            targets = [*(t.id for t in self.membership), *(f"{t.query_id} {sorted(t.gold)}" for t in self.poison)]
            labels = [f"{q.id} {sorted(q.gold)}" for q in self.queries]
            digest.update("\n".join([*self.made, *targets, *labels]).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]


def is_log(data: str | Path) -> bool:
    """Whether a folder has questions and no labels of any kind: users' questions as they were asked."""
    folder = Path(data)
    return (folder / "queries.jsonl").is_file() and not any(folder.glob("qrels/*.tsv"))


def load(data: str | Path, *, unlabelled: bool = False) -> Dataset:
    """Read a data set.

    Args:
        data: `bundled`, or a folder.
        unlabelled: Keep questions whose gold passages nobody knows, as is done anyway where a folder has no qrels: a
            log of questions is enough to fit and to calibrate on, where what the undefended search finds is what may
            be lost.

    Raises:
        DataError: No folder, no corpus.jsonl or queries.jsonl, qrels without a test.tsv, an empty corpus, duplicate
            ids, a malformed line, or no question (whose gold passage stands in the corpus, unless `unlabelled`).
    """
    bundled = str(data) == "bundled"
    folder = BUNDLED if bundled else Path(data)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    unlabelled = unlabelled or is_log(folder)
    needed = ("corpus.jsonl", "queries.jsonl", *(() if unlabelled else ("qrels/test.tsv",)))
    for name in needed:
        if not (folder / name).is_file():
            raise DataError(f"{folder}: no {name}; a data set has {', '.join(needed[:-1])} and {needed[-1]}")
    passages = _passages(folder / "corpus.jsonl")
    known = {passage.id for passage in passages}
    labels = folder / "qrels" / "test.tsv"
    gold = qrels(labels) if labels.is_file() else {}
    queries = _queries(folder / "queries.jsonl", gold, known, unlabelled)
    name = "bundled" if bundled else folder.resolve().name
    return Dataset(
        name, folder, passages, queries,
        poison=tuple(_poison(folder / "poison.jsonl")),
        membership=tuple(_membership(folder / "membership.jsonl")),
        drilldowns=tuple(_drilldowns(folder / "drilldown.jsonl")),
        hard=tuple(_hard(folder / "benign-hard.jsonl")),
        ready_made=tuple(row for path in sorted(folder.glob("poison-*.jsonl")) for row in _ready_made(path)),
    )  # fmt: skip


def _passages(path: Path) -> tuple[Passage, ...]:
    seen: dict[str, int] = {}
    passages: list[Passage] = []
    for number, row in rows(path, ("_id", "text")):
        where = f"{path}, line {number}"
        key = text_of(row, "_id", where)
        if key in seen:
            raise DataError(f"{where}: id {key!r} stands in line {seen[key]} already")
        seen[key] = number
        title = str(row.get("title") or "")
        passages.append(Passage(key, text_of(row, "text", where), title, metadata_of(row, where)))
    if not passages:
        raise DataError(f"{path}: the corpus is empty")
    return tuple(passages)


def _queries(path: Path, gold: Mapping[str, frozenset[str]], known: set[str], unlabelled: bool) -> tuple[Query, ...]:
    queries: list[Query] = []
    seen: set[str] = set()
    for number, row in rows(path, ("_id", "text")):
        where = f"{path}, line {number}"
        key = text_of(row, "_id", where)
        if key in seen:
            raise DataError(f"{where}: id {key!r} stands there twice")
        seen.add(key)
        found = gold.get(key, frozenset()) & known
        if found or unlabelled:
            meta = metadata_of(row, where)
            text = text_of(row, "text", where)
            answers = (_answer(meta, name) for name in ("dataset", "answer", "short_answer"))
            queries.append(Query(key, text, found, *answers))
    if not queries:
        raise DataError(f"{path}: no question{'' if unlabelled else ' has a gold passage in the corpus'}")
    return tuple(queries)


def _poison(path: Path) -> Iterator[PoisonTarget]:
    if path.is_file():
        for number, row in rows(path, ("query_id", "question", "natural")):
            where = f"{path}, line {number}"
            yield PoisonTarget(
                text_of(row, "query_id", where),
                text_of(row, "question", where),
                natural=texts_of(row, "natural", where),
                natural_short=texts_of(row, "natural_short", where),
                hotflip=texts_of(row, "hotflip", where),
                correct=_answer(row, "correct"),
                incorrect=_answer(row, "incorrect"),
                short_correct=_answer(row, "short_correct"),
                short_incorrect=_answer(row, "short_incorrect"),
            )


def family_of(path: Path) -> str:
    """FAMILY of a file `poison-FAMILY[-NAME].jsonl`."""
    return path.stem.split("-")[1]


def _ready_made(path: Path) -> Iterator[ReadyMade]:
    for number, row in rows(path, ("query", "documents")):
        where = f"{path}, line {number}"
        documents = texts_of(row, "documents", where)
        if not documents or not all(text.strip() for text in documents):
            raise DataError(f"{where}: 'documents' must be a list of texts that are not empty")
        query_id = row.get("query_id")
        if query_id is not None and not isinstance(query_id, str):
            raise DataError(f"{where}: 'query_id' must be text or null")
        yield ReadyMade(
            f"{path.stem.removeprefix('poison-')}-{number}",
            family_of(path),
            text_of(row, "query", where),
            documents,
            query_id,
            _answer(row, "correct"),
            _answer(row, "goal"),
        )


def _answer(row: Mapping[str, Any], key: str) -> str | None:
    """An answer as text: years and counts stand as numbers in some data sets."""
    value = row.get(key)
    return None if value is None else str(value)


def _membership(path: Path) -> Iterator[MembershipTarget]:
    if path.is_file():
        for number, row in rows(path, ("target_id", "member", "text")):
            where = f"{path}, line {number}"
            if not isinstance(row["member"], bool):
                raise DataError(f"{where}: 'member' must be true or false")
            yield MembershipTarget(
                text_of(row, "target_id", where),
                row["member"],
                text_of(row, "text", where),
                str(row.get("title") or ""),
                texts_of(row, "questions", where),
            )


def _drilldowns(path: Path) -> Iterator[Drilldown]:
    if path.is_file():
        for number, row in rows(path, ("_id", "doc_id", "questions")):
            where = f"{path}, line {number}"
            asked = row["questions"]
            if not isinstance(asked, list) or not all(isinstance(q, dict) and "text" in q for q in asked):
                raise DataError(f"{where}: 'questions' must be a list of objects with a text")
            questions = tuple((text_of(q, "text", where), bool(q.get("yes_no"))) for q in asked)
            yield Drilldown(text_of(row, "_id", where), text_of(row, "doc_id", where), questions)


def _hard(path: Path) -> Iterator[HardQuery]:
    if path.is_file():
        for number, row in rows(path, ("_id", "kind", "text", "doc_id")):
            where = f"{path}, line {number}"
            yield HardQuery(*(text_of(row, key, where) for key in ("_id", "kind", "text", "doc_id")))
