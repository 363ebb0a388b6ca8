"""Everything that is wrong with a data set, at once: `sentinel-bench validate`.

`benchmarks.data.load` stops at the first fault that keeps it from working. Here nothing stops: every fault is listed,
and so is what loads well but would bend the figures, such as a non-member that stands in the corpus after all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import _overlap as overlap
from benchmarks.data import BUNDLED, FAMILIES, family_of, is_log, load

MOST_PER_FILE = 50
POISON_TEXTS = 5

# What a field holds. "text" must not be blank; "text?" may be null, blank or absent; an answer may be a number, for
# "how many" has such answers; "texts" is a list of at least one text that is not blank, "texts?" may be null too.
_FIELDS: dict[str, dict[str, str]] = {
    "corpus.jsonl": {"_id": "text", "text": "text", "title": "text?"},
    "queries.jsonl": {"_id": "text", "text": "text", "title": "text?"},
    "poison.jsonl": {"query_id": "text", "question": "text", "natural": "texts"}
    | dict.fromkeys(("natural_short", "hotflip"), "texts?")
    | dict.fromkeys(("correct", "incorrect", "short_correct", "short_incorrect"), "answer"),
    "membership.jsonl": {"target_id": "text", "member": "flag", "text": "text", "title": "text?"}
    | {"questions": "texts?", "answers": "anything"},
    "drilldown.jsonl": {"_id": "text", "doc_id": "text", "questions": "questions"},
    "benign-hard.jsonl": {"_id": "text", "kind": "text", "text": "text", "doc_id": "text"},
}
_READY_MADE = {"query_id": "text?", "query": "text", "documents": "texts", "correct": "answer", "goal": "answer"}
_KEY = {"poison.jsonl": "query_id", "membership.jsonl": "target_id"}
_REQUIRED = {"text", "texts", "flag", "questions"}
_COUNTED = {
    "documents": "corpus.jsonl",
    "questions": "queries.jsonl",
    "poison targets": "poison.jsonl",
    "membership targets": "membership.jsonl",
    "drill-downs": "drilldown.jsonl",
    "hard queries": "benign-hard.jsonl",
}


class Row(NamedTuple):
    """One object of a JSON-lines file and the line that it stands in."""

    line: int
    value: dict[str, Any]

    def text(self, key: str) -> str | None:
        """A field that is text and not blank, else None: its absence is reported where fields are checked."""
        value = self.value.get(key)
        return value if isinstance(value, str) and value.strip() else None


@dataclass
class _Problems:
    found: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def add(self, file: str, line: int, what: str) -> None:
        """Line 0 stands for the file as a whole."""
        self.found.setdefault(file, []).append((line, what))

    def lines(self) -> list[str]:
        made: list[str] = []
        for file, problems in self.found.items():
            problems.sort(key=lambda problem: problem[0])
            for line, what in problems[:MOST_PER_FILE]:
                made.append(f"{file}, line {line}: {what}" if line else f"{file}: {what}")
            if len(problems) > MOST_PER_FILE:
                made.append(f"{file}: {len(problems) - MOST_PER_FILE:,} more problems, not listed")
        return made


def check(data: str | Path) -> tuple[list[str], dict[str, int]]:
    """Find every problem of a data set.

    Args:
        data: `bundled`, or a folder.

    Returns:
        The problems, one line each (at most 50 a file, then how many more there are), and how much of everything
        the data set holds.

    Raises:
        DataError: There is no such folder, or it lacks corpus.jsonl or queries.jsonl, or test.tsv among its qrels.
    """
    folder = BUNDLED if str(data) == "bundled" else Path(data)
    labels = () if is_log(folder) else ("qrels/test.tsv",)
    if not all((folder / name).is_file() for name in ("corpus.jsonl", "queries.jsonl", *labels)):
        load(data)  # says what is missing
    problems = _Problems()
    fields = dict(_FIELDS)
    for path in sorted(folder.glob("poison-*.jsonl")):
        fields[path.name] = _READY_MADE
    files: dict[str, list[Row]] = {}
    for name, known in fields.items():
        files[name] = list(_read(folder / name, name, problems))
        _check_fields(name, files[name], known, problems)
        if known is not _READY_MADE:  # several triggers may stand ready for one question
            _check_ids(name, files[name], problems)
    for name, thing in (("corpus.jsonl", "documents"), ("queries.jsonl", "questions")):
        if not files[name]:
            problems.add(name, 0, f"no {thing}")
    _check_corpus(files["corpus.jsonl"], problems)
    _check_gold(folder, files, problems)
    _check_membership(files["membership.jsonl"], files["corpus.jsonl"], problems)
    _check_poison(files["poison.jsonl"], problems)
    _check_documents_asked_about(files, problems)
    _check_ready_made(files, [name for name, known in fields.items() if known is _READY_MADE], problems)
    counts = {thing: len(files[name]) for thing, name in _COUNTED.items()}
    ready_made = sum(len(files[name]) for name, known in fields.items() if known is _READY_MADE)
    return problems.lines(), counts | ({"ready-made attacks": ready_made} if ready_made else {})


def lacking(data: str | Path, counts: Mapping[str, int]) -> list[str]:
    """What a data set does without, and what is done about it: a sentence each.

    Args:
        data: As given to `check`.
        counts: What that found.
    """
    said = []
    if missing := [kind for kind in ("membership", "poison") if not counts[f"{kind} targets"]]:
        said.append(f"no {' or '.join(missing)} targets: `run` makes them, of the corpus and its questions")
    if is_log(data):
        said.append("no qrels: what undefended search finds is what `run` takes for found")
    return said


def _read(path: Path, name: str, problems: _Problems) -> Iterator[Row]:
    """Like `benchmarks.rows.rows`, but goes on after a malformed line."""
    if not path.is_file():
        return
    for number, raw in enumerate(path.read_bytes().split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            line = raw.decode("utf-8")
            value = json.loads(line)
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate pair parses, and breaks later
        except UnicodeDecodeError as error:
            problems.add(name, number, f"not UTF-8 ({error.reason} at byte {error.start} of the line)")
        except UnicodeEncodeError:
            problems.add(name, number, "holds half a surrogate pair, which is no character")
        except (ValueError, RecursionError) as error:
            problems.add(name, number, f"not JSON ({error})")
        else:
            if isinstance(value, dict):
                yield Row(number, value)
            else:
                problems.add(name, number, "not a JSON object")


def _check_fields(name: str, rows: list[Row], known: Mapping[str, str], problems: _Problems) -> None:
    unknown: dict[str, list[int]] = {}
    for row in rows:
        for key in row.value.keys() - known.keys() - {"metadata"}:
            unknown.setdefault(key, []).append(row.line)
        for key, kind in known.items():
            if key not in row.value:
                if kind in _REQUIRED:
                    problems.add(name, row.line, f"no field {key!r}")
            elif wrong := _wrong(row.value[key], kind):
                problems.add(name, row.line, f"{key!r} {wrong}")
        metadata = row.value.get("metadata") or {}
        if not isinstance(metadata, dict):
            problems.add(name, row.line, "'metadata' must be an object")
        elif name == "queries.jsonl" and (wrong := _wrong(metadata.get("dataset"), "text?")):
            problems.add(name, row.line, f"'dataset' in 'metadata' {wrong}: it names the group of the question")
    for key, lines in unknown.items():
        close = get_close_matches(key, [*known, "metadata"], n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join([*known, 'metadata'])}"
        often = f" (in {len(lines):,} lines)" if len(lines) > 1 else ""
        problems.add(name, lines[0], f"unknown field {_short(key)}{often}; {hint}")


def _wrong(value: object, kind: str) -> str | None:
    """What is wrong with a field's value, or None."""
    if kind == "anything" or (value is None and kind not in _REQUIRED):
        return None
    texts = value if isinstance(value, list) else [None]
    if kind == "questions":
        texts = [question.get("text") if isinstance(question, dict) else None for question in texts]
    whole = all(isinstance(text, str) and text.strip() for text in texts)
    right, expected = {
        "text": (isinstance(value, str) and bool(value.strip()), "text that is not empty"),
        "text?": (isinstance(value, str), "text"),
        "flag": (isinstance(value, bool), "true or false"),
        "answer": (isinstance(value, str | int | float) and not isinstance(value, bool), "text or a number"),
        "texts": (whole and bool(texts), "a list of texts that are not empty"),
        "texts?": (whole, "a list of texts that are not empty"),
        "questions": (whole and bool(texts), "a list of objects, each with a 'text' that is not empty"),
    }[kind]
    return None if right else f"must be {expected}"


