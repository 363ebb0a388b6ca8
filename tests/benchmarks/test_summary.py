"""From samples to cells: what counts, what is counted apart, and for whom."""

from __future__ import annotations

from typing import Any

from benchmarks.metrics import METRICS
from benchmarks.samples import Sample
from benchmarks.summary import CLEAN, HEADLINE, cells


def benign(policy: str, number: int, recall: float, **more: Any) -> Sample:
    more = {"split": "test", "group": "a", "served": (("d",),), "triggered": (False,)} | more
    return Sample(policy, "benign", f"s{number}", values={"recall": recall, "answered": None}, **more)


def probe(policy: str, number: int, member: bool, score: float, exposed: float, **more: Any) -> Sample:
    values = {} if more.get("error") else {"score": score, "exposed": exposed, "hits": exposed}
    return Sample(policy, "mba", f"t{number}", member=member, values=values, served=(("d",),), **more)


def pick(made: list[dict[str, Any]], metric: str, policy: str = "rules", group: str | None = None) -> dict[str, Any]:
    (found,) = [c for c in made if (c["metric"], c["policy"], c["group"]) == (metric, policy, group)]
    return found


def test_only_test_sessions_count() -> None:
    parts = ("fit", "calibrate", "test")
    made = cells([benign("none", i, float(part == "test"), split=part) for i, part in enumerate(parts)], "d")
    assert (pick(made, "recall@5", "none")["value"], pick(made, "recall@5", "none")["n"]) == (1.0, 1)


def test_without_a_split_all_count() -> None:
    made = cells([benign("none", i, i / 2, split=None) for i in range(3)], "d")
    assert (pick(made, "recall@5", "none")["value"], pick(made, "recall@5", "none")["n"]) == (0.5, 3)


def test_errors_enter_no_figure() -> None:
    samples = [benign("none", i, 1.0) for i in range(4)]
    samples += [benign("rules", i, 0.5) for i in range(3)]
    samples.append(benign("rules", 3, 0.0, error="ValueError: broken"))
    made = cells(samples, "d")
    for metric in ("recall@5", "recall_ratio@5"):
        cell = pick(made, metric)
        assert (cell["value"], cell["n"], cell["errors"]) == (0.5, 3, 1)
    assert pick(made, "recall@5", "none")["errors"] == 0


def test_a_failure_of_the_reference_takes_its_session_out_of_the_ratio() -> None:
    samples = [benign("none", 0, 1.0, error="x"), benign("none", 1, 1.0)]
    made = cells([*samples, benign("rules", 0, 0.0), benign("rules", 1, 1.0)], "d")
    assert (pick(made, "recall_ratio@5")["value"], pick(made, "recall_ratio@5")["n"]) == (1.0, 1)
    assert pick(made, "recall@5")["value"] == 0.5


def test_targets_that_undefended_retrieval_misses_are_counted_apart() -> None:
    exposed = {0: 1.0, 1: 0.0, 2: 0.0}
    samples = [probe("none", i, True, 0.0, hit) for i, hit in exposed.items()]
    samples += [probe("none", 9, False, 0.0, 0.0)]  # a non-member cannot be retrieved
    samples += [probe("rules", i, True, 0.0, 0.0) for i in exposed] + [probe("rules", 9, False, 0.0, 0.0)]
    made = cells(samples, "d")
    assert pick(made, "auc")["not_retrieved"] == pick(made, "auc", "none")["not_retrieved"] == 2


def test_groups_stand_beside_the_whole_where_there_are_two() -> None:
    one = [benign("none", i, 1.0) for i in range(2)]
    assert {c["group"] for c in cells(one, "d")} == {None}
    made = cells([*one, benign("none", 2, 0.0, group="b"), benign("none", 3, 0.5, group=None)], "d")
    assert {c["group"] for c in made} == {None, "a", "b"}
    assert pick(made, "recall@5", "none")["n"] == 4
    assert [pick(made, "recall@5", "none", g)["value"] for g in ("a", "b")] == [1.0, 0.0]


def test_the_run_before_planting_is_no_attack_of_its_own() -> None:
    def target(policy: str, attack: str, recall: float) -> Sample:
        values = {"exposed": 1.0, "obeyed": 1.0, "right": 0.0, "recall": recall}
        return Sample(policy, attack, "t", values=values, served=(("d",),))

    made = cells([target("none", "poisonedrag" + CLEAN, 1.0), target("none", "poisonedrag", 0.5)], "d")
    assert {c["attack"] for c in made} == {"poisonedrag"}
    assert pick(made, "recall_vs_clean@5", "none")["value"] == 0.5


def test_every_cell_has_every_key_and_only_metrics_of_its_family() -> None:
    made = cells([benign("none", 0, 1.0), probe("none", 0, True, 1.0, 1.0)], "name")
    keys = "dataset group policy attack metric stage value n ci_low ci_high errors not_retrieved"
    assert all(set(c) == set(keys.split()) and c["dataset"] == "name" and c["stage"] == "context" for c in made)
    assert not {c["metric"] for c in made if c["attack"] == "benign"} & {"auc", "exposure_rate"}
    assert not {c["metric"] for c in made if c["attack"] == "mba"} & {"recall@5", "asr"}
    assert [c["metric"] for c in cells([probe("none", 0, True, 1.0, 1.0)], "d", ["auc", "asr"])] == ["auc"]
    assert cells([], "d") == []


def test_every_headline_is_a_metric_of_its_family() -> None:
    for family, name in HEADLINE.items():
        assert family in METRICS.get(name).manifest.families


def poisoned(policy: str, attack: str, number: int, **answered: Any) -> Sample:
    error = answered.pop("answer_error", None)
    answers = () if error else ("text",)
    values = {"exposed": 1.0, "obeyed": 1.0, "right": 0.0, "recall": 1.0}
    return Sample(
        policy, attack, f"s{number}", values=values, answers=answers, answer_values=answered, answer_error=error
    )


def test_both_stages_have_cells_of_their_own() -> None:
    values = {"exposed": 1.0, "right": 1.0, "answerable": 1.0, "refused": 0.0}
    samples = [poisoned("rules", "poisonedrag", i, obeyed=float(i == 0), **values) for i in range(4)]
    samples.append(poisoned("rules", "poisonedrag", 4, answer_error="ComponentError: model: gone"))
    made = cells(samples, "d")
    by = {(c["metric"], c["stage"]): c for c in made}
    assert (by["asr", "context"]["value"], by["asr", "context"]["n"], by["asr", "context"]["errors"]) == (1.0, 5, 0)
    assert (by["asr", "answer"]["value"], by["asr", "answer"]["n"], by["asr", "answer"]["errors"]) == (0.25, 4, 1)
    assert ("obeyed_rate", "context") not in by
    assert ("trigger_rate", "answer") not in by


def test_what_jamming_refuses_anyway_is_no_success_of_it() -> None:
    def both(number: int, before: float) -> list[Sample]:
        values = {"exposed": 1.0, "obeyed": 1.0, "refused": 1.0}
        clean = {"exposed": 0.0, "obeyed": 0.0, "refused": before}
        return [poisoned("none", "jamming", number, **values), poisoned("none", "jamming" + CLEAN, number, **clean)]

    made = [c for c in cells([*both(0, 0.0), *both(1, 1.0)], "d") if c["stage"] == "answer"]
    assert (pick(made, "asr", "none")["value"], pick(made, "asr", "none")["n"]) == (1.0, 1)
