"""The terminal table: golden renderings at several widths, and the cases at the edges."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from benchmarks import table
from benchmarks.attacks import Family
from benchmarks.summary import HEADLINE

# What each family's headline is for (none, always_on, rules): value, low, high.
BENIGN = [(1.0, 1.0, 1.0), (0.486, 0.41, 0.56), (0.977, 0.95, 1.0)]
MEMBERSHIP = [(0.9, 0.85, 0.95), (0.97, 0.92, 1.0), (0.53, 0.5, 0.667)]
POISONING = [(1.0, 0.886, 1.0), (0.7, 0.52, 0.83), (0.0, 0.0, 0.114)]
FIGURES = {Family.BENIGN: BENIGN, Family.MEMBERSHIP: MEMBERSHIP, Family.POISONING: POISONING}
ATTACKS = {
    "benign": Family.BENIGN,
    "benign-drilldown": Family.BENIGN,
    "direct": Family.MEMBERSHIP,
    "mba": Family.MEMBERSHIP,
    "s2mia": Family.MEMBERSHIP,
    "poisonedrag": Family.POISONING,
    "poisonedrag-single": Family.POISONING,
}
TWELVE = {
    **ATTACKS,
    "mba-cloze": Family.MEMBERSHIP,
    "interrogation-slow": Family.MEMBERSHIP,
    "mba@adaptive": Family.MEMBERSHIP,
    "poison-unprefixed-5": Family.POISONING,
    "hotflip": Family.POISONING,
}


@pytest.fixture(autouse=True)
def families(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "family_of", lambda attack: TWELVE[attack])


def made_cell(policy: str, attack: str, metric: str, figure: tuple[float, float, float], **more: Any) -> dict[str, Any]:
    return {
        "dataset": "corpus", "group": None, "policy": policy, "attack": attack, "metric": metric, "stage": "context",
        "value": figure[0], "n": 400, "ci_low": figure[1], "ci_high": figure[2], "errors": 0, "not_retrieved": 0,
    } | more  # fmt: skip


def made_summary(
    attacks: dict[str, Family] = ATTACKS,
    policies: tuple[str, ...] = ("none", "always_on", "rules"),
    limit: int | None = None,
    name: str = "corpus",
) -> dict[str, Any]:
    cells: list[dict[str, Any]] = []
    for number, policy in enumerate(policies):
        for attack, family in attacks.items():
            cells.append(made_cell(policy, attack, HEADLINE[family], FIGURES[family][number % 3]))
            cells.append(made_cell(policy, attack, HEADLINE[family], (0.1, 0.1, 0.1), group="a group of its own"))
            if family is Family.BENIGN:
                ms = (0.003, 14.72, 1.05)[number % 3]
                cells.append(made_cell(policy, attack, "overhead_ms_p50", (ms, ms, ms)))
    run = {"data": {"name": name, "hash": "x"}, "seed": 0, "limit": limit, "version": "0", "generator": "none"}
    return {"schema": 1, "run": run, "cells": cells}


def rendered(summary: dict[str, Any], width: int, encoding: str = "utf-8", **more: Any) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    table.render(summary, Console(file=file, width=width, **more))
    return raw.getvalue().decode(encoding)


def tables(text: str) -> str:
    """What stands above the legend."""
    return text.split("\nrecall kept  ")[0].rstrip("\n") + "\n"


GOLDEN_80 = """\
corpus, seed 0

                  recall kept ↑
            ──────────────────────────
                               benign-   added ms
policy            benign     drilldown        p50
─────────────────────────────────────────────────
none        1.00          1.00                0.0
always_on   0.49 ±0.08 !  0.49 ±0.08 !       14.7
rules       0.98 ±0.03    0.98 ±0.03          1.1

                        membership auc ↓
            ────────────────────────────────────────
policy            direct           mba         s2mia
────────────────────────────────────────────────────
none        0.90 ±0.05    0.90 ±0.05    0.90 ±0.05
always_on   0.97 ±0.05 !  0.97 ±0.05 !  0.97 ±0.05 !
rules       0.53 ±0.14    0.53 ±0.14    0.53 ±0.14

                poison exposure ↓
            ─────────────────────────
                         poisonedrag-
policy      poisonedrag        single
─────────────────────────────────────
none         1.00 ±0.11    1.00 ±0.11
always_on    0.70 ±0.18    0.70 ±0.18
rules        0.00 ±0.11    0.00 ±0.11
"""

GOLDEN_100 = """\
corpus, seed 0

              recall kept ↑        membership auc ↓          poison exposure ↓
            ─────────────────   ──────────────────────   ─────────────────────────
                      benign-                                         poisonedrag-   added ms
