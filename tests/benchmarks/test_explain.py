"""`sentinel-bench explain`: one decision in words, for every policy and mode; one line and exit code 2 otherwise."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import cli
from benchmarks.explain import _factor, _ranks, explain, find
from sentinel import DataError, SentinelError
from strategist import DefendedRetriever
from strategist.policies import POLICIES
from strategist.sinks import JsonlSink
from tests.strategist.world import QUERY, Broken, Ranked, corpus, faiss, planted, policy

pytestmark = pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")
CLIENT = {"configurable": {"client_id": "client-77", "tenant": "tenant-12"}}


def record_of(base: Any = None, query: str = QUERY, **options: Any) -> dict[str, Any]:
    decisions: list[Any] = []
    made = DefendedRetriever.wrap(base or Ranked(docs=planted(0, 2)), sinks=[decisions.append], **options)
    made.invoke(query, CLIENT)
    return json.loads(json.dumps(decisions[0].record()))


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return record_of(Ranked(docs=planted(0, 2)[:4]), policy="rules")


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    """What the console script does, in this process: exit code, standard output and standard error."""

    def made(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sentinel-bench", *map(str, arguments)])
        monkeypatch.setattr(cli, "err", cli.Console(stderr=True))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return made


def section(told: str, title: str) -> str:
    return next(part for part in told.split("\n\n") if part.startswith(title))


def test_an_attack_is_told_from_end_to_end(record: dict[str, Any]) -> None:
    told = explain(record)
    assert f"Decision {record['id']}, 20" in told
    assert f"policy rules, configuration {record['config']}" in told
    who = section(told, "Who asked")
    assert f"client {record['client']} of tenant {record['tenant']}, for 4 documents" in who
    assert f"query {record['query']}" in who
    assert "can be found by trying" in who
    measured = section(told, "What was measured")
    assert "poisoning" in measured
    assert "a document asks 100% of the question (question_echo; up to " in measured
    assert "missing, for what they need is not there" in measured
    planned = section(told, "What was planned")
    assert "echo_filter (share=0.8): question_echo 1.00" in planned
    done = section(told, "What each defense did")
    assert "echo_filter: 4 in, 2 out" in done
    assert "dropped ranks 1, 3: repeats" in done
    served = section(told, "What was served")
    assert "2 documents of 4 went out: ranks 2, 4" in served
    assert "2 short of what the base could have given" in served
    assert "What failed" not in told
    assert "ms: " in section(told, "How long")


def test_no_user_text_is_told(record: dict[str, Any]) -> None:
    told = explain(record)
    assert not any(text in told for text in ("harbour", "client-77", "tenant-12", "amber"))


def test_a_query_in_clear_is_quoted_and_harmless(record: dict[str, Any]) -> None:
    told = explain({**record, "text": True, "query": "who\x1b[2J\n is\u202e it"})
    assert "in clear: 'who\\x1b[2J\\n is\\u202e it'" in told
    assert "\x1b" not in explain({**record, "policy": "a\x1b[2J"})


@pytest.mark.parametrize("name", POLICIES.names())
@pytest.mark.parametrize("mode", ["enforced", "shadow"])
def test_every_policy_is_told(name: str, mode: str) -> None:
    try:
        told = explain(record_of(policy=name, shadow=mode == "shadow", base=faiss(planted(0, 2))))
    except SentinelError as error:  # one that needs a model, or an artefact that is not shipped
        pytest.skip(str(error))
    assert f"policy {name}, " in told
    expected = "passive: " if name == "none" else "shadow: " if mode == "shadow" else "in force: "
    assert expected in told


@pytest.mark.parametrize(
    ("mode", "said", "count"),
    [
        ("closed", "ValueError; the mode is `closed`, so nothing was served", "0 documents of 4 went out"),
        ("open", "ValueError; the mode is `open`, so the base's own answer was served", "4 documents of 4 went out"),
        ("degrade", "ValueError; the mode is `degrade`, so the request went on", "4 documents of 4 went out"),
    ],
)
def test_what_a_failure_came_to(mode: str, said: str, count: str) -> None:
    told = explain(record_of(policy=policy(ValueError("secret")), on_error=mode))
    assert f"policy fixed: {said}" in section(told, "What failed")
    assert count in section(told, "What was served")
    assert ("nothing was let out" in told) is (mode == "closed")
    assert "secret" not in told


def test_a_failed_part_without_a_plan() -> None:
    told = explain(record_of(embeddings=Broken()))
    assert "embeddings: ConnectionError; the mode is `degrade`" in section(told, "What failed")


def test_a_keyed_hash_is_called_so() -> None:
    assert "HMAC-SHA256: checked only with the key" in explain(record_of(hash_key="secret"))


def test_weights_in_words(record: dict[str, Any]) -> None:
    reasons = [["poisoning", f"s{w}", w, "x"] for w in (9.0, 4.0, 2.0, 0.5)] + [["jamming", "s9.0", 8.0, "x"]]
    told = explain({**record, "profile": {**record["profile"], "reasons": reasons}})
    assert "decisive for poisoning, jamming: x (s9.0; up to 8,103 times the odds)" in told
    assert "strong for poisoning: x (s4.0; up to 55 times the odds)" in told
    assert "clear for poisoning: x (s2.0; up to 7.4 times the odds)" in told
    assert "slight for poisoning: x (s0.5; up to 1.6 times the odds)" in told
    assert _factor(1e9) == "more than a million"


@given(st.sets(st.integers(0, 60), min_size=1))
def test_ranks_name_each_position_once(positions: set[int]) -> None:
    listed = _ranks(positions).split(" ", 1)[1]
    found = set()
    for part in listed.split(", "):
        first, _, last = part.partition("-")
        found |= set(range(int(first) - 1, int(last or first)))
    assert found == positions


# Which record


@pytest.fixture
def log(tmp_path: Path) -> Path:
    sink = JsonlSink(tmp_path / "decisions.jsonl", max_bytes=9_000, backups=50)
    made = DefendedRetriever.wrap(Ranked(docs=corpus()), sinks=[sink])
    for i in range(12):
        made.invoke(f"where is {i}", CLIENT)
    return tmp_path / "decisions.jsonl"


def ids(log: Path) -> list[str]:
    return [json.loads(line)["id"] for file in log.parent.glob("*.jsonl*") for line in file.read_text().splitlines()]


def test_an_id_or_its_beginning_is_found_in_rotated_files_too(log: Path, call: Any) -> None:
    assert (log.parent / "decisions.jsonl.1").exists()
    known = ids(log)
    assert len(known) == 12
    for one in known:
        assert find(one, log)["id"] == one
        assert find(one[:12], log)["id"] == one
    code, out, err = call("explain", known[3][:12], "--log", log)
    assert (code, err) == (0, "")
    assert out.startswith(f"Decision {known[3]}")
    code, out, _ = call("explain", known[3], "--log", log, "--json")
    assert (code, json.loads(out)["id"]) == (0, known[3])


def test_a_file_with_one_record(record: dict[str, Any], tmp_path: Path, call: Any) -> None:
    for text in (json.dumps(record), json.dumps(record, indent=2), json.dumps(record) + "\n\n"):
        (tmp_path / "one.json").write_text(text)
        code, out, _ = call("explain", tmp_path / "one.json")
        assert (code, out) == (0, explain(record) + "\n")


def test_what_is_not_found_is_said_in_one_line(log: Path, record: dict[str, Any], tmp_path: Path, call: Any) -> None:
    write = tmp_path / "x.jsonl"
    many = tmp_path / "many.jsonl"
    many.write_text("".join(json.dumps({**record, "id": f"abc{i}"}) + "\n" for i in range(6)))
    write.write_text(json.dumps(record) + '\n{"schema": 1, "id"\n')
    for arguments, said in [
        (["ffffffffffffffff0", "--log", log], "no decision 'ffffffffffffffff0'"),
        (["abc", "--log", many], "6 decisions begin with 'abc': abc0, abc1, abc2, abc3, ..."),
        (["", "--log", many], "give the id"),
        ([many], "holds 6 records; give an id and --log"),
        (["abc", "--log", write], f"{write}:2: not a decision record (not JSON"),
        (["abc", "--log", tmp_path / "none.jsonl"], "no such file"),
        (["abc", "--log", tmp_path / "none" / "none.jsonl"], "none.jsonl: "),
        (["0123abcd"], "no file '0123abcd'; to look up an id, give --log"),
        ([tmp_path], "cannot be read"),
    ]:
        code, out, err = call("explain", *arguments)
        assert (code, out) == (2, "")
        assert err.startswith("error ")
        assert err.count("\n") == 1
        assert said in err


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"id": 3}', '{"id": "a", "schema": 9}', "\ufeff{}", "[" * 9000])
def test_what_is_no_record(text: str, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(text)
    with pytest.raises(DataError):
        find(str(tmp_path / "one.json"), None)


def test_a_record_that_lacks_something_is_refused_in_our_words(record: dict[str, Any]) -> None:
    for key in record.keys() - {"id", "text", "hash", "schema"}:
        for spoilt in ({k: v for k, v in record.items() if k != key}, {**copy.deepcopy(record), key: object()}):
            try:
                said = explain(spoilt)
            except SentinelError as error:
                said = str(error)
            assert said.startswith((f"Decision {record['id']}", f"decision {record['id']}: an incomplete record"))
