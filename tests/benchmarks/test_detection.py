"""Detection figures: by hand on scores, and on readings made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks._separation import Scores, compare
from benchmarks.data import load
from benchmarks.detection import Detection, left_out, markdown, outside
from benchmarks.fit import training_traffic
from benchmarks.splits import split
from tests.benchmarks.made_readings import reading, world


def scores(*values: float) -> Scores:
    return Scores.of((v, f"s{i}") for i, v in enumerate(values))


def test_compare_golden() -> None:
    # 3 > {1, 2} and 2 > 1 with one tie: (2 + 1.5) / 4; above the largest negative lies one of two.
    found = compare(scores(3, 2), scores(1, 2), 0.01)
    assert found is not None
    assert found.area == pytest.approx(3.5 / 4)
    assert 0.5 <= found.found <= 0.52
    assert found.area_ci[0] <= found.area <= found.area_ci[1]
    assert compare(scores(), scores(1), 0.01) is None


def test_intervals_resample_sessions_and_not_requests() -> None:
    values = np.random.default_rng(0).normal(size=200)
    alone = Scores(values, np.arange(200).astype(str))
    together = Scores(np.repeat(values[:20], 10), np.repeat(np.arange(20).astype(str), 10))
    other = scores(*np.random.default_rng(1).normal(1, 1, 200))
    narrow, wide = compare(other, alone, 0.01), compare(other, together, 0.01)
    assert narrow is not None
    assert wide is not None
    assert wide.area_ci[1] - wide.area_ci[0] > narrow.area_ci[1] - narrow.area_ci[0]


def test_templates_are_left_out_together() -> None:
    assert left_out("mba") == ("mba",)
    assert set(left_out("poisonedrag-single")) == {"poisonedrag", "poisonedrag-single"}
    assert "interrogation-slow" in left_out("interrogation")


def test_a_report_holds_every_family_and_its_baselines() -> None:
    text = markdown(Detection(world(), world(1)), "made by hand", ablation=True)
    lines = {line.split(" | ")[0].lstrip("| "): line for line in text.splitlines() if line.startswith("| ")}
    assert {"mba", "direct", "poisonedrag", "placeholders", "question_echo"} <= lines.keys()
    # mba shows in its blanks alone: left out, it is found; its length and form say nothing.
    cells = [cell.strip() for cell in lines["mba"].strip("|").split("|")]
    assert float(cells[2].split()[0]) > 0.95
    assert float(cells[-2].split()[0]) < 0.7
    assert "calibration error" in text


def test_the_fitted_part_is_not_scored() -> None:
    traffic = training_traffic(load("bundled"), 0, None)[:1]
    dealt = split(traffic[0].sessions, 0, "benign")
    made = [reading("benign", i) for i in range(3)]
    assert outside(made, traffic, 0, "fit") == made
    named = [replace(made[0], session=key) for key in dealt]
    assert {r.session for r in outside(named, traffic, 0, "fit")} == {k for k, p in dealt.items() if p != "fit"}
