"""Reading data sets: every fault is refused with file and line, before anything else happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.data import Dataset, is_log, load
from sentinel.errors import DataError
from tests.benchmarks.datasets import files, prose, write

SMALL = {"passages": 3, "questions": 2, "targets": 1, "poisons": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "small", files(**SMALL), {"q0": "doc-0000", "q1": "doc-0001"})


def refused(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_everything_is_read(folder: Path) -> None:
    data = load(folder)
    assert data.name == "small"
    assert [p.id for p in data.passages] == ["doc-0000", "doc-0001", "doc-0002"]
    assert data.by_id["doc-0001"].title == "Title 1"
    assert data.by_id["doc-0001"].metadata == {"source": "shelf 1"}
    assert data.query_by_id["q1"].gold == {"doc-0001"}
    assert data.query_by_id["q1"].group == "b"
    assert [(t.id, t.member, t.questions) for t in data.membership] == [("doc-0000", True, ()), ("out-1", False, ())]
    assert len(data.poison[0].natural) == 5
    assert data.poison[0].hotflip == ()
    assert data.drilldowns == data.hard == data.interrogated == data.hotflipped == ()


def test_attack_files_may_be_absent(folder: Path) -> None:
    for name in ("poison.jsonl", "membership.jsonl"):
        (folder / name).unlink()
    assert load(str(folder)).poison == load(folder).membership == ()


def test_bundled_by_name_only() -> None:
    assert load("bundled").name == "bundled"


def test_questions_without_gold_in_the_corpus_are_left_out(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("q0\tdoc-0000\t1\nq0\tgone\t1\nq1\tdoc-0001\t0\r\nq1\tgone\t2\n\n")
    assert {q.id: q.gold for q in load(folder).queries} == {"q0": frozenset({"doc-0000"})}


def test_hash_follows_every_file_and_nothing_else(folder: Path) -> None:
    before = load(folder).hash
    (folder / "vectors.npy").write_bytes(b"x")
    assert load(folder).hash == before
    for name in ("corpus.jsonl", "poison.jsonl", "qrels/test.tsv"):
        (folder / name).write_text((folder / name).read_text() + "\n")
        assert load(folder).hash != before
        before = load(folder).hash


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_no_such_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / "qrels" / "train.tsv").touch()  # else it is a log of questions, which has no labels
    assert refused(folder).startswith(f"{folder}: no {name}")


def test_no_such_folder(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone").endswith("no such folder")


def test_empty_corpus_and_no_question(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n")
    assert "no question has a gold passage" in refused(folder)
    (folder / "corpus.jsonl").write_text("\n \n")
    assert refused(folder) == f"{folder / 'corpus.jsonl'}: the corpus is empty"


@pytest.mark.parametrize(
    ("name", "line", "what"),
    [
        ("corpus.jsonl", "{", "not JSON"),
        ("corpus.jsonl", "[1]", "not a JSON object"),
        ("corpus.jsonl", '{"_id": "x"}', "no field 'text'"),
        ("corpus.jsonl", '{"_id": "x", "text": " "}', "'text' must be text"),
        ("corpus.jsonl", '{"_id": 7, "text": "t"}', "'_id' must be text"),
        ("corpus.jsonl", '{"_id": "doc-0001", "text": "t"}', "stands in line 2 already"),
        ("corpus.jsonl", '{"_id": "x", "text": "t", "metadata": [1]}', "'metadata' must be an object"),
        ("queries.jsonl", '{"_id": "q0", "text": "t"}', "twice"),
        ("queries.jsonl", '{"_id": "q9"}', "no field 'text'"),
        ("membership.jsonl", '{"target_id": "x", "member": "yes", "text": "t"}', "'member' must be true or false"),
        ("membership.jsonl", '{"target_id": "x", "member": true, "text": "t", "questions": "?"}', "'questions' must"),
        ("poison.jsonl", '{"query_id": "x", "question": "q", "natural": "t"}', "'natural' must be a list of texts"),
        ("poison.jsonl", '{"query_id": "x", "question": "q", "natural": [1]}', "'natural' must be a list of texts"),
        ("drilldown.jsonl", '{"_id": "x", "doc_id": "d", "questions": ["q"]}', "'questions' must be a list of objects"),
        ("benign-hard.jsonl", '{"_id": "x", "kind": "typos", "text": "t"}', "no field 'doc_id'"),
    ],
)  # fmt: skip
def test_a_malformed_line_is_named(folder: Path, name: str, line: str, what: str) -> None:
    path = folder / name
    before = path.read_text() if path.exists() else ""
    path.write_text(before + "\n" + line + "\n")
    message = refused(folder)
    assert message.startswith(f"{path}, line {before.count(chr(10)) + 2}: ")
    assert what in message


@pytest.mark.parametrize("line", ["q0\tdoc-0000", "q0 doc-0000 1", "q0\tdoc-0000\thigh", "q0\tdoc-0000\t1\t1"])
def test_a_malformed_qrels_line_is_named(folder: Path, line: str) -> None:
    path = folder / "qrels" / "test.tsv"
    path.write_text(path.read_text() + line + "\n")
    assert refused(folder).startswith(f"{path}, line 4: expected query-id")


@pytest.mark.parametrize("name", ["corpus.jsonl", "qrels/test.tsv", "poison.jsonl"])
def test_not_utf8(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes() + b"\xff\xfe\n")
    assert refused(folder).startswith(f"{path}: not UTF-8")


def test_views_follow_the_targets() -> None:
    data = load("bundled")
    assert data.interrogated
    assert all(t.questions for t in data.interrogated)
    assert isinstance(data, Dataset)
    assert len(prose(1).split()) == 45


def test_ready_made_documents_by_family(tmp_path: Path) -> None:
    rows = {
        "poison-phantom-a-b.jsonl": [
            {"query_id": "q0", "query": "asked", "documents": ["one", "two"], "correct": 4, "goal": "a refusal"},
            {"query": "asked", "documents": ["three"]},
        ],
        "poison-blind.jsonl": [{"query_id": None, "query": "asked", "documents": ["four"]}],
        "poison-elsewhere.jsonl": [{"query": "asked", "documents": ["five"]}],
    }
    data = load(write(tmp_path, files() | rows))
    first, second = data.phantom_documents
    assert (first.id, second.id) == ("phantom-a-b-1", "phantom-a-b-2")
    assert (first.query_id, first.documents, first.correct, first.goal) == ("q0", ("one", "two"), "4", "a refusal")
    assert (second.query_id, second.goal) == (None, None)
    assert [row.documents for row in data.blind_documents] == [("four",)]
    assert data.advdecoding_documents == ()
    assert len(data.ready_made) == 4


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"documents": ["x"]}, "no field 'query'"),
        ({"query": "q", "documents": []}, "'documents' must be a list of texts that are not empty"),
        ({"query": "q", "documents": [" "]}, "'documents' must be a list of texts that are not empty"),
        ({"query": "q", "documents": ["x"], "query_id": 7}, "'query_id' must be text or null"),
    ],
)
def test_a_malformed_ready_made_row_is_named(tmp_path: Path, row: dict[str, object], said: str) -> None:
    folder = write(tmp_path, files() | {"poison-phantom.jsonl": [row]})
    with pytest.raises(DataError, match=f"poison-phantom.jsonl, line 1: {said}"):
        load(folder)


def test_a_log_of_questions_needs_no_qrels(folder: Path) -> None:
    labelled = load(folder)
    everything = load(folder, unlabelled=True)
    assert everything.queries[: len(labelled.queries)] == labelled.queries
    assert not is_log(folder)
    (folder / "qrels" / "test.tsv").unlink()
    assert is_log(folder)
    assert not is_log(folder / "nowhere")
    found = load(folder)
    assert found == load(folder, unlabelled=True)
    assert [q.id for q in found.queries] == [q.id for q in everything.queries]
    assert not any(q.gold for q in found.queries)
    (folder / "qrels" / "train.tsv").touch()  # somebody has labels, of another split
    assert not is_log(folder)
    assert (
        refused(folder) == f"{folder}: no qrels/test.tsv; a data set has corpus.jsonl, queries.jsonl and qrels/test.tsv"
    )
    (folder / "qrels" / "train.tsv").unlink()
    (folder / "queries.jsonl").write_text("")
    with pytest.raises(DataError, match=r"queries\.jsonl: no question$"):
        load(folder, unlabelled=True)
