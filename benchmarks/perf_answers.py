"""`sentinel-bench perf --generator`: what each defense of the answer's half adds to the time of an answer.

Every defense answers the same questions over the same documents as the plain chain, in turns, so that a change of the
machine's speed meets all of them alike. What is timed is the answer's half (writing the prompt, generating, checking),
not retrieval. No answer is remembered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.asking import PATIENT
from benchmarks.attacks import rng
from benchmarks.data import Dataset, load
from benchmarks.frozen import passage_vectors
from benchmarks.statistics import ratio
from defenses import DEFENSES, Generator, Resources, SeededRandomSource
from sentinel._files import one_line
from sentinel.errors import ComponentError, ConfigurationError, DataError
from sentinel.manifest import Stage
from strategist import DefendedRAG, DefendedRetriever
from strategist.decision import Decision
from strategist.stores.faiss import FaissStore

PLAIN = "plain"
TIMED = {Stage.PROMPT: "prompt_defenses", Stage.GENERATION: "generation", Stage.ANSWER: "answer_defenses"}
"""What is timed, and where `DefendedRAG` takes it."""
LAPS = ("prompt", "generate", "check")
K = 5
_FIGURES = {"prompts", "p50_ms", "p95_ms", "ratio"}
MAX_TOKENS = 48
"""The longest answer, as in the benchmark's answer stage."""

Report = Callable[[str, int, int], None]


def subjects() -> list[str]:
    """The plain chain and every defense of the answer's half."""
    names = [name for stage in TIMED for name in DEFENSES.names() if DEFENSES.get(name).manifest.stage is stage]
    return [PLAIN, *names]


def measure(
    generator: Generator,
    model: Embeddings,
    names: Sequence[str],
    answers: int,
    seed: int,
    report: Report = lambda *_: None,
    data: Dataset | None = None,
) -> dict[str, Any]:
    """Time every defense against the plain chain.

    Args:
        generator: What answers; nothing in it may remember answers.
        model: Embeds passages and questions.
        names: Of `subjects`; the plain chain is always timed.
        answers: Questions that each answers; one more beforehand is not timed.
        seed: Of the questions and of randomised defenses.
        report: Told of progress.
        data: Questions and documents; None for the bundled ones.

    Returns:
        What `perf-answers.json` holds: for each defense its prompts an answer, quantiles in milliseconds, and the ratio
        of all its time to the plain chain's with a bootstrap interval over questions. A defense that this generator
        cannot serve has the reason instead.

    Raises:
        ComponentError: A defense or the generator failed: no figure may hide that.
    """
    data = load("bundled") if data is None else data
    names = [PLAIN, *(name for name in dict.fromkeys(names) if name != PLAIN)]
    retriever = DefendedRetriever.wrap(
        _store(data, model).as_retriever(search_kwargs={"k": K}),
        policy="none",
        k=K,
        resilience=PATIENT,
        resources=Resources(random=SeededRandomSource(seed)),
    )
    told: list[Decision] = []
    chains: dict[str, DefendedRAG] = {}
    barred: dict[str, str] = {}
    for name in names:
        try:
            chains[name] = _chain(name, retriever, generator, told.append)
        except ConfigurationError as error:
            barred[name] = str(error)
    asked = rng(seed, "perf answers").sample(data.queries, min(answers + 1, len(data.queries)))
    spent: dict[str, list[float]] = {name: [] for name in chains}
    prompts: dict[str, list[int]] = {name: [] for name in chains}
    order = list(chains)
    for i, query in enumerate(asked):
        for turn in range(len(order)):
            name = order[(i + turn) % len(order)]
            report(f"{name}: answers", i * len(order) + turn, len(asked) * len(order))
            milliseconds, calls = _answered(chains[name], query.text, f"client-{i}", told)
            if i:  # the first warms up: a model on disk loads at its first answer
                spent[name].append(milliseconds)
                prompts[name].append(calls)
    rows = [
        _row(name, spent, prompts) if name in chains else {"defense": name, "reason": barred[name]} for name in names
    ]
    return {
        "schema": 1,
        "generator": generator.name,
        "answers": len(asked) - 1,
        "k": K,
        "max_tokens": MAX_TOKENS,
        "seed": seed,
        "rows": rows,
    }


