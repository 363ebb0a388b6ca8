"""Whole runs on a tiny corpus: figures against brute force, errors, and runs that are interrupted and taken up."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.attacks import ATTACKS, Family, Served, Session
from benchmarks.attacks.mba import Mba
from benchmarks.data import Dataset, load
from benchmarks.runfolder import SAMPLES, SPLIT, SUMMARY
from benchmarks.runner import Settings, check_k, prepare, servable
from sentinel.errors import ConfigurationError, DataError
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies.always_on import AlwaysOnPolicy
from strategist.policies.none import NonePolicy
from tests.benchmarks.datasets import FEW, BagOfWords, run_once, timeless, value, write


class Noisy(AlwaysOnPolicy):
    """Random draws for every request, at little cost."""

    manifest = AlwaysOnPolicy.manifest

    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        return DefensePlan((PlannedDefense("ado_noise", {"epsilon": self.epsilon}, "test"),), self.overfetch)


ALWAYS = Settings([Noisy()], FEW)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 25)  # intervals are test_statistics' concern


pytestmark = pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return load(write(tmp_path / "data"))


def samples(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / SAMPLES).read_text().splitlines()]


def test_none_serves_what_brute_force_finds(data: Dataset, tmp_path: Path) -> None:
    model = BagOfWords()
    made = run_once(data, Settings(["none"], ["benign"]), tmp_path / "run")
    (job,) = prepare(data, Settings(["none"], ["benign"]))
    matrix = np.array([model.vector(p.text) for p in data.passages])
    recalls = []
    for sample, session in zip(samples(tmp_path / "run"), job.sessions, strict=True):
        assert sample["session"] == session.id
        found = []
        for ask, served in zip(session.asks, sample["served"], strict=True):
            order = np.argsort(-(matrix @ np.array(model.vector(ask.query))), kind="stable")[:5]
            assert served == [data.passages[i].id for i in order]
            found.append(len(set(served) & ask.gold) / len(ask.gold))
        recalls.append(sum(found) / len(found))
    assert 0 < np.mean(recalls) <= 1
    assert value(made, "none", "benign", "recall@5") == pytest.approx(np.mean(recalls))
    assert value(made, "none", "benign", "recall_ratio@5") == 1.0
    assert value(made, "none", "benign", "trigger_rate") == 0.0
    assert value(made, "none", "benign", "recall@5", "n") == len(recalls)


def test_none_under_attack_by_brute_force(data: Dataset, tmp_path: Path) -> None:
    model = BagOfWords()
    made = run_once(data, Settings(["none"], ["poisonedrag"]), tmp_path / "run")
    job, _ = prepare(data, Settings(["none"], ["poisonedrag"]))
    texts = [(p.text, p.id) for p in data.passages] + [(p.text, None) for p in job.planted]
    matrix = np.array([model.vector(text) for text, _ in texts])
    recalls, exposed, clean = [], [], []
    for target in data.poison:
        scores = matrix @ np.array(model.vector(target.question))
        gold = data.query_by_id[target.query_id].gold
        top = [texts[i] for i in np.argsort(-scores)[:5]]
        exposed.append(any(text.startswith(target.question) for text, key in top if key is None))
        recalls.append(len({key for _, key in top} & gold))
        clean.append(len({data.passages[i].id for i in np.argsort(-scores[:40])[:5]} & gold))
    assert value(made, "none", "poisonedrag", "exposure_rate") == np.mean(exposed) == 1.0
    assert value(made, "none", "poisonedrag", "recall@5") == np.mean(recalls)
    assert value(made, "none", "poisonedrag", "recall_vs_clean@5") == pytest.approx(sum(recalls) / sum(clean))
    assert value(made, "none", "poisonedrag", "asr") == 1.0


def test_the_split_is_written(data: Dataset, tmp_path: Path) -> None:
    run_once(data, Settings(["none"], FEW), tmp_path / "run")
    parts = json.loads((tmp_path / "run" / SPLIT).read_text())
    assert list(parts) == ["benign"]
    assert set(parts["benign"].values()) == {"fit", "calibrate", "test"}
    asked = {s["session"] for s in samples(tmp_path / "run") if s["attack"] == "benign"}
    assert asked == {key for key, part in parts["benign"].items() if part == "test"}
    run_once(data, Settings(["none"], FEW, split=False), tmp_path / "whole")
    assert json.loads((tmp_path / "whole" / SPLIT).read_text()) == {}
    assert {s["session"] for s in samples(tmp_path / "whole") if s["attack"] == "benign"} == set(parts["benign"])


def test_every_policy_sees_the_same_sessions_and_none_the_clean_ones_too(data: Dataset, tmp_path: Path) -> None:
    run_once(data, ALWAYS, tmp_path / "run")
    found: dict[tuple[str, str], list[str]] = {}
    for sample in samples(tmp_path / "run"):
        found.setdefault((sample["policy"], sample["attack"]), []).append(sample["session"])
    assert ("always_on", "poisonedrag/clean") not in found
    assert found["none", "poisonedrag/clean"] == found["none", "poisonedrag"]
    for attack in FEW:
        assert found["none", attack] == found["always_on", attack]


class Stopped(BaseException):
    """What a Ctrl-C is to the run: no exception that anybody may swallow."""


def stop_after(calls: int) -> Callable[[str, int, int], None]:
    left = [calls]

    def report(what: str, done: int, total: int) -> None:
        if what != "embedding":
            left[0] -= 1
            if left[0] < 0:
                raise Stopped

    return report


@pytest.mark.parametrize("calls", [0, 3, 7, 12])
def test_interrupted_and_taken_up_is_the_same_run(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    monkeypatch.setattr("benchmarks.runner.BATCH", 2)
    whole = run_once(data, ALWAYS, tmp_path / "whole")
    with pytest.raises(Stopped):
        run_once(data, ALWAYS, tmp_path / "run", report=stop_after(calls))
    finished = samples(tmp_path / "run")
    assert not (tmp_path / "run" / SUMMARY).exists()
    resumed = run_once(data, ALWAYS, tmp_path / "run")
    assert timeless(resumed) == timeless(whole)
    now = samples(tmp_path / "run")
    assert now[: len(finished)] == finished
    keys = [(s["policy"], s["attack"], s["session"]) for s in now]
    assert len(set(keys)) == len(keys) == len(samples(tmp_path / "whole"))

    def outcome(path: Path) -> list[Any]:
        return sorted((s["policy"], s["attack"], s["session"], s["served"]) for s in samples(path))

    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


def test_a_finished_run_asks_and_embeds_nothing(data: Dataset, tmp_path: Path) -> None:
    first = run_once(data, ALWAYS, tmp_path / "run")
    before = samples(tmp_path / "run")
    model = BagOfWords()
    assert run_once(data, ALWAYS, tmp_path / "run", model, stop_after(0)) == first
    assert model.embedded == 0
    assert samples(tmp_path / "run") == before


def test_a_half_written_line_is_asked_again(data: Dataset, tmp_path: Path) -> None:
    whole = run_once(data, ALWAYS, tmp_path / "run")
    path = tmp_path / "run" / SAMPLES
    content = path.read_bytes()
    for cut in (1, 30):
        path.write_bytes(content[:-cut])
        assert timeless(run_once(data, ALWAYS, tmp_path / "run")) == timeless(whole)
        assert len(samples(tmp_path / "run")) == len(content.splitlines())


def test_the_same_twice_and_another_seed(data: Dataset, tmp_path: Path) -> None:
    first, second = (run_once(data, ALWAYS, tmp_path / name) for name in "ab")
    assert timeless(first) == timeless(second)
    other = run_once(data, Settings([Noisy()], FEW, seed=1), tmp_path / "c")
    assert timeless(other) != timeless(first)


def test_limit(data: Dataset, tmp_path: Path) -> None:
    made = run_once(data, Settings(["none"], FEW, limit=2), tmp_path / "run")
    assert {c["n"] for c in made["cells"] if c["metric"] in ("auc", "exposure_rate", "recall@5")} <= {2, 1}
    assert value(made, "none", "poisonedrag", "exposure_rate", "n") == 2


class Breaks(Mba):
    """An attack of which some sessions fail while they are scored."""

    manifest = Mba.manifest

    def score(self, session: Session, served: Sequence[Sequence[Served]]) -> dict[str, float | None]:
        if session.target in ("doc-0001", "out-7", "out-8"):
            raise ValueError("no score")
        return super().score(session, served)


def test_failed_sessions_are_counted_apart(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ATTACKS._classes, "mba", Breaks)
    made = run_once(data, Settings(["rules"], ["mba"]), tmp_path / "run")
    for policy in ("none", "rules"):
        assert value(made, policy, "mba", "auc", "errors") == 3
        assert value(made, policy, "mba", "auc", "n") == 12 - 3
        assert value(made, policy, "mba", "member_exposure", "n") == 6 - 1
    failed = [s for s in samples(tmp_path / "run") if s["error"]]
    assert len(failed) == 6
    assert {s["error"] for s in failed} == {"ValueError: no score"}
    assert all(s["values"] == {} for s in failed)


def test_a_failing_retriever_is_an_error_of_the_session(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("store is gone")

    monkeypatch.setattr("benchmarks.asking.DefendedRetriever.invoke", broken)
    made = run_once(data, Settings(["none"], ["mba"]), tmp_path / "run")
    assert value(made, "none", "mba", "auc") is None
    assert value(made, "none", "mba", "auc", "errors") == 12


def test_members_out_of_reach_are_counted(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind(BagOfWords):
        fingerprint = "blind"

        def embed_query(self, text: str) -> list[float]:
            return self.vector("doc")  # every query finds the same five

    made = run_once(data, Settings(["rules"], ["mba"]), tmp_path / "run", Blind())
    reached = {s["session"] for s in samples(tmp_path / "run") if s["member"] and s["values"]["exposed"]}
    assert value(made, "rules", "mba", "auc", "not_retrieved") == 6 - len(reached)


def test_k_documents_are_served(data: Dataset, tmp_path: Path) -> None:
    run_once(data, Settings(["none"], ["mba"], k=3), tmp_path / "run")
    assert {len(served) for s in samples(tmp_path / "run") for served in s["served"]} == {3}


@pytest.mark.parametrize("k", [0, -1, 10_001])
def test_impossible_k(k: int) -> None:
    with pytest.raises(ConfigurationError, match="k must be a whole number from 1 to 10,000"):
        check_k(k)
    check_k(1)


def test_servable_is_what_the_data_brings(data: Dataset, tmp_path: Path) -> None:
    names = servable(data, full=True)
    assert {"benign", "benign-drilldown", "mba", "s2mia", "direct", "poisonedrag"} <= set(names)
    assert not {"interrogation", "hotflip"} & set(names)
    families = [ATTACKS.get(name).manifest.family.value for name in names]
    assert families == sorted(families, key=[family.value for family in Family].index)
    (data.folder / "membership.jsonl").unlink()
    bare = load(data.folder)
    assert "mba" not in servable(bare, full=True)
    with pytest.raises(DataError, match="attack 'mba' needs membership"):
        prepare(bare, Settings(["none"], ["mba"]))


def test_none_is_always_measured_first() -> None:
    assert list(Settings(["always_on", "none"], []).resolved_policies()) == ["none", "always_on"]
    assert list(Settings([NonePolicy()], []).resolved_policies()) == ["none"]
