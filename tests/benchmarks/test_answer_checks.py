"""The measurement as a whole: deterministic, within limits, and able to show a guard that is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.answer_checks import LEAKS, Checks, check_answers, percentiles, subjects
from benchmarks.answer_checks_chain import CHUNKS
from benchmarks.answer_checks_made import BENIGN, CONTINUED, FORMS
from benchmarks.data import Dataset, load
from defenses import DEFENSES, Checked, Draft, Resources
from defenses.answer.leak_guard import LeakGuard
from sentinel.errors import ComponentError, ConfigurationError
from sentinel.manifest import Stage
from sentinel.vocabulary import Request
from tests.benchmarks.datasets import BagOfWords, files, gold, write

pytestmark = pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")

FEW = (FORMS[0], FORMS[1], FORMS[-1])


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("benchmarks.statistics.RESAMPLES", 25)
    monkeypatch.setattr("benchmarks.answer_checks.STREAMED", 1)
    monkeypatch.setattr("benchmarks.answer_checks.COUNTED", 1)
    monkeypatch.setattr("benchmarks.answer_checks.FORMS", FEW)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return load(write(tmp_path / "data", files(20, 10, 3, 3), gold(10, 20)))


def figures(checks: Checks) -> dict[str, object]:
    return {key: value for key, value in vars(checks).items() if key not in ("milliseconds", "dumped")}


def test_every_answer_defense_is_measured() -> None:
    names = {name for name in DEFENSES.names() if DEFENSES.get(name).manifest.stage is Stage.ANSWER}
    assert set(subjects()) == names | set(LEAKS)


@pytest.mark.slow
def test_all_figures_are_there_and_the_same_again(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.answer_checks.FORMS", FORMS)
    checks = check_answers(data, BagOfWords(), 4, 7)
    assert checks.questions == 4
    assert set(checks.benign) == set(subjects())
    for found in checks.benign.values():
        assert set(found) == set(BENIGN)
        assert found["right answer"] == (0.0, 4, 0.0, found["right answer"].ci_high)
    assert all(
        len(spent) == sum(e.n for e in checks.benign[name].values()) for name, spent in checks.milliseconds.items()
    )
    assert list(checks.rest) == [*(form.name for form in FORMS), CONTINUED]
    assert all(checks.bare[form.name].value == pytest.approx(1.0) for form in FORMS)
    for form in FORMS:
        for rest in checks.rest[form.name].values():
            assert rest.left.n == rest.answers.n == 4
            assert (rest.beyond.value or 0.0) <= (rest.left.value or 0.0)
        if form.claimed:
            assert {rest.left.n for rest in checks.streamed[form.name].values()} == {1}
    assert {row.guard.split()[0] for row in checks.rows} == {n.split()[0] for n in subjects()} - {"leak_guard"}
    assert all(row.whole.value == 1.0 for row in checks.rows if row.guard == "canary_check" and row.wanted == "caught")
    assert all(estimate.value == 0.0 and estimate.n > 50 for estimate in checks.differing.values())
    assert set(checks.differing) == set(CHUNKS)
    assert checks.prompts["trustrag_conflict"] == (3, 3)
    assert checks.prompts["sdag"] is None
    assert figures(check_answers(data, BagOfWords(), 4, 7)) == figures(checks)


def test_lower_limits_leave_less(data: Dataset) -> None:
    rest = check_answers(data, BagOfWords(), 3, 0, guards=LEAKS).rest["word for word"]
    left = [rest[label].left.value or 0.0 for label in LEAKS]
    assert left == sorted(left, reverse=True)
    assert left[0] > left[-1] > 0.0


def test_a_broken_guard_shows(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = check_answers(data, BagOfWords(), 3, 0, guards=["leak_guard quote_words=25"])
    monkeypatch.setattr(LeakGuard, "check", lambda self, draft, request, resources: Checked(draft.text))
    broken = check_answers(data, BagOfWords(), 3, 0, guards=["leak_guard quote_words=25"])
    label = "leak_guard quote_words=25"
    assert broken.rest["word for word"][label].left.value == pytest.approx(1.0)
    assert broken.rest["word for word"][label].answers.value == 1.0
    assert (broken.rest["upper case"][label].beyond.value or 0.0) > 0.5
    assert sound.rest["word for word"][label].beyond.value == 0.0
    assert broken.benign[label]["two in a row"].value == 0.0


def test_a_stream_that_lets_out_too_much_ends_the_measurement(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    check = LeakGuard.check

    def careless(self: LeakGuard, draft: Draft, request: Request, resources: Resources) -> Checked:
        return check(self, draft, request, resources) if draft.final else Checked(draft.text)

    monkeypatch.setattr(LeakGuard, "check", careless)
    with pytest.raises(ComponentError, match="given away"):
        check_answers(data, BagOfWords(), 1, 0, guards=["leak_guard quote_words=25"])


def test_other_data_and_mistakes(data: Dataset) -> None:
    few = check_answers(data, BagOfWords(), 2, 0, guards=["personal_data"])
    assert not few.rest
    assert {row.guard for row in few.rows} == {"personal_data"}
    object.__setattr__(data, "membership", ())
    none = check_answers(data, BagOfWords(), 2, 0, guards=["neutral_phrasing"])
    assert "answers a membership probe" not in {row.kind for row in none.rows}
    with pytest.raises(ConfigurationError, match="quote_words"):
        check_answers(data, BagOfWords(), 2, 0, guards=["leak_guard quote_words=1"])


def test_percentiles() -> None:
    assert percentiles([]) is None
    assert percentiles(range(101)) == (50.0, 95.0)
