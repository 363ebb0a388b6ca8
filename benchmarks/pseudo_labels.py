"""Questions whose passages nobody has labelled: what undefended search finds is what a defense may lose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from langchain_core.embeddings import Embeddings

from benchmarks.data import Dataset
from benchmarks.world import KnownEmbeddings, build_world

LABELS = "labels"
Report = Callable[[str, int, int], None]


def labelled(data: Dataset, model: Embeddings, k: int, report: Report = lambda *_: None) -> Dataset:
    """A data set whose every question has gold passages: those of its own, or the first `k` of an undefended search.

    Recall is then the share of what no defense would have served; whether that answers the question nobody knows.

    Args:
        data: Read with `unlabelled=True`; itself if every question has gold passages.
        model: Embeds passages and questions; vectors are cached on disk by content.
        k: Documents served.
        report: Told of progress.

    Returns:
        A copy whose `made` says so.
    """
    bare = [query.text for query in data.queries if not query.gold]
    if not bare:
        return data
    texts = [passage.text for passage in data.passages]
    known = KnownEmbeddings(model, texts, bare, progress=lambda done, total: report("embedding", done, total))
    store = build_world(data, (), known, 0).store
    queries = tuple(
        query
        if query.gold
        else replace(query, gold=frozenset(str(d.id) for d in store.similarity_search(query.text, k=k)))
        for query in data.queries
    )
    return replace(data, queries=queries, made=(*data.made, LABELS))