def _check_ids(name: str, rows: list[Row], problems: _Problems) -> None:
    seen: dict[str, int] = {}
    for row in rows:
        key = row.text(_KEY.get(name, "_id"))
        if key is not None and seen.setdefault(key, row.line) != row.line:
            problems.add(name, row.line, f"id {_short(key)} stands in line {seen[key]} already")


def _check_corpus(corpus: list[Row], problems: _Problems) -> None:
    seen: dict[str, int] = {}
    for row in corpus:
        text = _squeezed(row.text("text"))
        if text and seen.setdefault(text, row.line) != row.line:
            problems.add("corpus.jsonl", row.line, f"same text as line {seen[text]}")


def _check_gold(folder: Path, files: Mapping[str, list[Row]], problems: _Problems) -> None:
    """Dangling ids in qrels/test.tsv, and questions that nothing answers; where nothing is labelled, nothing."""
    if is_log(folder):
        return
    queries = {key: row.line for row in files["queries.jsonl"] if (key := row.text("_id"))}
    passages = {row.text("_id") for row in files["corpus.jsonl"]}
    name, answered, seen = "qrels/test.tsv", set(), dict[tuple[str, str], int]()
    for number, columns in _qrels(folder / name):
        try:
            query, passage, score = columns
            relevant = float(score)
            if not math.isfinite(relevant):
                raise ValueError
        except ValueError:
            problems.add(name, number, "expected query-id, corpus-id and score, tab-separated")
            continue
        if query not in queries:
            problems.add(name, number, f"query {_short(query)} is not in queries.jsonl")
        if passage not in passages:
            problems.add(name, number, f"passage {_short(passage)} is not in corpus.jsonl")
        elif relevant > 0:
            answered.add(query)
        first = seen.setdefault((query, passage), number)
        if first != number:
            problems.add(name, number, f"{_short(query)} and {_short(passage)} stand in line {first} already")
    # BEIR keeps the questions of all splits in one file; those of another split need no answer in this one.
    others = [path for path in (folder / "qrels").glob("*.tsv") if path.name != "test.tsv"]
    elsewhere = {columns[0] for path in others for _, columns in _qrels(path)}
    for query, line in queries.items():
        if query not in answered | elsewhere:
            problems.add("queries.jsonl", line, f"question {_short(query)} has no gold passage in the corpus")


