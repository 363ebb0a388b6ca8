"""Vectors that lie frozen beside a data set, so that the bundled one need not be embedded on a fresh clone.

They are the packaged model's own, for the corpus and for everything that the default run plants and asks at seed 0; a
test compares them with the model. A text that is not among them, and every text under another model, is embedded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from benchmarks.data import Dataset
from strategist.embedding_cache import EmbeddingCache
from strategist.embeddings import embed_array, fingerprint

VECTORS, HEADER = "vectors.npy", "vectors.json"
PASSAGE, QUERY = "passage", "query"


def key(kind: str, text: str) -> str:
    """What a vector is found by: some models embed passages and queries differently."""
    return hashlib.sha256(f"{kind}\x1f{text}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def frozen_vectors(data: Dataset, model: str) -> Mapping[str, NDArray[np.float32]]:
    """Unit vectors by `key`; empty where none lie there for this model.

    Args:
        data: The data set.
        model: Fingerprint of the embedding model.
    """
    try:
        raw = (data.folder / VECTORS).read_bytes()
        header = json.loads((data.folder / HEADER).read_text(encoding="utf-8"))
        if header["model"] != model or header["vectors"] != hashlib.sha256(raw).hexdigest():
            return {}
        vectors = np.load(data.folder / VECTORS, allow_pickle=False)
        return dict(zip(header["keys"], vectors, strict=True))
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def passage_vectors(data: Dataset, model: Embeddings) -> NDArray[np.float32]:
    """Unit vectors of all passages, shape (n, d): the frozen ones, or embedded where one of them is missing."""
    frozen = frozen_vectors(data, fingerprint(model))
    keys = [key(PASSAGE, p.text) for p in data.passages]
    if frozen.keys() >= set(keys):
        return np.stack([frozen[k] for k in keys])
    return embed_array(model, [p.text for p in data.passages])


def freeze(data: Dataset, model: Embeddings, passages: Iterable[str], queries: Iterable[str]) -> Path:
    """Embed texts and write their vectors, shape (n, d), float32, beside the data set."""
    cache = EmbeddingCache(model)
    texts = {PASSAGE: list(dict.fromkeys(passages)), QUERY: list(dict.fromkeys(queries))}
    vectors = np.concatenate([cache.embed_array(texts[PASSAGE]), cache.embed_queries(texts[QUERY])])
    np.save(data.folder / VECTORS, vectors, allow_pickle=False)
    header = {
        "model": fingerprint(model),
        "vectors": hashlib.sha256((data.folder / VECTORS).read_bytes()).hexdigest(),
        "keys": [key(kind, text) for kind, found in texts.items() for text in found],
    }
    (data.folder / HEADER).write_text(json.dumps(header) + "\n", encoding="utf-8")
    return data.folder / VECTORS


if __name__ == "__main__":
    from benchmarks.data import load
    from benchmarks.runner import texts_of_default_run
    from strategist.embeddings import load_embeddings

    bundled = load("bundled")
    print(freeze(bundled, load_embeddings(), *texts_of_default_run(bundled)))
