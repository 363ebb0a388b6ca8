"""From what a user asks of `sentinel-bench run` to what is measured; what is wrong with it is said before any work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings

from benchmarks import runner
from benchmarks.answering import NO_GENERATOR, Answers, Report, chosen, load
from benchmarks.artefacts import AUTO, SHIPPED
from benchmarks.attacks import ATTACKS
from benchmarks.data import Dataset
from benchmarks.metrics import METRICS
from benchmarks.oracle import NAME as ORACLE
from benchmarks.own_targets import attacked_data
from benchmarks.summary import REFERENCE
from defenses import build
from sentinel.errors import ConfigurationError, unknown_name
from sentinel.manifest import Cost, Stage
from strategist import build_policy, embeddings
from strategist._private_answers import check_private
from strategist.calibration import Calibration
from strategist.policies import POLICIES, Policy

LLM = "llm"


@dataclass(frozen=True)
class Options:
    """What the command line says; see there."""

    data: str
    policies: str
    attacks: str | None = None
    full: bool = False
    metrics: str | None = None
    embeddings: str | None = None
    generator: str = NO_GENERATOR
    dtype: str | None = None
    prompt_defenses: str | None = None
    generation: str | None = None
    answer_defenses: str | None = None
    max_tokens: int = 48
    controller: str | None = None
    calibration: str = AUTO
    limit: int | None = None
    k: int = 5
    seed: int = 0


@dataclass(frozen=True)
class RunPlan:
    """What is measured.

    Attributes:
        data: The data set.
        settings: Policies, attacks, and who answers.
        model: Embeds passages and queries.
        config: Whatever changes a figure, and how it was asked for.
    """

    data: Dataset
    settings: runner.Settings
    model: Embeddings
    config: dict[str, Any]


def names(text: str, kind: str, known: Iterable[str]) -> list[str]:
    """The names in a comma-separated list.

    Raises:
        ConfigurationError: One is unknown, or there is none.
    """
    known = list(known)
    found = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in found:
        if name not in known:
            raise unknown_name(kind, name, known)
    if not found:
        raise unknown_name(kind, text, known)
    return found


def plan(options: Options, report: Report = lambda *_: None) -> RunPlan:
    """Resolve what a user asks for.

    Args:
        options: The command line.
        report: Told of progress while the run is made.

    Raises:
        ConfigurationError: Something is unknown or impossible.
        DataError: The data set is wrong, or lacks what an attack needs.
    """
    policies = names(options.policies, "policy", [*POLICIES.names(), ORACLE])
    wanted = names(options.attacks, "attack", ATTACKS.names()) if options.attacks else None
    measured = names(options.metrics, "metric", METRICS.names()) if options.metrics else None
    runner.check_k(options.k)
    made = options.calibration in (AUTO, SHIPPED)
    if not made and not Path(options.calibration).is_file():
        raise ConfigurationError(
            f"--calibration {options.calibration!r}: give auto, shipped or the path of a calibration.json"
        )
    planners = _planners(policies, options.controller)
    half = _answer_half(options)
    model = embeddings.load_embeddings(options.embeddings)
    answering = half is not None
    data = attacked_data(options.data, model, options.seed, options.k, answered=answering, report=report)
    answers = None if half is None else Answers(data=data, report=report, **half)
    settings = runner.Settings(
        policies=planners,
        attacks=wanted or runner.servable(data, full=options.full, generator=answers is not None),
        k=options.k,
        seed=options.seed,
        limit=options.limit,
        split=options.calibration == AUTO,
        metrics=measured,
        answers=answers,
    )
    runner.prepare(data, settings)
    if answers is not None and answers.generation is not None:
        _check_private(answers, policies)
    source = options.calibration if made else Calibration.load(Path(options.calibration)).hash
    generator = NO_GENERATOR if answers is None else answers.generator.name
    config = runner.config(data, settings, embeddings.fingerprint(model), generator, source)
    asked = {"data": options.data, "embeddings": options.embeddings}
    if options.controller:
        asked["controller"] = options.controller
    if answers is not None:
        asked |= {key: getattr(options, key) for key in ("generator", *_HALF)}
    return RunPlan(data, settings, model, {**config, "command": asked})


def _planners(policies: Iterable[str], controller: str | None) -> list[str | Policy]:
    """The policies, with the model that plans for `llm` in its place."""
    named = list(policies)
    if (LLM in named) != (controller is not None):
        raise ConfigurationError(
            f"policy {LLM} needs --controller: local, a folder, a .gguf file, a hub id, or provider:model"
            if controller is None
            else f"--controller plans for policy {LLM}; add it to --policies"
        )
    # As long as it takes: a slow machine changes what a plan costs, not what it is.
    asked = {"model": controller, "timeout_s": 600.0, "parallel": 1}
    return [build_policy(name, asked) if name == LLM else name for name in named]


def _check_private(answers: Answers, policies: Iterable[str]) -> None:
    """Refuse a policy beside which a generation defense promises nothing, before anything is measured."""
    asking, *others = (build(*spec) for spec in (answers.generation, *answers.prompt, *answers.answer) if spec)
    for name in policies:
        if name not in (ORACLE, REFERENCE) and POLICIES.get(name).manifest.cost is not Cost.MODEL_CALL:
            check_private(asking, others, others, build_policy(name))


_HALF = ("prompt_defenses", "generation", "answer_defenses", "dtype")


def _answer_half(options: Options) -> dict[str, Any] | None:
    """What `Answers` is made with; None where nobody answers."""
    prompt = chosen(options.prompt_defenses, Stage.PROMPT)
    generation = chosen(options.generation, Stage.GENERATION)
    answer = chosen(options.answer_defenses, Stage.ANSWER)
    if len(generation) > 1:
        raise ConfigurationError(f"--generation {options.generation!r}: give one")
    if options.generator == NO_GENERATOR:
        for option in _HALF:
            if getattr(options, option):
                raise ConfigurationError(f"--{option.replace('_', '-')} is about answers; give --generator")
        return None
    return {
        "generator": load(options.generator, options.dtype),
        "prompt": prompt,
        "generation": generation[0] if generation else None,
        "answer": answer,
        "max_tokens": options.max_tokens,
    }
