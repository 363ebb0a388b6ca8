"""What `sentinel-bench perf` times: the bare retriever, policies, and published defenses alone on every request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from benchmarks.alone import OVERFETCH, OnlyPolicy
from defenses import Resources, SeededRandomSource
from defenses.context.ragdefender import RagDefender
from sentinel.corpus import CorpusProfile
from sentinel.evidence import Evidence
from sentinel.profile import RiskProfile
from sentinel.threat_models import shipped_models
from sentinel.vocabulary import Candidate, Request
from strategist import DefendedRetriever
from strategist.decision import Decision
from strategist.embeddings import embed_array
from strategist.policies import POLICIES, Policy, PolicyManifest
from strategist.sources import source_for
from strategist.stores.faiss import FaissStore

Runner = Runnable[str, list[Document]]

BARE, PACKAGED = "bare", "ragdefender"
FIXED = {"ragdefender-cached": ("ragdefender",), "trustrag": ("trustrag",)}
"""Published defenses that are switched on for every request, with the vectors that the store holds."""
SUBJECTS = [
    name
    for name in (BARE, "none", "rules", "adaptive", "always_on", PACKAGED, *FIXED)
    if name in (BARE, PACKAGED, *FIXED) or name in POLICIES.names()
]


class FixedPolicy(OnlyPolicy):
    """`OnlyPolicy` where nothing is sensed either: what a defense costs by itself."""

    manifest = PolicyManifest(name="only", summary="the same defenses for every request", baseline=True, senses=False)


class Senses:
    """A sink that remembers how long the last request was sensed, in milliseconds; NaN where it was not."""

    def __init__(self) -> None:
        self.last = float("nan")

    def __call__(self, decision: Decision) -> None:
        """Read one decision."""
        self.last = decision.milliseconds.get("sense", float("nan"))


def policy_of(name: str) -> str | Policy:
    """The policy behind a subject."""
    return FixedPolicy(defenses=FIXED[name]) if name in FIXED else name


def senses(name: str) -> bool:
    """Whether a subject senses anything at all."""
    if name in (BARE, PACKAGED, *FIXED):
        return False
    manifest = POLICIES.get(name).manifest
    return manifest.senses and not manifest.passive


def subject(
    name: str, store: FaissStore, k: int, seed: int, profile: CorpusProfile | None, sink: Callable[[Decision], None]
) -> Runner:
    """The retriever that is timed.

    Args:
        name: One of `SUBJECTS`.
        store: What is searched.
        k: Documents served.
        seed: Of randomised defenses.
        profile: The corpus profile; None for what the store tells of itself.
        sink: Told of every decision.
    """
    if name == PACKAGED:
        return packaged(store, k)
    base = store.as_retriever(search_kwargs={"k": k})
    if name == BARE:
        return base
    return DefendedRetriever.wrap(
        base,
        policy=policy_of(name),
        k=k,
        resources=Resources(random=SeededRandomSource(seed)),
        models=shipped_models(),
        profile=profile,
        sinks=[sink],
    )


def packaged(store: FaissStore, k: int) -> Runner:
    """RAGDefender as its package works: handed texts, it embeds every candidate anew on every request."""
    source, defense, model = source_for(store), RagDefender(), store.embeddings

    def retrieve(query: str, config: RunnableConfig) -> list[Document]:
        vector = source.embed(query)
        found = embedded_anew(model, source.fetch(query, vector, OVERFETCH * k, config))
        request = Request(query, k)
        kept = defense.select(Evidence(request, vector, found), RiskProfile(), Resources()).keep
        return [found[i].document for i in kept[:k]]

    return RunnableLambda(retrieve)


def embedded_anew(model: Embeddings | None, found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The same candidates with vectors that the model was asked for."""
    assert model is not None
    rows: Any = embed_array(model, [c.text for c in found]) if found else ()
    return tuple(
        Candidate(c.position, c.document, c.similarity, row, c.ingestion) for c, row in zip(found, rows, strict=True)
    )
