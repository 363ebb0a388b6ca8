"""The measurements of the trainers: their task, their statistics, their journal, and each of them once, small."""

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses.training.evaluation import tokenise
from defenses.training.evidence import KINDS
from defenses.training.evidence.cost import peak_mib
from defenses.training.evidence.models import tiny
from defenses.training.evidence.scorer import soft_labels
from defenses.training.evidence.settings import METHODS, Settings
from defenses.training.evidence.tables import Journal, cell, interval, markdown, smaller
from defenses.training.evidence.tasks import SUBJECTS, completions, examples, preferences, vocabulary
from sentinel.errors import ConfigurationError, DataError

# The task.


def test_rows_come_from_the_seed_and_no_subject_is_in_both_parts():
    train, held_out = examples(200, 1, held_out=False), examples(100, 1, held_out=True)
    assert train == examples(200, 1, held_out=False) != examples(200, 2, held_out=False)
    assert train[:50] == examples(50, 1, held_out=False)
    assert len({row.prompt for row in train}) == 200
    subjects = [{s for s in SUBJECTS for row in rows if s in row.prompt} for rows in (train, held_out)]
    assert not subjects[0] & subjects[1]
    assert min(map(len, subjects)) > 8


def test_the_right_answer_stands_in_the_passage_and_the_planted_one_is_another():
    same_form = 0
    for row in examples(300, 0, held_out=False):
        passage = row.prompt.split("\nQuestion:")[0]
        assert row.value in passage
        assert row.value in row.right
        assert row.right != row.planted
        words = set(re.findall(r"\w+", row.planted)) - {"Please", "visit"}
        assert words <= set(re.findall(r"\w+", passage))
        same_form += row.planted.split()[:2] == row.right.split()[:2]
    assert 100 < same_form < 200


def test_the_tiny_model_knows_every_word_of_the_task():
    model, encode = tiny(0)
    assert len(vocabulary()) + 3 == model.config.vocab_size
    rows = examples(300, 5, held_out=True)
    for side in ("chosen", "rejected"):
        for prompt, response in tokenise(preferences(rows), side, encode, 256):
            assert encode.unk_token_id not in prompt + response
            assert response[-1] == encode.eos_token_id


def test_undecided_rows_teach_both_answers_alike():
    rows = examples(10, 0, held_out=False)
    both = completions(rows, both=True)["completion"]
    assert both[::2] == [row.right for row in rows[::2]]
    assert both[1::2] == [row.planted for row in rows[1::2]]


# The scorer.


def test_soft_labels_follow_the_sides_and_have_not_seen_their_own_pair():
    model, encode = tiny(0)
    data = preferences(examples(60, 0, held_out=False))
    labels = soft_labels(model, encode, data)
    assert sum(p > 0.5 for p in labels) > 40
    turned = data.rename_columns({"chosen": "rejected", "rejected": "chosen"})
    # Told the opposite of everything it learns the opposite, and is as sure of what it was told.
    assert soft_labels(model, encode, turned) == pytest.approx(labels, abs=1e-6)
    # One pair told the other way round: its own label hardly moves, since its regression did not see it.
    rows = [dict(row) for row in data]
    rows[7]["chosen"], rows[7]["rejected"] = rows[7]["rejected"], rows[7]["chosen"]
    one = soft_labels(model, encode, type(data).from_list(rows))
    assert one[7] == pytest.approx(1 - labels[7], abs=1e-6)


# The statistics.


def test_intervals_are_those_of_student():
    mean, width = interval([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert interval([5.0]) == (5.0, math.inf)
    assert cell([1.0, 2.0, 3.0]) == "2.000 ± 2.484"
    assert cell([0.25], 2) == "0.25"


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6))
def test_a_difference_is_called_smaller_only_beyond_its_interval(differences):
    mean, width = interval(differences)
    said = smaller(differences, "A", "B")
    assert said.startswith("A is smaller than B") == (mean + width < 0.0)
    assert ("it is larger" in said) == (mean - width > 0.0)
    assert f"n = {len(differences)}" in said


def test_one_seed_shows_nothing():
    assert "not shown to be smaller" in smaller([-9.0], "A", "B")
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"


# The journal.


