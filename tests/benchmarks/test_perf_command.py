"""Which of the two `sentinel-bench perf` times, and what it refuses before anything is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import perf_command as module
from benchmarks.perf_command import perf_command
from sentinel.errors import ConfigurationError

TOLD: dict[str, Any] = {"docs": "200", "full": False, "requests": 20, "dtype": None, "answers": 3}
TOLD |= {"embeddings": None, "seed": 7}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What would be measured, with stand-ins for all that takes time."""
    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr(module, "load_embeddings", lambda spec: "model")
    monkeypatch.setattr(module, "load_generator", lambda spec, **given: f"generator {spec} {given}")
    monkeypatch.setattr(module.perf, "measure", lambda *given: found.append(given) or {"what": "retrieval"})
    monkeypatch.setattr(module.perf_answers, "measure", lambda *given: found.append(given) or {"what": "answers"})
    return found


def test_retrieval_unless_a_generator_is_named(asked: list[tuple[Any, ...]]) -> None:
    timed = perf_command(subjects="rules,none", generator=None, **TOLD)
    assert (timed.result, timed.file) == ({"what": "retrieval"}, "perf.json")
    assert asked[0][:5] == ("model", ["rules", "none"], [200], 20, 7)


def test_the_answers_half_with_one(asked: list[tuple[Any, ...]]) -> None:
    timed = perf_command(subjects="sdag,leak_guard", generator="local", **TOLD)
    assert (timed.result, timed.file) == ({"what": "answers"}, "perf-answers.json")
    assert asked[0][:5] == ("generator local {}", "model", ["sdag", "leak_guard"], 3, 7)
    perf_command(subjects=None, generator="local", **TOLD)
    assert asked[1][2] == module.perf_answers.subjects()
    perf_command(subjects="sdag", generator="local", **{**TOLD, "dtype": "int8"})
    assert asked[2][0] == "generator local {'dtype': 'int8'}"


def test_what_answers_are_calculated_in_is_nothing_to_retrieval(asked: list[tuple[Any, ...]]) -> None:
    with pytest.raises(ConfigurationError, match="--dtype is about answers; give --generator"):
        perf_command(subjects="rules", generator=None, **{**TOLD, "dtype": "int8"})
    assert not asked


@pytest.mark.parametrize(("generator", "wrong", "meant"), [(None, "adaptiv", "adaptive"), ("local", "sdga", "sdag")])
def test_a_subject_of_the_other_kind_is_refused(
    asked: list[tuple[Any, ...]], generator: str | None, wrong: str, meant: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"did you mean '{meant}'"):
        perf_command(subjects=wrong, generator=generator, **TOLD)
    with pytest.raises(ConfigurationError, match="unknown subject"):
        perf_command(subjects="sdag" if generator is None else "adaptive", generator=generator, **TOLD)
    assert not asked
