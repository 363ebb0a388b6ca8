"""What `sentinel-bench perf` times: retrieval, or with a generator the answer's half."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rich.console import Console

from benchmarks import perf, perf_answers
from benchmarks.run_plan import names
from sentinel.errors import ConfigurationError
from strategist.embeddings import load_embeddings
from strategist.generators import load_generator

Report = Callable[[str, int, int], None]


class Timed(NamedTuple):
    """Figures, how they are shown, and the file that they are kept in."""

    result: dict[str, Any]
    render: Callable[[dict[str, Any], Console], None]
    file: str


def perf_command(
    subjects: str | None,
    docs: str,
    full: bool,
    requests: int,
    generator: str | None,
    dtype: str | None,
    answers: int,
    embeddings: str | None,
    seed: int,
    report: Report = lambda *_: None,
) -> Timed:
    """Time what the flags say.

    Raises:
        ConfigurationError: A subject, a size, the model or the generator is none.
    """
    known = perf.SUBJECTS if generator is None else perf_answers.subjects()
    chosen = names(subjects, "subject", known) if subjects else known
    sizes = perf.sizes(docs, full)
    model = load_embeddings(embeddings)
    if generator is None:
        if dtype is not None:
            raise ConfigurationError("--dtype is about answers; give --generator")
        return Timed(perf.measure(model, chosen, sizes, requests, seed, report), perf.render, "perf.json")
    # Not `cached`: an answer that is remembered takes no time.
    options = {} if dtype is None else {"dtype": dtype}
    found = perf_answers.measure(load_generator(generator, **options), model, chosen, answers, seed, report)
    return Timed(found, perf_answers.render, "perf-answers.json")
