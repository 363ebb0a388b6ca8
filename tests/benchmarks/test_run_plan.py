"""What the command line says becomes what is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.run_plan import Options, names, plan
from sentinel.errors import ConfigurationError
from tests.benchmarks.datasets import BagOfWords, write
from tests.benchmarks.gullible import Gullible


def load_gullible(spec: object) -> Gullible:
    """As the real one does, a generator is handed back."""
    return spec if isinstance(spec, Gullible) else Gullible(follows=spec == "local")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("strategist.embeddings.load_embeddings", lambda _: BagOfWords())
    monkeypatch.setattr("strategist.generators.load_generator", load_gullible)
    return str(write(tmp_path / "data"))


def test_names() -> None:
    assert names(" a, b,a,", "thing", ["a", "b", "c"]) == ["a", "b"]
    with pytest.raises(ConfigurationError, match="unknown thing 'bb'"):
        names("a,bb", "thing", ["a", "bbb"])
    with pytest.raises(ConfigurationError, match="unknown thing ','"):
        names(",", "thing", ["a"])


def test_without_a_generator_nothing_of_the_answer_half_stands_in_the_configuration(data: str) -> None:
    made = plan(Options(data, "rules"))
    assert made.settings.answers is None
    assert made.config["generator"] == "none"
    assert "answers" not in made.config
    assert made.config["command"] == {"data": data, "embeddings": None}


def test_with_one_everything_that_changes_an_answer_does(data: str) -> None:
    given = Options(
        data,
        "rules",
        generator="local",
        prompt_defenses="spotlight",
        answer_defenses="leak_guard,stop_check",
        max_tokens=9,
    )
    made = plan(given)
    assert made.config["generator"] == "gullible"
    assert made.config["answers"] == {
        "fingerprint": "gullible",
        "greedy": False,
        "max_tokens": 9,
        "prompt_defenses": [["spotlight", {}]],
        "generation": None,
        "answer_defenses": [["leak_guard", {}], ["stop_check", {}]],
    }
    assert made.config["command"]["answer_defenses"] == "leak_guard,stop_check"
    assert list(made.config["policies"]) == ["none", "answer_only", "rules"]
    assert made.config["attacks"][0] == "benign"
    assert "direct" not in made.config["attacks"]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"prompt_defenses": "spotlite"}, "unknown prompt defense 'spotlite'; did you mean 'spotlight'?"),
        ({"answer_defenses": "leak_guard"}, "--answer-defenses is about answers; give --generator"),
        ({"dtype": "int8"}, "--dtype is about answers; give --generator"),
        ({"generation": "robust_rag,sdag", "generator": "local"}, "give one"),
        ({"generation": "robust_rga", "generator": "local"}, "did you mean 'robust_rag'?"),
        (
            {"generation": "dp_answer", "answer_defenses": "leak_guard", "generator": "local"},
            "void beside answer defense leak_guard",
        ),
        ({"attacks": "isc"}, "attack 'isc' scores what is answered; give --generator"),
        ({"calibration": "gone.json"}, "--calibration 'gone.json'"),
    ],
)
def test_what_is_wrong_is_said(data: str, options: dict[str, str], what: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        plan(Options(data, "rules", **options))
    assert what in str(caught.value)


def test_a_policy_that_voids_a_guarantee_is_refused_before_any_work(data: str) -> None:
    given = {"generator": "local", "generation": "dp_answer"}
    assert plan(Options(data, "none,adaptive", **given)).config["answers"]["generation"] == ["dp_answer", {}]
    with pytest.raises(ConfigurationError, match=r"void beside .*policy always_on plans it for every request"):
        plan(Options(data, "none,adaptive,always_on", **given))


def test_who_plans_for_the_llm_policy(data: str) -> None:
    made = plan(Options(data, "rules,llm", controller="local"))
    assert made.config["policies"]["llm"]["model"] == "GeneratorChat:gullible"
    assert made.config["command"]["controller"] == "local"
    assert list(made.config["policies"]) == ["none", "rules", "llm"]
    with pytest.raises(ConfigurationError, match="policy llm needs --controller"):
        plan(Options(data, "llm"))
    with pytest.raises(ConfigurationError, match="add it to --policies"):
        plan(Options(data, "rules", controller="local"))