policy      benign  drilldown   direct     mba   s2mia   poisonedrag        single        p50
─────────────────────────────────────────────────────────────────────────────────────────────
none        1.00       1.00     0.90    0.90    0.90            1.00          1.00        0.0
always_on   0.49 !     0.49 !   0.97 !  0.97 !  0.97 !          0.70          0.70       14.7
rules       0.98       0.98     0.53    0.53    0.53            0.00          0.00        1.1
"""

GOLDEN_120 = """\
corpus, seed 0

                  recall kept ↑                      membership auc ↓                   poison exposure ↓
            ──────────────────────────   ────────────────────────────────────────   ─────────────────────────
                               benign-                                                           poisonedrag-   added ms
policy            benign     drilldown         direct           mba         s2mia   poisonedrag        single        p50
────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
none        1.00          1.00           0.90 ±0.05    0.90 ±0.05    0.90 ±0.05      1.00 ±0.11    1.00 ±0.11        0.0
always_on   0.49 ±0.08 !  0.49 ±0.08 !   0.97 ±0.05 !  0.97 ±0.05 !  0.97 ±0.05 !    0.70 ±0.18    0.70 ±0.18       14.7
rules       0.98 ±0.03    0.98 ±0.03     0.53 ±0.14    0.53 ±0.14    0.53 ±0.14      0.00 ±0.11    0.00 ±0.11        1.1
"""

LEGEND_120 = """\
recall kept      benign recall@5 relative to no defense; higher is better, 1 loses nothing.
membership auc   how well attackers tell members of the corpus from others; lower is better, 0.50 is a coin.
poison exposure  share of questions served a document planted for them; lower is better.
added ms         median milliseconds beyond embedding and search on benign traffic.
!                worse than no defense, beyond the 95 % interval. Bold: the best defense of its column.
±                to the farther end of the 95 % interval.
n                400 sessions a figure.
stage context    an ideal reader uses whatever it is handed: an upper bound for the attacker.
attackers        None of them knows the defense; one who does gets at least as much.
"""

GOLDEN_ASCII = """\
na?ve?[31m?, seed 0

               recall kept          membership auc            poison exposure
            -----------------   ----------------------   -------------------------
                      benign-                                         poisonedrag-   added ms
policy      benign  drilldown   direct     mba   s2mia   poisonedrag        single        p50
---------------------------------------------------------------------------------------------
none        1.00       1.00     0.90    0.90    0.90            1.00          1.00        0.0
always_on   0.49 !     0.49 !   0.97 !  0.97 !  0.97 !          0.70          0.70       14.7
rules       0.98       0.98     0.53    0.53    0.53            0.00          0.00        1.1
"""


@pytest.mark.parametrize(
    ("width", "golden"), [(80, GOLDEN_80), (100, GOLDEN_100), (120, GOLDEN_120), (200, GOLDEN_120)]
)
def test_golden(width: int, golden: str) -> None:
    assert tables(rendered(made_summary(), width)) == golden


def test_legend() -> None:
    assert "recall kept  " + rendered(made_summary(), 120).split("\nrecall kept  ")[1] == LEGEND_120


def test_output_that_cannot_show_more_than_ascii() -> None:
    text = rendered(made_summary(name="naïve\x1b[31m\n"), 120, encoding="ascii")
    assert tables(text) == GOLDEN_ASCII


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160, 200])
@pytest.mark.parametrize("attacks", [ATTACKS, TWELVE, {"mba": Family.MEMBERSHIP}], ids=["seven", "twelve", "one"])
def test_nothing_is_cut_or_wrapped_at_any_width(width: int, attacks: dict[str, Family]) -> None:
    policies = ("none", "always_on", "rules")
    text = rendered(made_summary(attacks, policies), width)
    top = text.split("\n\n!")[0].split("worse than no")[0]
    assert "…" not in text
    assert all(len(line) <= width for line in text.splitlines())
    for policy in policies:  # one line for each policy in each table, and as many figures as attacks
        lines = [line for line in top.splitlines() if line.startswith(f"{policy} ")]
        assert len(lines) == sum(line.startswith("policy ") for line in top.splitlines())
        figures = [
            part for line in lines for part in line.split() if len(part) == 4 and part[1] == "." and part != "14.7"
        ]
        assert len(figures) == len(attacks)
    for attack in attacks:
        assert attack in _headers(top)


def _headers(text: str) -> set[str]:
    """Attack names, put together again from the pieces above each column's right edge."""
    found: set[str] = set()
    lines = text.splitlines()
    for end, line in enumerate(lines):
        if not line.startswith("policy "):
            continue
        start = max(i for i in range(end) if "─" in lines[i]) + 1
        rule = lines[end + 1]
        edges = [i + 1 for i in range(len(line)) if line[i] != " " and (i + 1 == len(line) or line[i + 1] == " ")]
        for edge in edges:
            name = ""
            for above in lines[start : end + 1]:
                cut = above[:edge].ljust(edge)
                if (len(above) <= edge or above[edge] == " ") and cut[-1] != " ":
                    name += cut.split()[-1]
            found.add(name)
        assert set(rule) == {"─"}
    return found


def test_twelve_attacks_keep_together_by_family() -> None:
    top = tables(rendered(made_summary(TWELVE), 80))
    headings = [line.strip() for line in top.splitlines() if line.rstrip().endswith(("↑", "↓"))]
    assert headings == ["recall kept ↑", "membership auc ↓", "poison exposure ↓"]


@pytest.mark.parametrize("name", ["a" * 36, "an-extremely-long-policy-name-" * 3 + "end", "x" * 200])
def test_long_policy_names(name: str) -> None:
    text = rendered(made_summary(policies=("none", name)), 80)
    assert all(len(line) <= 80 for line in text.splitlines())
    top = tables(text)
    first_table = top.split("\n\n")[1]
    start = first_table.index("none ")
    label = "".join(line.split("  0.49")[0].strip() for line in first_table[start:].splitlines()[1:])
    assert label == name


def test_one_policy_has_nothing_to_be_best_of() -> None:
    text = rendered(made_summary(policies=("none",)), 120, force_terminal=True, color_system="standard")
    assert "\x1b[1m0." not in text
    assert "0.90" in text


def test_the_best_defense_is_bold_and_the_worse_is_marked_without_colour_too() -> None:
    text = rendered(made_summary(), 100, force_terminal=True, color_system="standard")
    assert "\x1b[1;32m0.98" in text
    assert "\x1b[1;31m !" in text
    assert "0.97 !" in rendered(made_summary(), 100, no_color=True)  # an auc above the undefended one


def test_no_figure() -> None:
    summary = made_summary()
    for cell in summary["cells"]:
        if cell["policy"] == "rules" and cell["attack"] == "mba":
            cell.update(value=None, ci_low=None, ci_high=None, n=0)
    summary["cells"] = [c for c in summary["cells"] if (c["policy"], c["attack"]) != ("always_on", "direct")]
    text = rendered(summary, 100)
    assert "nan" not in text.lower()
    assert "None" not in text.replace("None of them", "")
    row = next(line for line in text.splitlines() if line.startswith("always_on"))
    assert row.split()[5] == "–"
    assert "–                cannot be said from these sessions." in text


def test_an_empty_run() -> None:
    summary = made_summary()
    summary["cells"] = []
    assert "no figures" in rendered(summary, 80)


def test_errors_and_targets_not_retrieved_and_differing_n() -> None:
    summary = made_summary()
    for cell in summary["cells"]:
        if cell["attack"] == "poisonedrag" and cell["group"] is None:
            cell.update(errors=2, not_retrieved=5)
        if cell["attack"] == "mba":
            cell["n"] = 1450
    text = rendered(summary, 200)
    assert "400 sessions a figure; mba 1,450." in text
    assert "count in no figure: poisonedrag 6." in text
    assert "undefended retrieval brings up: poisonedrag 5." in text
    assert "errors" not in rendered(made_summary(), 200)
    assert "not retrieved" not in rendered(made_summary(), 200)


def test_a_trial_is_called_one() -> None:
    assert "A trial: at most 30 sessions an attack. No result." in rendered(made_summary(limit=30), 80)
    assert "trial" not in rendered(made_summary(), 80)


def test_targets_that_were_made_are_told() -> None:
    summary = made_summary()
    assert "targets" not in rendered(summary, 200).split()
    summary["run"]["data"]["made"] = {"membership": 40}
    assert "the data set brings no membership.jsonl. Made of its text by rule: 40 documents" in rendered(summary, 200)


def test_attackers_who_know_the_defense_are_named() -> None:
    assert "None of them knows the defense" in rendered(made_summary(), 120)
    assert "Only those of mba@adaptive know the defense" in rendered(made_summary(TWELVE), 120)


def test_the_first_of_two_stages_is_the_headline() -> None:
    summary = made_summary()
    summary["cells"].append(made_cell("rules", "mba", "auc", (0.99, 0.9, 1.0), stage="answer"))
    assert table.headline_cells(summary)["rules", "mba"]["value"] == 0.53


@pytest.mark.parametrize(
    ("metric", "figure", "reference", "worse"),
    [
        ("auc", (0.8, 0.71, 0.9), 0.7, True),
        ("auc", (0.8, 0.69, 0.9), 0.7, False),
        ("recall_ratio@5", (0.9, 0.85, 0.99), 1.0, True),
        ("recall_ratio@5", (0.9, 0.85, 1.0), 1.0, False),
        ("auc", (0.8, None, None), 0.7, False),
        ("auc", (None, None, None), 0.7, False),
        ("auc", (0.8, 0.71, 0.9), None, False),
    ],
)
def test_worse_than_none(metric: str, figure: Any, reference: float | None, worse: bool) -> None:
    none = made_cell("none", "mba", metric, (reference, None, None))  # type: ignore[arg-type]
    assert table.worse_than_none(made_cell("rules", "mba", metric, figure), none) is worse
    assert table.worse_than_none(made_cell("rules", "mba", metric, figure), None) is False