def test_a_run_is_run_once(tmp_path):
    calls = []

    def measure():
        calls.append(1)
        return {"accuracy": 0.5}

    for _ in range(2):
        journal = Journal(tmp_path / "table.md")
        assert journal.once({"seed": 0, "rate": 0.4}, measure) == {"accuracy": 0.5}
    assert journal.once({"rate": 0.4, "seed": 0}, measure) == {"accuracy": 0.5}
    assert len(calls) == 1
    journal.once({"seed": 1, "rate": 0.4}, measure)
    assert len(calls) == 2


def test_a_line_that_was_cut_off_does_not_count_and_a_damaged_one_is_named(tmp_path):
    journal = Journal(tmp_path / "table.md")
    journal.once({"seed": 0}, lambda: 1)
    whole = journal.path.read_text()
    journal.path.write_text(whole + '{"run": {"se')
    again = Journal(tmp_path / "table.md")
    assert (again.get({"seed": 0}), again.get({"seed": 1})) == (1, None)
    again.once({"seed": 1}, lambda: 2)
    assert Journal(tmp_path / "table.md").get({"seed": 1}) == 2
    journal.path.write_text("[]\n" + whole)
    with pytest.raises(DataError, match=r"table\.jsonl:1: not a run"):
        Journal(tmp_path / "table.md")


# The measurements.


def settings(kind, methods=None, rates="0,0.4", **given):
    small = {"steps": 3, "rows": 24, "held_out": 8, "warm_up": 2, "batch_size": 8}
    return Settings.of(kind, "tiny", 2, methods, rates, {**small, **given})


@pytest.mark.parametrize(
    ("methods", "rates", "words"),
    [("dpo,shapo", "0", "unknown method 'shapo'; did you mean"), (None, "0,x", "numbers"), (None, "0,1", "shares lie")],
)
def test_settings_that_measure_nothing_are_refused(methods, rates, words):
    with pytest.raises(ConfigurationError, match=words):
        settings("noise", methods, rates)


def test_what_decides_a_run_is_its_key():
    one, other = settings("noise"), settings("noise", steps=4)
    assert one.of_run(seed=0) != other.of_run(seed=0)
    assert one.of_run(seed=0) == settings("noise", "dpo", "0.2").of_run(seed=0)
    assert set(METHODS) == set(KINDS)


@pytest.mark.slow
def test_noise_is_measured_for_every_method_and_rate(tmp_path):
    said = []
    page = KINDS["noise"]()(settings("noise"), tmp_path / "noise.md", said.append)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(METHODS["noise"])
    assert all("±" in row for row in rows[2:])
    assert "The drop of ShaPO, token level is" in page
    runs = [json.loads(line) for line in (tmp_path / "noise.jsonl").read_text().splitlines()]
    assert len(runs) == len(said) == 2 * 2 * len(METHODS["noise"])
    assert all(0.0 <= run["found"]["accuracy"] <= 1.0 and run["found"]["sharpness"] > 0.0 for run in runs)
    # All start alike, are trained on the same noise, and end apart.
    ends = {run["run"]["method"]: run["found"]["margin"] for run in runs if run["run"]["seed"] == 0}
    assert len(set(ends.values())) > 4
    again = KINDS["noise"]()(settings("noise"), tmp_path / "noise.md", lambda line: None)
    assert again == page


@pytest.mark.slow
def test_self_play_is_measured_iteration_by_iteration(tmp_path):
    chosen = settings("self-play", "sft,space,iris,iris@1/8", iterations=2, steps=2)
    page = KINDS["self-play"]()(chosen, tmp_path / "play.md", lambda line: None)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows[2:]] == ["start", "SFT", "SPACE", "IRIS", "IRIS"]
    assert "The nll of IRIS on an eighth is" in page
    for line in (tmp_path / "play.jsonl").read_text().splitlines():
        run = json.loads(line)
        assert len(run["found"]) == (1 if run["run"]["method"] == "start" else 2)
        assert all(math.isfinite(each["nll"]) for each in run["found"])


@pytest.mark.slow
def test_cost_is_measured_in_processes_of_their_own(tmp_path):
    chosen = settings("cost", steps=11, batch_size=4)
    page = KINDS["cost"]()(chosen, tmp_path / "cost.md", lambda line: None)
    for what in ("Step time", "Processor time", "Peak memory"):
        assert re.search(
            rf"- {what}: \d+\.\d+ ± \d+\.\d+ times DPO's, (within|\*\*above\*\*|\*\*not settled\*\* by) the bound", page
        )
    assert peak_mib() > 1.0
    with pytest.raises(ConfigurationError, match="at least 11 steps"):
        settings("cost", steps=10)
