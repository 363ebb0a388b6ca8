"""`sentinel-bench perf`: how long a request takes bare and defended, as ratios within one run.

The corpus is made of the bundled passages' words, shuffled into documents of their length, with random vectors around
the passages' own: timing needs realistic sizes, not realistic answers. The embedding model that embeds each query is
the real one, since it is most of what a bare request costs.

Two states are told apart. *Warm*, which all figures are but those that say otherwise: an untimed request has met the
same candidates a moment ago, so what is remembered of documents is there. *Cold* (`cold_...`): everything that was
remembered of any text is forgotten before each request, so that all its candidates are taken apart anew. The query is
new in both, and so is embedded in both.
"""

from __future__ import annotations

import gc
import os
import platform
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import RunnableConfig
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks._timed import BARE, SUBJECTS, Runner, Senses, senses, subject
from benchmarks.attacks import rng
from benchmarks.attacks.mba import mask
from benchmarks.data import Dataset, load
from benchmarks.frozen import passage_vectors
from sentinel._memory import forget
from sentinel.corpus import CorpusProfile
from sentinel.errors import ConfigurationError
from sentinel.scan import scan
from strategist.embeddings import fingerprint
from strategist.sources import SCANNED
from strategist.stores.faiss import FaissStore

__all__ = ["SUBJECTS", "corpus", "measure", "profiled", "render", "sizes", "traffic"]

K = 5
WARM_UP = 20
COLD = 50
"""Requests of the cold figures at most: each forgets what the others knew."""
CLIENTS = 8
"""Concurrent clients of the throughput figure."""
MIXED_ATTACKS = 0.1
"""Share of membership probes in mixed traffic."""

Report = Callable[[str, int, int], None]


def sizes(text: str, full: bool) -> list[int]:
    """Corpus sizes from a comma-separated list.

    Raises:
        ConfigurationError: Something in it is no whole number of at least 100.
    """
    try:
        found = [int(part.strip().replace("_", "")) for part in text.split(",") if part.strip()]
    except ValueError:
        found = []
    if not found or min(found) < 100:
        raise ConfigurationError(f"--docs {text!r}: give whole numbers of at least 100, comma-separated")
    return sorted({*found, 1_000_000} if full else {*found})


def corpus(data: Dataset, vectors: NDArray[np.float32], size: int, seed: int) -> tuple[list[Document], NDArray[Any]]:
    """Documents and unit vectors, shape (size, d): the bundled ones first, then look-alikes.

    Args:
        data: The bundled data set.
        vectors: Unit vectors of its passages, shape (n, d).
        size: How many documents.
        seed: Of the look-alikes.
    """
    draw, noise = rng(seed, "perf", str(size)), np.random.default_rng([seed, size])
    passages = data.passages[:size]
    texts = [p.text for p in passages]
    vocabulary = [word for text in texts for word in text.split()]
    lengths = [len(text.split()) for text in texts]
    more = size - len(texts)
    texts += [" ".join(draw.choices(vocabulary, k=draw.choice(lengths))) for _ in range(more)]
    near = vectors[noise.integers(0, len(vectors), more)]
    shifted = near + noise.standard_normal(near.shape, dtype=np.float32) * np.float32(0.8 / np.sqrt(vectors.shape[1]))
    rows = np.concatenate([vectors[: len(passages)], shifted]).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return [Document(id=str(i), page_content=text) for i, text in enumerate(texts)], rows


def traffic(data: Dataset, kind: str, requests: int, seed: int) -> list[str]:
    """Distinct queries: benign ones, and in mixed traffic a share of membership probes."""
    draw = rng(seed, "perf", kind)
    benign = [query.text for query in data.queries]
    # A query repeated word for word would be served from a cache: each is made a new one by a harmless suffix.
    queries = [f"{draw.choice(benign)} ({i})" for i in range(requests)]
    if kind == "mixed":
        for i in draw.sample(range(requests), round(MIXED_ATTACKS * requests)):
            shown, _, _ = mask(draw.choice(data.membership).text, draw)
            queries[i] = f"Predict what stands behind each mask. {shown}"
    return queries


def profiled(documents: Sequence[Document], rows: NDArray[np.float32], model: str) -> CorpusProfile:
    """A scan of the corpus, so that every signal has what it needs; of a large one, its first `SCANNED` documents.

    The rest are look-alikes of the same words, and what a signal looks up has one size however much was scanned.
    """
    profile = scan(documents[:SCANNED], rows[:SCANNED], fingerprint=model)
    return replace(profile, documents=len(documents))


