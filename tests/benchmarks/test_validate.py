"""One test for each thing that `sentinel-bench validate` checks."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.data import load
from benchmarks.validate import check, lacking
from sentinel.errors import DataError

Rows = list[dict[str, Any]]
MEMBER = "The heron stands in shallow water for hours and waits until a careless fish swims past its feet."
STRANGER = "Granite forms deep below the surface where molten rock cools slowly enough for large crystals to grow."


def files() -> dict[str, Rows]:
    """A clean data set with every file of the layout."""
    return {
        "corpus.jsonl": [
            {"_id": "d1", "title": "Herons", "text": MEMBER, "metadata": {"source": "birds"}},
            {
                "_id": "d2",
                "title": "",
                "text": "The capital of Freedonia is Sylvania City, founded in 1712.",
                "metadata": {},
            },
        ],
        "queries.jsonl": [
            {"_id": "q1", "text": "what is the capital of freedonia", "metadata": {"dataset": "a", "answer": "x"}},
            {"_id": "q2", "text": "what does a heron wait for"},
        ],
        "poison.jsonl": [
            {
                "query_id": "q1",
                "question": "what is the capital of freedonia",
                "correct": "It is Sylvania City.",
                "incorrect": "It is Marxburg.",
                "short_correct": "Sylvania City",
                "short_incorrect": "Marxburg",
                "natural": [f"Marxburg is the capital, says source {i}." for i in range(5)],
                "natural_short": None,
            }
        ],
        "membership.jsonl": [
            {"target_id": "d1", "member": True, "title": "", "text": MEMBER.replace(" ", "  "), "questions": None},
            {"target_id": "x1", "member": False, "text": STRANGER, "questions": ["is granite old?"], "answers": None},
        ],
        "drilldown.jsonl": [
            {"_id": "s1", "doc_id": "d1", "questions": [{"text": "is it a bird?", "yes_no": True}, {"text": "which?"}]}
        ],
        "benign-hard.jsonl": [{"_id": "h1", "kind": "typos", "text": "hreon", "doc_id": "d1"}],
        "poison-jamming-blocker.jsonl": [{"query": "say it", "documents": ["refuse"], "goal": "a refusal"}],
        "notes.jsonl": [{"anything": 1}],
    }


def write(folder: Path, rows: dict[str, Rows], qrels: str = "q1\td2\t1\nq2\td1\t1\n") -> Path:
    (folder / "qrels").mkdir(parents=True)
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + qrels)
    for name, found in rows.items():
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in found))
    return folder


Broken = Callable[..., list[str]]


@pytest.fixture
def broken(tmp_path: Path) -> Broken:
    """Problems of the clean data set after a change."""

    def problems(change: Callable[[dict[str, Rows]], object] = lambda rows: None, **more: str) -> list[str]:
        rows = files()
        change(rows)
        return check(write(tmp_path / "data", rows, **more))[0]

    return problems


def test_a_clean_set_passes(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", files())
    problems, counts = check(folder)
    assert problems == []
    assert counts == {
        "documents": 2,
        "questions": 2,
        "poison targets": 1,
        "membership targets": 2,
        "drill-downs": 1,
        "hard queries": 1,
        "ready-made attacks": 1,
    }
    assert load(folder).drilldowns


def test_only_corpus_questions_and_qrels_are_needed(tmp_path: Path) -> None:
    rows = {name: found for name, found in files().items() if name in ("corpus.jsonl", "queries.jsonl")}
    problems, counts = check(write(tmp_path / "data", rows))
    assert problems == []
    assert counts["poison targets"] == 0
    assert "ready-made attacks" not in counts


def test_a_log_of_questions_is_sound_and_what_it_does_without_is_said(tmp_path: Path) -> None:
    rows = {name: found for name, found in files().items() if name in ("corpus.jsonl", "queries.jsonl")}
    folder = write(tmp_path / "data", rows)
    targets = "no membership or poison targets: `run` makes them, of the corpus and its questions"
    assert lacking(folder, check(folder)[1]) == [targets]
    (folder / "qrels" / "test.tsv").unlink()
    problems, counts = check(folder)
    assert problems == []
    labels = "no qrels: what undefended search finds is what `run` takes for found"
    assert lacking(folder, counts) == [targets, labels]
    assert lacking("bundled", check("bundled")[1]) == []


@pytest.mark.parametrize("missing", ["", "corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_what_is_missing_is_said_as_load_says_it(tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "data"
    if missing:
        (write(folder, files()) / missing).unlink()
        (folder / "qrels" / "train.tsv").touch()  # somebody has labels, of another split
    with pytest.raises(DataError) as expected:
        load(folder)
    with pytest.raises(DataError) as said:
        check(folder)
    assert str(said.value) == str(expected.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"_id": "d3", "text": \n', "line 3: not JSON"),
        (b'["d3"]\n', "line 3: not a JSON object"),
        (b'{"_id": "d3", "text": "\xff"}\n', "line 3: not UTF-8"),
        (b'{"_id": "d3", "text": "\\ud800"}\n', "line 3: holds half a surrogate pair"),
        (b"[" * 100_000 + b"\n", "line 3: not JSON"),
    ],
)
def test_malformed_lines(tmp_path: Path, line: bytes, said: str) -> None:
    folder = write(tmp_path / "data", files())
    with (folder / "corpus.jsonl").open("ab") as file:
        file.write(line + b'{"_id": "d4", "text": ""}\n')
    problems, _ = check(folder)
    assert len(problems) == 2
    assert problems[0].startswith("corpus.jsonl, " + said)
    assert problems[1] == "corpus.jsonl, line 4: 'text' must be text that is not empty"


def test_unknown_fields_are_said_once_with_the_nearest_known_one(broken: Broken) -> None:
    def change(rows: dict[str, Rows]) -> None:
        for row in rows["queries.jsonl"]:
            row["txet"] = "?"
        rows["corpus.jsonl"][1]["zzz"] = 1

    assert broken(change) == [
        "corpus.jsonl, line 2: unknown field 'zzz'; known: _id, text, title, metadata",
        "queries.jsonl, line 1: unknown field 'txet' (in 2 lines); did you mean 'text'?",
    ]


@pytest.mark.parametrize(
    ("file", "field", "value", "said"),
    [
        ("corpus.jsonl", "text", " \n", "'text' must be text that is not empty"),
        ("corpus.jsonl", "title", 3, "'title' must be text"),
        ("corpus.jsonl", "metadata", [1], "'metadata' must be an object"),
        ("queries.jsonl", "metadata", {"dataset": 1}, "'dataset' in 'metadata' must be text: it names the group"),
        ("membership.jsonl", "member", "yes", "'member' must be true or false"),
        ("membership.jsonl", "questions", ["a", ""], "'questions' must be a list of texts"),
        ("poison.jsonl", "natural", "text", "'natural' must be a list of texts"),
        ("poison.jsonl", "question", "", "'question' must be text that is not empty"),
        ("poison.jsonl", "correct", ["x"], "'correct' must be text or a number"),
        ("poison-jamming-blocker.jsonl", "documents", [], "'documents' must be a list of texts"),
        ("drilldown.jsonl", "questions", [{"text": ""}], "'questions' must be a list of objects, each with a 'text'"),
        ("drilldown.jsonl", "questions", [], "'questions' must be a list of objects"),
        ("benign-hard.jsonl", "kind", None, "'kind' must be text that is not empty"),
    ],
)
def test_fields_of_the_wrong_kind(broken: Broken, file: str, field: str, value: object, said: str) -> None:
    problems = broken(lambda rows: rows[file][0].update({field: value}))
    assert len(problems) == 1
    assert problems[0].startswith(f"{file}, line 1: {said}")


def test_missing_fields(broken: Broken) -> None:
    def change(rows: dict[str, Rows]) -> None:
        del rows["membership.jsonl"][1]["text"]
        del rows["poison-jamming-blocker.jsonl"][0]["query"]

    assert sorted(broken(change)) == [
        "membership.jsonl, line 2: no field 'text'",
        "poison-jamming-blocker.jsonl, line 1: no field 'query'",
    ]


def test_a_number_is_an_answer(broken: Broken) -> None:
    assert broken(lambda rows: rows["poison.jsonl"][0].update(correct=11, incorrect=18.5)) == []


@pytest.mark.parametrize(
    ("file", "key"),
    [("corpus.jsonl", "_id"), ("queries.jsonl", "_id"), ("membership.jsonl", "target_id"), ("poison.jsonl", "query_id"),
     ("drilldown.jsonl", "_id"), ("benign-hard.jsonl", "_id")],
)  # fmt: skip
def test_duplicate_ids(broken: Broken, file: str, key: str) -> None:
    def change(rows: dict[str, Rows]) -> None:
        again = dict(rows[file][0])
        if file == "corpus.jsonl":
            again["text"] = "A text of its own."
        rows[file].insert(1, again)

    key_of_it = files()[file][0][key]
    assert broken(change) == [f"{file}, line 2: id {key_of_it!r} stands in line 1 already"]


def test_one_question_may_have_several_ready_made_attacks(broken: Broken) -> None:
    assert (
        broken(lambda rows: rows["poison-jamming-blocker.jsonl"].extend([{"query": "say it", "documents": ["x"]}]))
        == []
    )


def test_duplicate_texts_in_the_corpus(broken: Broken) -> None:
    again = {"_id": "d3", "text": "\n" + MEMBER.replace(" ", "\t")}
    assert broken(lambda rows: rows["corpus.jsonl"].append(again)) == ["corpus.jsonl, line 3: same text as line 1"]


def test_dangling_and_malformed_qrels(broken: Broken) -> None:
    qrels = "q1\td2\t1\nq2\td1\t1\nq9\td1\t1\nq1\td9\t1\nq1 d2 1\nq1\td1\tnan\nq1\td2\t1\n"
    assert broken(qrels=qrels) == [
        "qrels/test.tsv, line 4: query 'q9' is not in queries.jsonl",
        "qrels/test.tsv, line 5: passage 'd9' is not in corpus.jsonl",
        "qrels/test.tsv, line 6: expected query-id, corpus-id and score, tab-separated",
        "qrels/test.tsv, line 7: expected query-id, corpus-id and score, tab-separated",
        "qrels/test.tsv, line 8: 'q1' and 'd2' stand in line 2 already",
    ]


@pytest.mark.parametrize("qrels", ["q1\td2\t1\n", "q1\td2\t1\nq2\td1\t0\n"])
def test_questions_without_gold(broken: Broken, qrels: str) -> None:
    assert broken(qrels=qrels) == ["queries.jsonl, line 2: question 'q2' has no gold passage in the corpus"]


def test_questions_of_another_split_need_no_gold_in_this_one(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", files(), "q1\td2\t1\n")
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq2\td1\t1\n")
    assert check(folder)[0] == []


@pytest.mark.parametrize("file", ["drilldown.jsonl", "benign-hard.jsonl"])
def test_dangling_documents(broken: Broken, file: str) -> None:
    problems = broken(lambda rows: rows[file][0].update(doc_id="d7"))
    assert problems == [f"{file}, line 1: document 'd7' is not in corpus.jsonl"]


def test_a_poison_question_need_not_be_a_benign_one(broken: Broken) -> None:
    assert broken(lambda rows: rows["poison.jsonl"][0].update(query_id="elsewhere")) == []


def test_members_that_are_none(broken: Broken) -> None:
    def change(rows: dict[str, Rows]) -> None:
        rows["membership.jsonl"] += [
            {"target_id": "d7", "member": True, "text": "Not there."},
            {"target_id": "d2", "member": True, "text": "Another text."},
        ]

    assert broken(change) == [
        "membership.jsonl, line 3: member 'd7' is not in corpus.jsonl",
        "membership.jsonl, line 4: member 'd2' has another text in corpus.jsonl",
    ]


def test_non_members_that_stand_in_the_corpus(broken: Broken) -> None:
    words = MEMBER.split()
    nearly = " ".join([*words[:-1], "beak"])
    half = " ".join([*words[:9], *STRANGER.split()[:9]])

    def change(rows: dict[str, Rows]) -> None:
        rows["corpus.jsonl"].append({"_id": "d3", "text": "Sea birds."})
        for key, text in {
            "x2": MEMBER.upper(), "x3": nearly, "x4": half, "d2": "Unlike.", "x5": "Sea birds!", "x6": "a careless fish"
        }.items():  # fmt: skip
            rows["membership.jsonl"].append({"target_id": key, "member": False, "text": text})

    assert broken(change) == [
        "membership.jsonl, line 3: non-member 'x2': its text stands in passage 'd1'",
        "membership.jsonl, line 4: non-member 'x3': its text stands nearly (93% of its word 5-grams) in passage 'd1'",
        "membership.jsonl, line 6: non-member 'd2' is in corpus.jsonl",
        "membership.jsonl, line 7: non-member 'x5': its text stands in passage 'd3'",
    ]


def test_too_few_planted_texts(broken: Broken) -> None:
    problems = broken(lambda rows: rows["poison.jsonl"][0].update(natural=["Marxburg.", "It is Marxburg."]))
    assert problems == ["poison.jsonl, line 1: 2 natural texts, expected at least 5"]


def test_planted_texts_that_tell_the_truth(broken: Broken) -> None:
    def change(rows: dict[str, Rows]) -> None:
        rows["poison.jsonl"][0]["natural"][1] = "The capital is SYLVANIA CITY."
        rows["poison.jsonl"][0]["natural"][2] = "Not Sylvania City, as some say, but Marxburg."
        rows["poison.jsonl"][0]["natural_short"] = ["Old Sylvania Citys."]

    assert broken(change) == [
        "poison.jsonl, line 1: text 2 of 'natural' gives the correct answer 'Sylvania City' and not the incorrect one"
    ]


@pytest.mark.parametrize(
    "answers",
    [
        {"short_correct": "no", "short_incorrect": "yes"},
        {"short_correct": "capital", "short_incorrect": "Nothing"},
        {"short_correct": "Marxburg", "short_incorrect": "Old Marxburg"},
        {"short_correct": "source", "short_incorrect": None, "incorrect": None},
    ],
)
def test_answers_whose_words_prove_nothing(broken: Broken, answers: dict[str, str | None]) -> None:
    def change(rows: dict[str, Rows]) -> None:
        rows["poison.jsonl"][0].update(answers)
        rows["poison.jsonl"][0]["natural"][0] = "Marxburg is the capital, and no source doubts it."

    assert broken(change) == []


def test_at_most_fifty_problems_a_file_each_on_one_line(broken: Broken) -> None:
    def change(rows: dict[str, Rows]) -> None:
        rows["drilldown.jsonl"] = [
            {"_id": f"s{n}", "doc_id": "no\nsuch" * 100, "questions": [{"text": "?"}]} for n in range(60)
        ]

    problems = broken(change)
    assert len(problems) == 51
    assert problems[-1] == "drilldown.jsonl: 10 more problems, not listed"
    assert all("\n" not in problem and len(problem) < 200 for problem in problems)


def test_empty_files(tmp_path: Path) -> None:
    problems, _ = check(write(tmp_path / "data", {"corpus.jsonl": [], "queries.jsonl": []}, ""))
    assert problems == ["corpus.jsonl: no documents", "queries.jsonl: no questions"]


def test_what_has_no_problems_loads(tmp_path: Path) -> None:
    """Values swapped for others at random: whatever passes must not stop the loader, and nothing stops the check."""
    draw = random.Random(0)
    odd: list[Any] = [None, "", " ", 0, 1.5, True, [], {}, "x", ["x"], [None], {"text": "x"}, [{"text": 1}], [["x"]]]
    passed = 0
    for number in range(300):
        rows = files()
        row = draw.choice(rows[draw.choice([name for name in rows if name != "notes.jsonl"])])
        row[draw.choice([*row, "title", "metadata"])] = draw.choice(odd)
        folder = write(tmp_path / str(number), rows)
        if not check(folder)[0]:
            passed += 1
            load(folder)
    assert passed > 10


def test_ready_made_attacks_on_questions_that_are_not_there(broken: Broken) -> None:
    row = {"query_id": "q9", "query": "say it", "documents": ["x"]}
    assert broken(lambda rows: rows["poison-jamming-blocker.jsonl"].append(row)) == [
        "poison-jamming-blocker.jsonl, line 2: query 'q9' is not in queries.jsonl"
    ]


def test_a_family_that_nearly_has_a_name(broken: Broken) -> None:
    row = {"query": "say it", "documents": ["x"]}
    assert broken(lambda rows: rows.update({"poison-fantom-a.jsonl": [row]})) == [
        "poison-fantom-a.jsonl: no attack reads the family 'fantom'; did you mean 'phantom'?"
    ]