def _qrels(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n"), 1):
        columns = line.rstrip("\r").split("\t")
        if line.strip() and not (number == 1 and columns[-1].strip().lower() == "score"):
            yield number, columns


def _check_membership(targets: list[Row], corpus: list[Row], problems: _Problems) -> None:
    name = "membership.jsonl"
    passages = {row.text("_id"): _squeezed(row.text("text")) for row in reversed(corpus)}  # the first of an id counts
    strangers: list[Row] = []
    for row in targets:
        key, text, member = row.text("target_id"), row.text("text"), row.value.get("member")
        if key is None or text is None or not isinstance(member, bool):
            continue
        if member and key not in passages:
            problems.add(name, row.line, f"member {_short(key)} is not in corpus.jsonl")
        elif member and passages[key] not in ("", _squeezed(text)):
            problems.add(name, row.line, f"member {_short(key)} has another text in corpus.jsonl")
        elif not member and key in passages:
            problems.add(name, row.line, f"non-member {_short(key)} is in corpus.jsonl")
        elif not member:
            strangers.append(row)
    texts = [(row.text("_id") or "", row.text("text") or "") for row in corpus]
    for number, (share, passage) in overlap.copies([row.text("text") or "" for row in strangers], texts).items():
        how = "stands" if share == 1 else f"stands nearly ({share:.0%} of its word {overlap.RUN}-grams)"
        key = _short(strangers[number].text("target_id"))
        problems.add(name, strangers[number].line, f"non-member {key}: its text {how} in passage {_short(passage)}")


def _check_poison(targets: list[Row], problems: _Problems) -> None:
    name = "poison.jsonl"
    for row in targets:
        natural = row.value.get("natural")
        if isinstance(natural, list) and len(natural) < POISON_TEXTS:
            problems.add(name, row.line, f"{len(natural)} natural texts, expected at least {POISON_TEXTS}")
        for key in ("natural", "natural_short"):
            for number in overlap.giving_the_right_answer(row.value, key):
                what = f"text {number} of {key!r} gives the correct answer {_short(row.value['short_correct'])}"
                problems.add(name, row.line, f"{what} and not the incorrect one")


def _check_documents_asked_about(files: Mapping[str, list[Row]], problems: _Problems) -> None:
    passages = {row.text("_id") for row in files["corpus.jsonl"]}
    for name in ("drilldown.jsonl", "benign-hard.jsonl"):
        for row in files[name]:
            key = row.text("doc_id")
            if key is not None and key not in passages:
                problems.add(name, row.line, f"document {_short(key)} is not in corpus.jsonl")


def _check_ready_made(files: Mapping[str, list[Row]], names: Sequence[str], problems: _Problems) -> None:
    """A question that is not there, and a family whose name only nearly is one that an attack reads."""
    queries = {row.text("_id") for row in files["queries.jsonl"]}
    for name in names:
        family = family_of(Path(name))
        close = get_close_matches(family, FAMILIES, n=1, cutoff=0.75)
        if close and family not in FAMILIES:
            problems.add(name, 0, f"no attack reads the family {_short(family)}; did you mean {close[0]!r}?")
        for row in files[name]:
            key = row.text("query_id")
            if key is not None and key not in queries:
                problems.add(name, row.line, f"query {_short(key)} is not in queries.jsonl")


def _squeezed(text: str | None) -> str:
    return " ".join((text or "").split())


def _short(value: object) -> str:
    """An id or a key as it stands there, on one line and of bearable length."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text):,} characters)"
