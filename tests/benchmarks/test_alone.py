"""Each defense alone: the same figures as a whole run would give, every request sensed once, failures counted apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import alone
from benchmarks.alone import OnlyPolicy, Subject, attacks_on, measure, planned
from benchmarks.data import Dataset, load
from benchmarks.runner import Settings
from benchmarks.statistics import Estimate
from defenses.context.echo_filter import EchoFilter
from sentinel.sensing import Sentinel
from sentinel.vocabulary import Request
from strategist.plan import PlannedDefense
from strategist.policies import POLICIES
from tests.benchmarks.datasets import BagOfWords, files, gold, run_once, value, write


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 25)


pytestmark = pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return load(write(tmp_path / "data", files(20, 10, 3, 2), gold(10, 20)))


def test_parts_of_a_subject() -> None:
    assert planned("echo_filter") == PlannedDefense("echo_filter", {})
    wanted = PlannedDefense("dp_retrieval", {"epsilon": 0.5, "utility": "top_p"})
    assert planned('dp_retrieval epsilon=0.5 utility="top_p"') == wanted
    assert attacks_on(("instruction_filter",)) == ("pia",)
    assert attacks_on(("jamming_filter", "instruction_filter")) == ("pia", "jamming")
    assert set(attacks_on(())) == {name for names in alone.ATTACKED.values() for name in names}


def test_the_policy_is_not_offered_to_users() -> None:
    assert "only" not in POLICIES.names()


@pytest.mark.parametrize(
    ("subject", "attack", "metric"),
    [
        (("echo_filter",), "poisonedrag", "exposure_rate"),
        (("echo_filter", "cluster_filter"), "poisonedrag", "recall_vs_clean@5"),
        (("suspicion_filter",), "poisonedrag", "exposure_rate"),
        (("ado_noise",), "mba", "auc"),
        (("hide_for_client",), "mba", "auc"),
        (("gist_rewrite",), "mba", "auc"),
        (("gist_rewrite", "hide_probed"), "mba", "auc"),
    ],
)
def test_figures_are_those_of_a_whole_run(
    subject: Subject, attack: str, metric: str, data: Dataset, tmp_path: Path
) -> None:
    figures = measure(data, BagOfWords(), [subject])
    whole = run_once(
        data, Settings([OnlyPolicy(defenses=subject)], ["benign", attack], split=False), tmp_path / "run", BagOfWords()
    )
    for traffic, name in ((attack, metric), ("benign", "recall_ratio@5")):
        found = figures[subject][traffic][name]
        keys = ("value", "n", "ci_low", "ci_high")
        assert found == pytest.approx(Estimate(*(value(whole, "only", traffic, name, key) for key in keys)))


def test_every_request_is_sensed_once(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    sensed: list[Request] = []
    before = Sentinel.sense_context

    def counted(self, evidence, profile):  # type: ignore[no-untyped-def]
        if self._late:  # what only replays has no signals
            sensed.append(evidence.request)
        return before(self, evidence, profile)

    monkeypatch.setattr(Sentinel, "sense_context", counted)
    measure(data, BagOfWords(), [("jamming_filter",), ("suspicion_filter",)], limit=3)
    assert sensed
    assert max(map(sensed.count, sensed)) == 1


def test_limits(data: Dataset) -> None:
    figures = measure(data, BagOfWords(), [("hide_probed",)], limit=2)
    assert figures[("hide_probed",)]["mba"]["auc"].n == 2
    assert figures[()]["benign"]["recall_ratio@5"].n == 2
    assert "interrogation" not in figures[()]  # no questions to ask in this data set


def test_milliseconds_are_the_subjects_own(data: Dataset) -> None:
    figures = measure(data, BagOfWords(), [("ragdefender",)], limit=3)
    idle, busy = (figures[s]["benign"]["overhead_ms_p50"].value for s in ((), ("ragdefender",)))
    assert idle is not None
    assert busy is not None
    assert 0 <= idle < busy


def test_a_defense_that_fails_passes_nothing(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(EchoFilter, "select", fail)
    found = measure(data, BagOfWords(), [("echo_filter",)], limit=3)[("echo_filter",)]
    assert found["poisonedrag"]["exposure_rate"] == Estimate(None, 0)
    assert found["benign"]["recall_ratio@5"].value is None