def measure(
    model: Embeddings, subjects: Sequence[str], docs: Sequence[int], requests: int, seed: int, report: Report
) -> dict[str, Any]:
    """Time every subject on every corpus.

    Subjects take turns request by request, so that a change of the machine's speed meets all of them alike; each
    sees the same queries in the same order.

    Returns:
        What `perf.json` holds.
    """
    data = load("bundled")
    names = [BARE, *(name for name in subjects if name != BARE)]
    vectors = passage_vectors(data, model)
    cells: list[dict[str, Any]] = []
    rounds = len(docs) * 2 * 2
    done = 0
    for size in docs:
        documents, rows = corpus(data, vectors, size, seed)
        report(f"scanning {size:,}", done, rounds)
        profile = profiled(documents, rows, fingerprint(model)) if any(map(senses, names)) else None
        for index in ("flat", "hnsw"):
            report(f"building {index} of {size:,}", done, rounds)
            store = FaissStore(model, index=index)
            store.add_vectors(documents, rows)
            sinks = {name: Senses() for name in names}
            runners = {name: subject(name, store, K, seed, profile, sinks[name]) for name in names}
            for kind in ("benign", "mixed"):
                report(f"{size:,} documents, {index}, {kind}", done, rounds)
                queries = traffic(data, kind, WARM_UP + requests, seed)
                where = {"docs": size, "index": index, "k": K, "clients": 1, "traffic": kind}
                times, sensed = _turns(runners, sinks, queries)
                cells += _latencies(times, where) + _quantiles(sensed, where, "sense_ms")
                cold = [name for name in names if senses(name)]
                times, sensed = _cold(runners, sinks, cold, queries[:COLD])
                cells += _quantiles(times, where, "cold_ms") + _quantiles(sensed, where, "cold_sense_ms")
                done += 1
                if kind == "benign":
                    cells += _throughput(runners, queries, {**where, "clients": CLIENTS})
            del store, runners
            gc.collect()
    cells.append(
        {"subject": "process", "docs": max(docs), "index": "", "k": K, "clients": 1, "traffic": "", "metric": "rss_mb"}
        | {"value": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)}
    )
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    return {"schema": 1, "requests": requests, "seed": seed, "machine": machine, "cells": cells}


def _config(i: int) -> RunnableConfig:
    return {"configurable": {"client_id": f"client-{i % 50}"}}


