"""`sentinel-bench scan`: read a corpus once, write its profile, and say which documents look planted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from benchmarks.data import BUNDLED
from benchmarks.rows import rows, text_of
from sentinel.corpus import CorpusProfile, Suspect
from sentinel.errors import DataError
from sentinel.scan import scan
from strategist.embedding_cache import EmbeddingCache
from strategist.embeddings import fingerprint, load_embeddings

Progress = Callable[[str, int, int], None]


def scan_command(
    data: str | Path,
    out: Path,
    top: int = 20,
    progress: Progress | None = None,
    embeddings: Embeddings | None = None,
) -> tuple[CorpusProfile, list[Suspect]]:
    """Scan the corpus of a data set and save its profile; only `corpus.jsonl` is read.

    Args:
        data: `bundled`, or a folder with a corpus.jsonl.
        out: Folder of the profile.
        top: How many suspicious documents to report.
        progress: Called with what is being done, how much of it is done, and how much there is.
        embeddings: The model; None for the packaged one. Vectors are cached on disk by content.

    Returns:
        The profile and the most suspicious documents.

    Raises:
        DataError: No corpus, an empty one, or a malformed line.
    """
    path = (BUNDLED if str(data) == "bundled" else Path(data)) / "corpus.jsonl"
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    documents = [
        Document(
            id=text_of(row, "_id", f"{path}, line {number}"),
            page_content=text_of(row, "text", f"{path}, line {number}"),
        )
        for number, row in rows(path, ("_id", "text"))
    ]
    model = load_embeddings(embeddings)
    cache = EmbeddingCache(model, progress=(lambda d, t: progress("embedding", d, t)) if progress else None)
    vectors = cache.embed_array([document.page_content for document in documents])
    profile = scan(
        documents,
        vectors,
        fingerprint=fingerprint(model),
        progress=(lambda d: progress("scanning", min(d, len(documents)), len(documents))) if progress else None,
    )
    profile.save(out)
    return profile, profile.suspicious(top)