def read(path: Path) -> dict[str, Any]:
    """The figures of an earlier measurement, as `sentinel-bench perf --generator ... --out FOLDER` keeps them.

    Raises:
        DataError: There is no such file, or it holds something else.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        unknown = [row["defense"] for row in found["rows"] if row["defense"] not in subjects()]
        whole = all("reason" in row or row.keys() >= _FIGURES for row in found["rows"])
        if found["schema"] != 1 or unknown or not whole:
            raise DataError(f"{path}: made by another version of this package")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: no figures of perf --generator ({one_line(error)})") from None
    return found


def _store(data: Dataset, model: Embeddings) -> FaissStore:
    store = FaissStore(model)
    store.add_vectors([Document(id=p.id, page_content=p.text) for p in data.passages], passage_vectors(data, model))
    return store


def _chain(
    name: str, retriever: DefendedRetriever, generator: Generator, sink: Callable[[Decision], None]
) -> DefendedRAG:
    given: dict[str, Any] = {}
    if name != PLAIN:
        stage = DEFENSES.get(name).manifest.stage
        given = {TIMED[stage]: name if stage is Stage.GENERATION else [name]}
    return DefendedRAG(retriever=retriever, generator=generator, max_tokens=MAX_TOKENS, sinks=[sink], **given)


def _answered(chain: DefendedRAG, query: str, client: str, told: list[Decision]) -> tuple[float, int]:
    """Milliseconds of the answer's half, and prompts."""
    told.clear()
    chain.invoke(query, {"configurable": {"client_id": client}})
    (decision,) = told
    if decision.errors:
        raise ComponentError(*next(iter(decision.errors.items())))
    assert decision.answer is not None
    return sum(decision.milliseconds.get(lap, 0.0) for lap in LAPS), decision.answer.calls


def _row(name: str, spent: dict[str, list[float]], prompts: dict[str, list[int]]) -> dict[str, Any]:
    mine, plain = spent[name], spent[PLAIN]
    return {
        "defense": name,
        "prompts": [min(prompts[name]), max(prompts[name])],
        "p50_ms": float(np.percentile(mine, 50)),
        "p95_ms": float(np.percentile(mine, 95)),
        "ratio": ratio(mine, plain)._asdict(),
    }


def render(result: dict[str, Any], console: Console) -> None:
    """Print one row for each defense."""
    title = f"{result['generator']}, {result['answers']} answers each, {result['k']} documents"
    table = Table(box=box.SIMPLE_HEAD, title=Text(title), title_justify="left", padding=(0, 1, 0, 0))
    table.add_column("")
    for name in ("prompts", "p50 s", "p95 s", "/ plain", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    barred = []
    for row in result["rows"]:
        if "reason" in row:
            barred.append(f"{row['defense']}: {row['reason']}")
            continue
        least, most = row["prompts"]
        found = row["ratio"]
        table.add_row(
            row["defense"],
            str(least) if least == most else f"{least}-{most}",
            *(f"{row[metric] / 1e3:.2f}" for metric in ("p50_ms", "p95_ms")),
            f"{found['value']:.2f}",
            f"{found['ci_low']:.2f}-{found['ci_high']:.2f}",
        )
    console.print(table)
    for reason in barred:
        console.print(Text(f"not timed: {reason}"), soft_wrap=True)
    console.print(
        "[dim]Seconds of the answer's half: prompt, generation, checks; no retrieval.\n"
        "/ plain: all of a defense's time to the plain chain's on the same questions.[/]"
    )
