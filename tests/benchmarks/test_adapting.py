"""Adaptive attacks in a run: what is searched, what is kept, and which figures come of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.adapting import FOUND, PolicyOracle
from benchmarks.attacks._adaptive_search import PER_TARGET, AdaptiveAttack
from benchmarks.attacks.mba_cloze_adaptive import MbaClozeAdaptive
from benchmarks.attacks.poisonedrag_single_adaptive import PoisonedRagSingleAdaptive
from benchmarks.data import Dataset, load
from benchmarks.generated import generated
from benchmarks.runfolder import SAMPLES
from benchmarks.runner import Settings, prepare, servable
from benchmarks.summary import UNDEFENDED
from benchmarks.world import KnownEmbeddings
from sentinel.errors import ComponentError, DataError
from strategist.policies import build_policy
from tests.benchmarks.datasets import BagOfWords, files, gold, run_once, timeless, value, write

pytestmark = pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")
ATTACK = "mba-cloze@adaptive"
SETTINGS = Settings(["rules"], [ATTACK])


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 25)
    monkeypatch.setattr("benchmarks.runner.code_hash", lambda: "fixed")  # somebody may be editing the sources
    monkeypatch.setattr("benchmarks.attacks._adaptive_search.ROUNDS", 1)
    monkeypatch.setattr(MbaClozeAdaptive, "sample", 6)
    monkeypatch.setattr(MbaClozeAdaptive, "dimensions", {**MbaClozeAdaptive.dimensions, "words": (110, 20)})
    return load(write(tmp_path / "data", files(200, 40, 5, 2), gold(40, 200)))


def samples(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / SAMPLES).read_text().splitlines()]


def test_a_run_searches_once_and_writes_what_it_found(data: Dataset, tmp_path: Path, monkeypatch: Any) -> None:
    searched = []
    tuned = AdaptiveAttack.tuned

    def counting(self: Any, oracle: Any, seed: int) -> Any:
        searched.append(self.manifest.name)
        return tuned(self, oracle, seed)

    monkeypatch.setattr(AdaptiveAttack, "tuned", counting)
    made = run_once(data, SETTINGS, tmp_path / "run")
    assert searched == [ATTACK]  # for both the policy and the reference, and not for `none`
    found = json.loads((tmp_path / "run" / FOUND).read_text())[ATTACK]
    assert list(found) == ["rules"]
    assert set(found["rules"]["form"]) == set(MbaClozeAdaptive.dimensions)
    assert 0 < found["rules"]["most queries on one target"] <= PER_TARGET
    assert found["rules"]["tried"][0]["form"] == MbaClozeAdaptive().form
    names = {(s["policy"], s["attack"]) for s in samples(tmp_path / "run")}
    assert names == {("none", ATTACK), ("rules", ATTACK), ("none", ATTACK + UNDEFENDED + "rules")}
    assert {c["attack"] for c in made["cells"]} == {ATTACK}
    assert value(made, "none", ATTACK, "success_kept") == 1.0
    assert value(made, "rules", ATTACK, "success_kept") > 0
    # Taken up without its last lines, it asks those sessions again in the form that stands there.
    path = tmp_path / "run" / SAMPLES
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-3]))
    assert timeless(run_once(data, SETTINGS, tmp_path / "run")) == timeless(made)
    assert searched == [ATTACK]


def test_the_targets_of_the_search_are_not_those_under_test(data: Dataset) -> None:
    tested = {target for target, _ in MbaClozeAdaptive().targets(data)}
    searched = {target for target, _ in MbaClozeAdaptive().targets(generated(data, 0))}
    assert searched
    assert not tested & searched


def oracle(data: Dataset) -> PolicyOracle:
    made = generated(data, 0)
    return PolicyOracle(made, build_policy("rules"), KnownEmbeddings(BagOfWords(), [], []), 0, 5)


def test_only_queries_of_the_policy_count(data: Dataset) -> None:
    asked = oracle(data)
    attack = MbaClozeAdaptive({"questions": 2})
    key = attack.targets(asked.data)[0][0]
    asked.outcomes(attack, {key}, defended=False)
    assert asked.left(key) == PER_TARGET
    (sample,) = asked.outcomes(attack, {key}, defended=True)
    assert asked.left(key) == PER_TARGET - len(sample.served)
    asked.asked[key] = PER_TARGET
    with pytest.raises(ComponentError, match="more than 200 queries on one target"):
        asked.outcomes(attack, {key}, defended=True)


def test_without_targets_to_try_it_on_it_is_refused_before_work(data: Dataset) -> None:
    assert not PoisonedRagSingleAdaptive().targets(generated(data, 0))  # prose without a fact in it
    with pytest.raises(DataError, match="finds no passage that nothing else needs"):
        prepare(data, Settings(["rules"], ["poisonedrag-single@adaptive"]))
    names = servable(data, full=True)
    assert ATTACK in names
    assert "poisonedrag-single@adaptive" not in names