def _turns(
    runners: Mapping[str, Runner], sinks: Mapping[str, Senses], queries: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Milliseconds by subject of whole requests and of sensing them, shape (requests,), warm-up left out.

    Each subject's query gets a mark of its own: the store remembers vectors of its last queries, and whoever came
    second would be served from that memory. What is remembered of documents is shared: before anything is timed,
    somebody who senses has asked the same.
    """
    times: dict[str, list[float]] = {name: [] for name in runners}
    sensed: dict[str, list[float]] = {name: [] for name in runners if senses(name)}
    order = list(runners)
    for i, query in enumerate(queries):
        for name in [*sensed][:1]:
            runners[name].invoke(f"{query} warm", _config(i))
        for turn in range(len(order)):
            name = order[(i + turn) % len(order)]
            start = time.perf_counter()
            runners[name].invoke(f"{query} {order.index(name)}", _config(i))
            times[name].append((time.perf_counter() - start) * 1e3)
            if name in sensed:
                sensed[name].append(sinks[name].last)
    return _arrays(times, WARM_UP), _arrays(sensed, WARM_UP)


def _cold(
    runners: Mapping[str, Runner], sinks: Mapping[str, Senses], names: Sequence[str], queries: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """The same for some subjects, with everything forgotten that was remembered of texts before each request."""
    times: dict[str, list[float]] = {name: [] for name in names}
    sensed: dict[str, list[float]] = {name: [] for name in names}
    for i, query in enumerate(queries):
        for number, name in enumerate(names):
            forget()
            start = time.perf_counter()
            runners[name].invoke(f"{query} cold {number}", _config(i))
            times[name].append((time.perf_counter() - start) * 1e3)
            sensed[name].append(sinks[name].last)
    return _arrays(times), _arrays(sensed)


def _arrays(found: Mapping[str, list[float]], first: int = 0) -> dict[str, NDArray[Any]]:
    return {name: np.array(values[first:]) for name, values in found.items()}


def _quantiles(found: Mapping[str, NDArray[Any]], where: Mapping[str, Any], metric: str) -> list[dict[str, Any]]:
    """Median and 95 % quantile by subject; `sense_ms` gives `sense_ms_p50` and `sense_ms_p95`."""
    return [
        {
            "subject": name,
            **where,
            "metric": f"{metric}_p{share}",
            "value": round(float(np.percentile(values, share)), 4),
        }
        for name, values in found.items()
        for share in (50, 95)
    ]


def _latencies(times: Mapping[str, NDArray[Any]], where: Mapping[str, Any]) -> list[dict[str, Any]]:
    cells = []
    for name, found in times.items():
        values = {
            "p50_ms": np.percentile(found, 50),
            "p95_ms": np.percentile(found, 95),
            "ratio_to_bare_p50": np.percentile(found, 50) / np.percentile(times[BARE], 50),
            "ratio_to_bare_p95": np.percentile(found, 95) / np.percentile(times[BARE], 95),
            # Paired by query: what is left when the same query's bare time is taken away.
            "overhead_ms_p50": np.median(found - times[BARE]),
        }
        cells += [{"subject": name, **where, "metric": m, "value": round(float(v), 4)} for m, v in values.items()]
    return cells


def _throughput(
    runners: Mapping[str, Runner], queries: Sequence[str], where: Mapping[str, Any]
) -> list[dict[str, Any]]:
    cells = []
    for number, (name, runner) in enumerate(runners.items()):
        asked = [f"{query} t{number}" for query in queries]
        with ThreadPoolExecutor(CLIENTS) as pool:
            start = time.perf_counter()
            list(pool.map(runner.invoke, asked, map(_config, range(len(asked)))))
            spent = time.perf_counter() - start
        value = round(len(asked) / spent, 2)
        cells.append({"subject": name, **where, "metric": "throughput_qps", "value": value})
    return cells


def render(result: dict[str, Any], console: Console) -> None:
    """Print p50, p95 and ratios, one row for each subject and corpus."""
    rows: dict[tuple[int, str, str, str], dict[str, float]] = {}
    for cell in result["cells"]:
        if cell["subject"] != "process":
            key = (cell["docs"], cell["index"], cell["traffic"], cell["subject"])
            rows.setdefault(key, {})[cell["metric"]] = cell["value"]
    columns = ["p50_ms", "p95_ms", "overhead_ms_p50", "ratio_to_bare_p50"]
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"{result['requests']} requests a figure, k = {K}",
        title_justify="left",
        padding=(0, 1, 0, 0),
    )
    table.add_column("", no_wrap=True)
    # Seven figures in 80 columns: nothing may be cut in a terminal of that width.
    for name in ("p50", "p95", "added", "p50\n/bare", "sense\np50/95", "cold\np50/95", f"{CLIENTS}\nusers"):
        table.add_column(name, justify="right", no_wrap=True)
    last: tuple[int, str, str] | None = None
    for (docs, index, kind, name), found in rows.items():
        if last != (docs, index, kind):
            last = (docs, index, kind)
            table.add_row(f"[bold]{docs:,} {index} {kind}[/]")
        figures = [_short(found[c]) if c in found else "-" for c in columns]
        figures += [_both(found, "sense_ms"), _both(found, "cold_sense_ms")]
        users = found.get("throughput_qps")
        table.add_row(f"  {name}", *figures, "-" if users is None else _short(users))
    console.print(table)
    console.print(
        "[dim]Milliseconds, query embedding included. added: median over queries of what\n"
        "the same query took more than bare. sense: sensing alone, median and 95 %\n"
        f"quantile, documents met before; cold: nothing remembered. {CLIENTS} users: requests\n"
        "per second.[/]"
    )


def _both(found: Mapping[str, float], metric: str) -> str:
    """Median and 95 % quantile of one metric."""
    if f"{metric}_p50" not in found:
        return "-"
    return "/".join(
        f"{value:.1f}" if value < 10 else f"{value:.0f}" for value in (found[f"{metric}_p50"], found[f"{metric}_p95"])
    )


def _short(value: float) -> str:
    """Three digits that matter."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
