import pytest

from benchmarks.frontier import standings, told


def cell(policy, attack, value):
    metric = {"benign": "recall_ratio@5", "mba": "auc", "poisonedrag": "exposure_rate"}[attack]
    return {
        "policy": policy,
        "attack": attack,
        "metric": metric,
        "group": None,
        "stage": "context",
        "value": value,
        "n": 9,
    }


def summary(**policies):
    names = ("benign", "mba", "poisonedrag")
    return {
        "cells": [cell(p, name, v) for p, values in policies.items() for name, v in zip(names, values, strict=True)]
    }


FULL = summary(
    none=(1.0, 1.0, 1.0), weak=(0.99, 0.8, 0.5), poor=(0.9, 0.8, 0.6), best=(0.99, 0.5, 0.0), oracle=(1.0, 0.5, 0.0)
)


def test_chance_is_nothing_and_attacks_weigh_alike():
    found = {row.policy: row for row in standings(FULL)}
    assert found["none"].success == 1.0
    assert found["weak"].success == pytest.approx((0.6 + 0.5) / 2)
    assert found["best"].success == 0.0
    assert {row.attacks for row in found.values()} == {2}


def test_who_is_beaten_by_whom():
    found = {row.policy: row.beaten_by for row in standings(FULL)}
    assert found == {"none": (), "weak": ("best",), "poor": ("weak", "best"), "best": (), "oracle": ()}


def test_the_least_success_comes_first():
    assert [row.policy for row in standings(FULL)] == ["oracle", "best", "weak", "poor", "none"]


def test_a_thousandth_is_no_victory():
    found = standings(summary(none=(1.0, 1.0, 1.0), a=(0.991, 0.5, 0.001), b=(0.99, 0.5, 0.0)))
    assert not any(row.beaten_by for row in found)


def test_an_attack_that_cannot_be_said_of_one_counts_for_none():
    found = {row.policy: row for row in standings(summary(none=(1.0, 1.0, 1.0), a=(1.0, None, 0.5)))}
    assert found["a"].success == 0.5
    assert found["none"].attacks == 1


@pytest.mark.parametrize("cells", [[], [cell("none", "benign", 1.0)], [cell("none", "mba", 1.0)]])
def test_without_both_sides_there_is_nothing_to_say(cells):
    assert standings({"cells": cells}) == []
    assert told({"cells": cells}) == []


def test_in_words():
    said = dict(told(FULL))
    assert "none" not in said
    assert said["best"] == "keeps 0.99 and leaves attackers 0.00 of 2 attacks' success."
    assert "weak, best keeps as much" in said["poor"]
    assert "told the attack" in said["oracle"]
