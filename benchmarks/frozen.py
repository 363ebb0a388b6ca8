"""Vectors that lie frozen beside a data set, so that the bundled one need not be embedded on a fresh clone.

They are the packaged model's own, for the corpus alone; a test compares them with it. With another model, or once the
corpus has changed, they are not used.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from benchmarks.data import Dataset
from strategist.embeddings import embed_array, fingerprint

VECTORS, HEADER = "vectors.npy", "vectors.json"


def frozen_vectors(data: Dataset, model: str) -> dict[str, NDArray[np.float32]]:
    """Unit vectors by passage text; empty where none lie there for this corpus and model.

    Args:
        data: The data set.
        model: Fingerprint of the embedding model.
    """
    try:
        header = json.loads((data.folder / HEADER).read_text(encoding="utf-8"))
        if header != _header(data, model, (data.folder / VECTORS).read_bytes()):
            return {}
        vectors = np.load(data.folder / VECTORS, allow_pickle=False)
        return dict(zip((p.text for p in data.passages), vectors, strict=True))
    except (OSError, ValueError):
        return {}


def freeze(data: Dataset, model: Embeddings) -> Path:
    """Embed the corpus and write its vectors, shape (n, d), float32, beside it."""
    np.save(data.folder / VECTORS, embed_array(model, [p.text for p in data.passages]), allow_pickle=False)
    header = _header(data, fingerprint(model), (data.folder / VECTORS).read_bytes())
    (data.folder / HEADER).write_text(json.dumps(header, indent=2) + "\n", encoding="utf-8")
    return data.folder / VECTORS


def _header(data: Dataset, model: str, vectors: bytes) -> dict[str, str]:
    corpus = (data.folder / "corpus.jsonl").read_bytes()
    return {
        "model": model,
        "corpus": hashlib.sha256(corpus).hexdigest(),
        "vectors": hashlib.sha256(vectors).hexdigest(),
    }


if __name__ == "__main__":
    from benchmarks.data import load
    from strategist.embeddings import load_embeddings

    print(freeze(load("bundled"), load_embeddings()))
