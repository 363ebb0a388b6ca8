"""`sentinel-bench attention`: the threshold of `attention_filter` for a model and a corpus, from clean questions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from langchain_core.embeddings import Embeddings

from benchmarks.attacks import rng
from benchmarks.attacks.benign import Benign
from benchmarks.data import Dataset
from benchmarks.frozen import frozen_vectors
from benchmarks.splits import split
from benchmarks.world import KnownEmbeddings, build_world
from defenses import AttentiveGenerator, Generator
from defenses.generation.attention_filter import PUBLISHED_THRESHOLD, calibrated_threshold
from sentinel.errors import ConfigurationError, DataError
from strategist.embeddings import fingerprint
from strategist.rag_prompt import RagTemplate

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A calibrated threshold and what it rests on.

    Attributes:
        value: Variance of the documents' scores, for `attention_filter`'s `threshold`.
        quantile: The share of clean prompts that is to pass.
        prompts: How many clean prompts were read.
        k: Documents in each.
        generator: Whose attention it is.
    """

    value: float
    quantile: float
    prompts: int
    k: int
    generator: str

    def told(self) -> list[str]:
        """What to do with it, and what it does not say, a sentence a line."""
        shown = math.ceil(self.value * 10) / 10  # never below what was found
        return [
            f"threshold {shown:.1f} for {self.generator} over {self.k} documents, from {self.prompts} clean prompts: a "
            f"further one exceeds it with a probability of at most {1 - self.quantile:.2f}",
            f"use it as: --generation 'attention_filter threshold={shown:.1f}' (the published one, for other models "
            f"and ten passages, is {PUBLISHED_THRESHOLD})",
        ]


def threshold(
    generator: Generator,
    data: Dataset,
    model: Embeddings,
    *,
    quantile: float = 0.95,
    k: int = 5,
    limit: int = 40,
    seed: int = 0,
    report: Report = lambda *_: None,
) -> Threshold:
    """Calibrate the filter on questions of the fit part, retrieved without any defense from the corpus as it is.

    Args:
        generator: Whose attention is read.
        data: Questions and documents; a corpus that is poisoned already teaches the filter to let poison pass.
        model: Embeds passages and questions.
        quantile: The share of clean prompts that is to pass.
        k: Documents served.
        limit: At most this many questions.
        seed: Of the split, and of the questions.
        report: Told of progress.

    Raises:
        ConfigurationError: The generator's attention cannot be read, or a number is out of range.
        DataError: Too few questions for the quantile.
    """
    if not isinstance(generator, AttentiveGenerator):
        raise ConfigurationError(f"generator {generator.name}: its attention cannot be read; give a transformers model")
    sessions = Benign().sessions(data, seed)
    parts = split(sessions, seed, Benign.manifest.name)
    queries = [ask.query for session in sessions if parts[session.id] == "fit" for ask in session.asks]
    chosen = rng(seed, "attention").sample(queries, min(limit, len(queries)))
    texts = [passage.text for passage in data.passages]
    known = KnownEmbeddings(
        model,
        texts,
        chosen,
        frozen_vectors(data, fingerprint(model)),
        lambda done, total: report("embedding", done, total),
    )
    retriever = build_world(data, (), known, seed).store.as_retriever(search_kwargs={"k": k})
    template = RagTemplate()
    prompts = [
        template.write(query, [document.page_content for document in retriever.invoke(query)]) for query in chosen
    ]
    report("attention", 0, len(prompts))
    try:
        found = calibrated_threshold(generator, prompts, quantile)
    except DataError as error:
        raise DataError(f"{data.name}: {error}") from None
    report("attention", len(prompts), len(prompts))
    return Threshold(found, quantile, len(prompts), k, generator.name)
