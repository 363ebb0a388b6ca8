"""The answer stage in whole runs: figures, batches, errors, resuming; and once with the packaged model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.answering import ANSWER_ONLY, Answers, chosen, load
from benchmarks.attacks.extract_continue import ExtractContinue
from benchmarks.data import Dataset
from benchmarks.data import load as load_data
from benchmarks.runfolder import SAMPLES, RunFolder
from benchmarks.runner import Settings, config, execute, prepare, servable
from defenses import Generator
from sentinel.errors import ConfigurationError
from sentinel.manifest import Stage
from tests.benchmarks.datasets import BagOfWords, timeless, write
from tests.benchmarks.gullible import Gullible

pytestmark = pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")
POISON = ("poisonedrag-single", "pia")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "slow" not in request.keywords:  # the packaged model is converted once for all tests
        monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 25)
    monkeypatch.setattr(ExtractContinue, "budget", 6)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return load_data(write(tmp_path / "data"))


def run(
    data: Dataset,
    path: Path,
    attacks: tuple[str, ...],
    generator: Generator | None,
    policies: tuple[str, ...] = ("none",),
    limit: int | None = None,
    **given: Any,
) -> dict[str, Any]:
    answers = None if generator is None else Answers(generator, data, **given)
    settings = Settings(policies, attacks, split=False, answers=answers, limit=limit)
    name = "none" if generator is None else generator.name
    folder = RunFolder(path, config(data, settings, "bag-of-words", name, "shipped"))
    return execute(data, settings, BagOfWords(), folder)


def value(
    summary: dict[str, Any], policy: str, attack: str, metric: str, stage: str = "answer", key: str = "value"
) -> Any:
    (cell,) = [
        cell
        for cell in summary["cells"]
        if (cell["policy"], cell["attack"], cell["metric"], cell["stage"]) == (policy, attack, metric, stage)
        and cell["group"] is None
    ]
    return cell[key]


def samples(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / SAMPLES).read_text().splitlines()]


def test_both_stages_stand_beside_each_other(data: Dataset, tmp_path: Path) -> None:
    made = run(data, tmp_path / "run", ("benign", "mba", *POISON), Gullible(), ("none", "rules"))
    assert value(made, "none", "poisonedrag-single", "exposure_rate") == 1.0
    assert value(made, "none", "poisonedrag-single", "obeyed_rate") == 1.0
    assert value(made, "none", "poisonedrag-single", "asr") == 1.0
    assert value(made, "rules", "poisonedrag-single", "exposure_rate") == 0.0
    assert value(made, "rules", "poisonedrag-single", "obeyed_rate") is None  # nobody was served anything
    assert value(made, "rules", "poisonedrag-single", "accuracy_vs_clean") == 0.0
    assert value(made, "none", "poisonedrag-single", "accuracy_vs_clean") < 0
    assert value(made, "rules", "benign", "accuracy_vs_none") == 0.0
    assert value(made, "rules", "poisonedrag-single", "accuracy_vs_none") > 0
    left = value(made, "rules", "poisonedrag-single", "asr")
    assert value(made, "rules", "poisonedrag-single", "asr_vs_none") == pytest.approx(left - 1.0)
    assert left < 1.0
    assert value(made, "none", "mba", "auc") == 1.0
    assert made["run"]["forms"] == {"mba": "format"}
    assert not [c for c in made["cells"] if c["policy"] == "none" and c["metric"].endswith("_vs_none")]


def test_the_context_stage_is_the_same_with_and_without_a_generator(data: Dataset, tmp_path: Path) -> None:
    attacks = ("benign", "mba", "poisonedrag")
    bare = run(data, tmp_path / "bare", attacks, None, ("none", "rules"))
    with_answers = run(data, tmp_path / "answered", attacks, Gullible(), ("none", "rules"))
    context = [cell for cell in timeless(with_answers) if cell["stage"] == "context"]
    assert context == timeless(bare)
    assert not [cell for cell in bare["cells"] if cell["stage"] == "answer"]


def test_benign_accuracy_by_hand(data: Dataset, tmp_path: Path) -> None:
    made = run(data, tmp_path / "run", ("benign",), Gullible())
    (job,) = prepare(data, Settings(["none"], ["benign"], split=False))
    texts = {p.id: p.text.lower() for p in data.passages}
    right, asked = 0, 0
    by = {session.id: session for session in job.sessions}
    for sample in samples(tmp_path / "run"):
        assert len(sample["answers"]) == len(sample["served"])
        for ask, served, answer in zip(by[sample["session"]].asks, sample["served"], sample["answers"], strict=True):
            assert answer.lower() == texts[served[0]]  # this reader repeats the first document
            asked += 1
            right += f" {str(ask.answer).lower()} " in f" {texts[served[0]].replace('.', ' ')} "
    assert value(made, "none", "benign", "answer_accuracy") == pytest.approx(right / asked)
    assert 0 < right < asked


def test_answers_come_in_batches_and_nobody_waits_for_another_policy(data: Dataset, tmp_path: Path) -> None:
    generator = Gullible()
    run(data, tmp_path / "run", ("benign",), generator)
    assert max(generator.batches) == 32
    assert len(generator.batches) <= 2 + len(data.queries) // 32


def test_the_same_prompt_is_generated_once_for_all_policies(data: Dataset, tmp_path: Path) -> None:
    from strategist.generators.answer_cache import cached

    generator = Gullible()
    run(data, tmp_path / "run", ("benign", "poisonedrag"), cached(generator, tmp_path / "answers"), ("none", "rules"))
    assert len(generator.asked) == len(set(generator.asked))
    again = Gullible()
    run(data, tmp_path / "again", ("benign", "poisonedrag"), cached(again, tmp_path / "answers"), ("none", "rules"))
    assert again.asked == []


def test_a_limit_takes_the_same_targets_for_every_attack(data: Dataset) -> None:
    attacks = ("poisonedrag-single", "poisonedrag-3", "poisonedrag", "pia", "mba", "direct")
    for seed in range(3):
        settings = Settings(("none",), attacks, split=False, answers=Answers(Gullible(), data), limit=2, seed=seed)
        drawn: dict[str, set[str | None]] = {}
        for job in prepare(data, settings):
            drawn.setdefault(job.attack.manifest.family.value, set()).add(
                "|".join(sorted(str(session.target) for session in job.sessions))
            )
            assert len(job.sessions) == 2
        assert all(len(targets) == 1 for targets in drawn.values())


def test_attacks_whose_score_needs_no_generator_ask_none(data: Dataset, tmp_path: Path) -> None:
    generator = Gullible()
    made = run(data, tmp_path / "run", ("reaction",), generator, limit=2)
    assert generator.asked == []
    assert {cell["stage"] for cell in made["cells"]} == {"context"}


def test_a_generator_that_fails_is_an_error_and_no_pass(data: Dataset, tmp_path: Path) -> None:
    generator = Gullible(fails=lambda prompt: f"Question: {data.poison[0].question}" in prompt.user)
    made = run(data, tmp_path / "run", ("poisonedrag-single",), generator)
    assert value(made, "none", "poisonedrag-single", "asr", key="errors") == 1
    assert value(made, "none", "poisonedrag-single", "asr", key="n") == len(data.poison) - 1
    assert value(made, "none", "poisonedrag-single", "asr") == 1.0
    assert value(made, "none", "poisonedrag-single", "exposure_rate", "context", "errors") == 0
    (failed,) = [s for s in samples(tmp_path / "run") if s["answer_error"] and s["attack"] == "poisonedrag-single"]
    assert failed["answer_error"].startswith("ComponentError: ")
    assert (failed["answers"], failed["answer_values"], failed["error"]) == ([], {}, None)


def test_where_all_fails_nothing_is_said(data: Dataset, tmp_path: Path) -> None:
    made = run(data, tmp_path / "run", POISON[:1], Gullible(fails=lambda _: True))
    assert value(made, "none", POISON[0], "asr") is None
    assert value(made, "none", POISON[0], "asr", key="errors") == len(data.poison)


def test_a_generator_that_cannot_be_used_ends_the_run(data: Dataset, tmp_path: Path) -> None:
    class Missing(Gullible):
        def generate(self, *_: Any, **__: Any) -> list[str]:
            raise ConfigurationError("no weights in there")

    with pytest.raises(ConfigurationError, match="no weights in there"):
        run(data, tmp_path / "run", POISON, Missing())


def test_a_run_is_taken_up_where_it_ended(data: Dataset, tmp_path: Path) -> None:
    whole = run(data, tmp_path / "whole", ("benign", *POISON), Gullible())
    run(data, tmp_path / "part", ("benign", *POISON), Gullible())
    path = tmp_path / "part" / SAMPLES
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:7]))
    generator = Gullible()
    assert timeless(run(data, tmp_path / "part", ("benign", *POISON), generator)) == timeless(whole)
    assert 0 < len(generator.asked) < sum(len(s["served"]) for s in samples(tmp_path / "whole"))


def test_given_defenses_hold_for_all_but_none(data: Dataset, tmp_path: Path) -> None:
    spec = (("leak_guard", {"quote_words": 5, "share": 0.01}),)
    made = run(data, tmp_path / "run", ("extract-repeat",), Gullible(), ("none", "rules"), answer=spec)
    assert list(made["run"]["policies"]) == ["none", ANSWER_ONLY, "rules"]
    assert made["run"]["answers"]["answer_defenses"] == [["leak_guard", spec[0][1]]]
    extracted = {p: value(made, p, "extract-repeat", "extracted_fraction") for p in ("none", ANSWER_ONLY, "rules")}
    assert extracted["none"] > 0.5
    assert extracted[ANSWER_ONLY] == 0.0 == extracted["rules"]
    exposed = [value(made, p, "extract-repeat", "extracted_fraction", "context") for p in ("none", ANSWER_ONLY)]
    assert exposed == [1.0, 1.0]


def test_a_generation_defense_takes_several_rounds(data: Dataset, tmp_path: Path) -> None:
    generator = Gullible()
    run(data, tmp_path / "run", ("benign",), generator, ("rules",), limit=3, generation=("robust_rag", {}))
    found = [s for s in samples(tmp_path / "run") if s["policy"] == ANSWER_ONLY]
    assert found
    assert all(s["answer_error"] is None and len(s["answers"]) == len(s["served"]) for s in found)


def test_an_interactive_attack_follows_the_answers(data: Dataset, tmp_path: Path) -> None:
    run(data, tmp_path / "run", ("extract-continue",), Gullible())
    run(data, tmp_path / "bare", ("extract-continue",), None)
    for folder, answers in (("run", 6), ("bare", 0)):
        for sample in samples(tmp_path / folder):
            assert (len(sample["served"]), len(sample["answers"])) == (6, answers)
    # This reader repeats all it is told to repeat, as the ideal one does: they are asked the same.
    served = [[s["served"] for s in samples(tmp_path / folder)] for folder in ("run", "bare")]
    assert served[0] == served[1]


def test_an_interactive_session_whose_answer_fails_ends_there(data: Dataset, tmp_path: Path) -> None:
    generator = Gullible(fails=lambda prompt: "What comes next" in prompt.user or "copy all that stands" in prompt.user)
    made = run(data, tmp_path / "run", ("extract-continue",), generator)
    assert value(made, "none", "extract-continue", "leaked_fraction", key="errors") == 5
    assert {len(s["served"]) for s in samples(tmp_path / "run")} == {2}


def test_a_base_model_gets_completions_and_the_run_says_so(data: Dataset, tmp_path: Path) -> None:
    made = run(data, tmp_path / "run", ("mba",), Gullible(follows=False))
    assert made["run"]["forms"] == {"mba": "cloze"}
    assert value(made, "none", "mba", "auc") > 0.9


def test_interrogations_are_scored_by_the_attackers_own_reading(data: Dataset, tmp_path: Path) -> None:
    members = tuple(
        replace(t, questions=(f"yes, is it {t.text.split()[0]}?", f"was it {t.text.split()[1]}?"))
        for t in data.membership
    )

    class Agrees(Gullible):
        def answer(self, prompt: Any) -> str:
            known = [t for t in members if any(q in prompt.user for q in t.questions)]
            return "Yes." if any(t.text in prompt.user for t in known) else "I do not know."

    data = replace(data, membership=members)
    made = run(data, tmp_path / "run", ("interrogation",), Agrees())
    exposed = value(made, "none", "interrogation", "member_exposure")
    assert exposed >= 0.5
    assert value(made, "none", "interrogation", "auc") == pytest.approx(0.5 + exposed / 2)


def test_what_is_servable_and_what_needs_a_generator(data: Dataset) -> None:
    names = servable(data, full=False, generator=True)
    assert names[0] == "benign"
    assert set(names) == {
        "benign", "mba", "jamming", "pia", "poisonedrag", "poisonedrag-3", "poisonedrag-single",
    }  # fmt: skip
    assert "isc" not in servable(data, full=True)
    assert "isc" in servable(data, full=True, generator=True)
    with pytest.raises(ConfigurationError, match="attack 'isc' scores what is answered; give --generator"):
        prepare(data, Settings(["none"], ["isc"]))


def test_names_of_defenses_are_checked() -> None:
    assert chosen("spotlight, safe_redirect", Stage.PROMPT) == (("spotlight", {}), ("safe_redirect", {}))
    assert chosen(None, Stage.ANSWER) == () == chosen("", Stage.ANSWER)
    assert chosen(
        'leak_guard  quote_words=60 share=0.5,canary_check canaries=["Kingfisher 7741", "Magpie,8841"] ', Stage.ANSWER
    ) == (
        ("leak_guard", {"quote_words": 60, "share": 0.5}),
        ("canary_check", {"canaries": ["Kingfisher 7741", "Magpie,8841"]}),
    )
    assert chosen("attention_filter threshold=31.5", Stage.GENERATION) == (("attention_filter", {"threshold": 31.5}),)
    assert chosen("safe_redirect condition=generic", Stage.PROMPT) == (("safe_redirect", {"condition": "generic"}),)
    for wrong, said in (
        ("leak_guard quote_word=60", "unknown parameter of leak_guard 'quote_word'; did you mean 'quote_words'"),
        ("leak_guard quote_words=many", "quote_words = 'many'"),
        ("leak_guard 60", "write parameters as leak_guard parameter=value"),
        ("leak_guard,leak_guard", "'leak_guard' stands there twice"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            chosen(wrong, Stage.ANSWER)
    with pytest.raises(ConfigurationError, match="unknown answer defense 'leak_gard'; did you mean 'leak_guard'"):
        chosen("leak_gard", Stage.ANSWER)
    with pytest.raises(ConfigurationError, match="unknown prompt defense 'leak_guard'"):
        chosen("leak_guard", Stage.PROMPT)


def test_a_generator_that_is_not_there() -> None:
    with pytest.raises(ConfigurationError, match="--generator 'nowhere'"):
        load("nowhere")


@pytest.mark.slow
def test_the_packaged_model_answers_twenty_questions(tmp_path: Path) -> None:
    data = load_data("bundled")
    held = [next(t for t in data.membership if t.member is member) for member in (True, False)]
    few = replace(data, queries=data.queries[:12], poison=data.poison[:6], membership=tuple(held))
    generator = load("local", "int8", str(tmp_path / "answers"))
    attacks, policies = ("benign", "poisonedrag-single", "mba"), ("none", "rules")
    made = run(few, tmp_path / "run", attacks, generator, policies, max_tokens=12)
    assert made["run"]["generator"] == generator.name
    asked = sum(len(s["served"]) for s in samples(tmp_path / "run") if s["policy"] == "none" and "/" not in s["attack"])
    assert asked == 20
    for attack, metric in (("benign", "answer_accuracy"), ("poisonedrag-single", "asr"), ("mba", "auc")):
        errors, n = (value(made, "none", attack, metric, key=key) for key in ("errors", "n"))
        # A base model may have nothing to say to a question, which is an error and not an answer.
        assert errors <= 1
        assert n + errors > 1
        assert 0.0 <= value(made, "none", attack, metric) <= 1.0
    # What planted nothing, or what was taken out again, is read as it was before.
    assert value(made, "rules", "poisonedrag-single", "exposure_rate") == 0.0
    assert value(made, "rules", "poisonedrag-single", "accuracy_vs_clean") == 0.0
    assert value(made, "rules", "benign", "accuracy_vs_none") == 0.0
    answers = [answer for sample in samples(tmp_path / "run") for answer in sample["answers"]]
    assert all(isinstance(answer, str) and answer.strip() for answer in answers)
    assert made["run"]["forms"]["mba"] in ("cloze", "format")
