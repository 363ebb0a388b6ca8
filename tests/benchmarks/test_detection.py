"""Detection figures: by hand on scores, and on readings made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from benchmarks import detection_page
from benchmarks._separation import Scores, compare
from benchmarks.data import Dataset, load
from benchmarks.detection import Detection, left_out
from benchmarks.detection_page import DISGUISED, MOST_DISGUISED, disguised_traffic, markdown, outside
from benchmarks.detection_page import test_traffic as measured
from benchmarks.disguises import DISGUISES
from benchmarks.fit import training_traffic
from benchmarks.splits import split
from tests.benchmarks.made_readings import reading, world
from tests.benchmarks.tiny import tiny


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


def test_disguised_attacks_are_measured_against_the_same_sessions_plain() -> None:
    plain = [r for r in world(1) if r.attack == "mba"][:10]
    missed = [
        replace(r, attack="mba@case", profile=replace(r.profile, signals={**r.profile.signals, "placeholders": 0.0}))
        for r in plain
    ]
    kept = [replace(r, attack="mba@zero-width") for r in plain]
    detection = Detection(world(), [*world(1), *missed, *kept])
    ((family, found, *disguised),) = detection.disguise_rows()
    assert family == "mba"
    assert found == disguised[1]
    assert float(disguised[0].split(" / ")[1]) < float(found.split(" / ")[1])
    assert "mba@case" not in detection.families(plain[0].family)
    text = markdown(detection, "made by hand")
    assert "| attack | plain | case | zero-width |" in text


def test_what_a_data_set_brings_no_targets_for_is_made_of_its_text() -> None:
    data = load("bundled")
    traffic = {item.attack.manifest.name: item for item in measured(data, 0)}
    assert traffic["mba"].data == data
    assert not data.hotflipped
    assert traffic["hotflip"].data.name == f"{data.name}-generated-1"
    disguised = disguised_traffic(list(traffic.values()), 0)
    assert {len(item.sessions) for item in disguised} == {MOST_DISGUISED}
    assert len(disguised) == len(DISGUISED) * len(DISGUISES)


def test_a_page_has_each_pair_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, bool, bool]] = []

    def section(data: Dataset, model: Embeddings, fit: str, *_: object, ablation: bool, disguises: bool) -> str:
        asked.append((data.name, fit, ablation, disguises))
        return f"## {data.name} {fit}\n"

    monkeypatch.setattr(detection_page, "detect", section)
    text = detection_page.page([tiny(), load("bundled")], DeterministicFakeEmbedding(size=4), ["bundled", "same"])
    assert text.startswith("# Detection")
    assert asked == [
        ("tiny", "bundled", True, True),
        ("tiny", "same", False, False),
        ("bundled", "bundled", False, False),
    ]
