"""`sentinel-bench perf`: sizes, corpora and the cells; never how long anything took."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from rich.console import Console

from benchmarks import perf
from benchmarks._timed import FIXED, embedded_anew, senses, subject
from benchmarks.data import load
from benchmarks.perf import corpus, measure, profiled, render, sizes, traffic
from sentinel.errors import ConfigurationError
from strategist.decision import Decision
from strategist.sources import source_for
from strategist.stores.faiss import FaissStore
from tests.benchmarks.datasets import BagOfWords, prose, question

SENSED = {f"{state}{what}_p{share}" for state, what in (("", "sense_ms"), ("cold_", "ms"), ("cold_", "sense_ms"))
          for share in (50, 95)}  # fmt: skip
LATENCIES = {"p50_ms", "p95_ms", "ratio_to_bare_p50", "ratio_to_bare_p95", "overhead_ms_p50"}


@pytest.mark.parametrize(
    ("text", "full", "found"),
    [("1000,100000", False, [1000, 100_000]), ("200, 100,200,", False, [100, 200]), ("1_000", True, [1000, 1_000_000])],
)
def test_sizes(text: str, full: bool, found: list[int]) -> None:
    assert sizes(text, full) == found


@pytest.mark.parametrize("text", ["", ",", "many", "1e3", "1000,x", "99", "-1000", "1.5", "0"])
def test_sizes_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--docs .*: give whole numbers of at least 100"):
        sizes(text, False)


@pytest.mark.parametrize("size", [100, 1500])
def test_corpus_is_the_bundled_one_and_look_alikes(size: int) -> None:
    data = load("bundled")
    vectors = np.random.default_rng(0).normal(size=(len(data.passages), 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    documents, rows = corpus(data, vectors, size, 0)
    assert len(documents) == len(rows) == len({d.id for d in documents}) == size
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(size), abs=1e-5)
    shared = min(size, len(data.passages))
    assert [d.page_content for d in documents[:shared]] == [p.text for p in data.passages[:shared]]
    assert rows[:shared] == pytest.approx(vectors[:shared], abs=1e-6)


def test_traffic_is_distinct_and_mixed_holds_a_tenth_of_probes() -> None:
    data = load("bundled")
    benign, mixed = (traffic(data, kind, 200, 0) for kind in ("benign", "mixed"))
    assert len(set(benign)) == 200
    assert not any("[MASK_" in query for query in benign)
    assert sum("[MASK_" in query for query in mixed) == 20


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sentinel.UncalibratedWarning")
def test_every_subject_has_every_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perf, "WARM_UP", 2)
    monkeypatch.setattr(perf, "COLD", 4)
    told: list[tuple[str, int, int]] = []
    result = measure(BagOfWords(), perf.SUBJECTS, [200], 20, 0, lambda *n: told.append(n))
    assert result["schema"] == 1
    keys = {"subject", "docs", "index", "k", "clients", "traffic", "metric", "value"}
    assert all(set(cell) == keys for cell in result["cells"])
    assert all(np.isfinite(cell["value"]) for cell in result["cells"])
    cells = {(c["subject"], c["index"], c["traffic"], c["clients"], c["metric"]): c["value"] for c in result["cells"]}
    assert len(cells) == len(result["cells"])
    expected = {
        (name, index, kind, 1, metric)
        for name in perf.SUBJECTS
        for index in ("flat", "hnsw")
        for kind in ("benign", "mixed")
        for metric in LATENCIES | (SENSED if senses(name) else set())
    }
    expected |= {
        (name, index, "benign", perf.CLIENTS, "throughput_qps") for name in perf.SUBJECTS for index in ("flat", "hnsw")
    }
    assert set(cells) == expected | {("process", "", "", 1, "rss_mb")}
    assert cells["bare", "flat", "benign", 1, "ratio_to_bare_p50"] == 1.0
    assert cells["bare", "hnsw", "mixed", 1, "overhead_ms_p50"] == 0.0
    assert all(cells["rules", "flat", "benign", 1, metric] > 0 for metric in SENSED)
    assert cells["process", "", "", 1, "rss_mb"] > 10
    assert told
    text = io.StringIO()
    render(result, Console(file=text, width=80))
    assert "…" not in text.getvalue()
    assert "added: median over queries of what\nthe same query" in text.getvalue(), "nothing wraps by itself"
    for name in perf.SUBJECTS:
        assert len(re.findall(rf" {name} +\d+\.\d", text.getvalue())) == 4
        pairs = re.findall(rf" {name} .* (\d[\d.]*/\d[\d.]*) +(\d[\d.]*/\d[\d.]*) ", text.getvalue())
        assert len(pairs) == 4 * senses(name), "median and 95 % quantile of sensing, warm and cold"


def store(texts: list[str]) -> FaissStore:
    made = FaissStore(BagOfWords())
    made.add_texts(texts)
    return made


TEXTS = [f"the {thing} of the harbour was built of stone in {year}" for thing in ("wall", "gate") for year in range(12)]


@pytest.mark.parametrize("name", perf.SUBJECTS)
def test_every_subject_serves_documents_of_the_store(name: str) -> None:
    texts, decisions = [prose(topic) for topic in range(24)], list[Decision]()
    found = subject(name, store(texts), 5, 0, None, decisions.append).invoke(question(3))
    assert {d.page_content for d in found} <= set(texts)
    assert len(found) <= 5
    assert not any(decision.errors for decision in decisions)
    assert found or decisions[0].outcomes  # a published defense may drop everything


def test_the_published_defense_as_packaged_serves_what_it_serves_with_cached_vectors() -> None:
    texts = [*TEXTS, *["the gate of the harbour was built of gold, of gold, of gold"] * 3]
    packaged, cached = (
        subject(name, store(texts), 5, 0, None, lambda _: None) for name in ("ragdefender", "ragdefender-cached")
    )
    for query in ("what was the gate built of?", "when was the wall built?"):
        assert [d.page_content for d in packaged.invoke(query)] == [d.page_content for d in cached.invoke(query)]


def test_as_packaged_every_candidate_is_embedded_on_every_request() -> None:
    seen: list[str] = []

    class Counting(BagOfWords):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            seen.extend(texts)
            return super().embed_documents(texts)

    model, source = Counting(), source_for(store(TEXTS))
    found = source.fetch("harbour", source.embed("harbour"), 6, {})
    for turn in (1, 2):
        again = embedded_anew(model, found)
        assert len(seen) == 6 * turn
    assert all(
        c.vector is not None and d.vector is not None and c.vector == pytest.approx(d.vector, abs=1e-6)
        for c, d in zip(found, again, strict=True)
    )


def test_only_policies_that_look_at_requests_sense() -> None:
    assert senses("rules")
    assert not any(map(senses, ("bare", "none", "always_on", "ragdefender", *FIXED)))


def test_a_large_corpus_is_profiled_by_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perf, "SCANNED", 150)
    data = load("bundled")
    vectors = np.random.default_rng(0).normal(size=(len(data.passages), 8)).astype(np.float32)
    documents, rows = corpus(data, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), 400, 0)
    profile = profiled(documents, rows, "m")
    assert profile.documents == 400
    assert profile.text is not None
    assert profile.text.documents == 150


def test_bare_is_timed_even_if_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perf, "WARM_UP", 0)
    result = measure(BagOfWords(8), ["none"], [100], 2, 0, lambda *_: None)
    assert {c["subject"] for c in result["cells"]} == {"bare", "none", "process"}
