"""What request-time signals need to know of the whole corpus, gathered once so that no request reads it.

Mirabel's test wants mean and deviation of the query's similarity to *all* documents; a fixed random sample of
vectors estimates both with an error of deviation / sqrt(sample), whatever the size of the corpus. A scan of the texts
(`sentinel.scan`) adds word statistics and a suspicion of each document.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document
from numpy.typing import NDArray

from sentinel import _corpus_files as files
from sentinel._corpus_scan import PARTS, WEIGHTS, WORDS, ScanRecords
from sentinel._corpus_text import TextStatistics
from sentinel.errors import DataError
from sentinel.vocabulary import Vector

SCHEMA = files.SCHEMA
SAMPLE_SIZE = 2_000


@dataclass(frozen=True, slots=True)
class Suspect:
    """A document that looks planted before anybody has asked for it.

    Attributes:
        id: Its id, or the hash of its text where it has none.
        score: Suspicion in [0, 1].
        reasons: What speaks against it, heaviest first, in words that hold no text of it.
    """

    id: str
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class CorpusProfile:
    """Statistics of a corpus.

    Attributes:
        documents: How many documents the corpus holds.
        sample: Unit vectors of randomly chosen documents, shape (m, d), float32, m <= `SAMPLE_SIZE`; (0, 0) where the
            texts were scanned without vectors.
        fingerprint: Which embedding model the vectors come from; "" if unknown.
        text: Word statistics; None if the texts were never read, and signals that need them are missing then.
        records: What the scan found of each document; None if the texts were never read.
        keys: For each row of the sample the hash that chose it, shape (m,), uint64; None where it was drawn otherwise.
    """

    documents: int
    sample: NDArray[np.float32]
    fingerprint: str = ""
    text: TextStatistics | None = None
    records: ScanRecords | None = None
    keys: NDArray[np.uint64] | None = None

    def __post_init__(self) -> None:
        if self.documents < 1:
            raise DataError("a corpus profile needs at least one document")
        least = 0 if self.text is not None else 1
        if self.sample.ndim != 2 or not least <= len(self.sample) <= self.documents:
            raise DataError(
                f"the sample must be of shape (m, d) with 1 <= m <= {self.documents}, not {self.sample.shape}"
            )
        if not bool(np.isfinite(self.sample).all()):
            raise DataError("the sample holds numbers that are not finite")
        if self.keys is not None and self.keys.shape != (len(self.sample),):
            raise DataError("the sample's keys must be one for each vector")

    @property
    def dimension(self) -> int:
        """Length d of a vector; 0 without vectors."""
        return int(self.sample.shape[1])

    @cached_property
    def hash(self) -> str:
        """First 16 hexadecimal digits of a SHA-256 over everything that a signal can read off the profile."""
        total = hashlib.sha256(f"{self.documents}\0{self.fingerprint}\0{self.sample.shape}\0".encode())
        total.update(np.ascontiguousarray(self.sample).tobytes())
        if self.text is not None:
            total.update(f"\0text {self.text.documents}\0".encode())
            total.update(np.ascontiguousarray(self.text.counts).tobytes())
        if self.records is not None:
            total.update(f"\0records {len(self.records.ids)}\0".encode())
            total.update(self.records.rows.tobytes())
        return total.hexdigest()[:16]

    def similarity_moments(self, query: Vector) -> tuple[float, float]:
        """Mean and standard deviation of the query's cosine similarity to the corpus.

        Args:
            query: Unit vector of shape (d,).

        Raises:
            DataError: The query vector is of another length: it comes from another model.
        """
        if query.shape != (self.dimension,):
            raise DataError(
                f"the corpus profile holds vectors of length {self.dimension}, the query one of {query.shape}"
            )
        variance = float(query @ self._covariance @ query)
        return float(self._mean @ query), math.sqrt(max(variance, 0.0))

    @cached_property
    def _mean(self) -> NDArray[np.float32]:
        return np.asarray(self.sample.mean(axis=0, dtype=np.float64), dtype=np.float32)

    @cached_property
    def _covariance(self) -> NDArray[np.float32]:
        # The deviation of the similarities is sqrt(q' C q): d * d operations a request instead of m * d.
        centred = self.sample.astype(np.float64) - self.sample.mean(axis=0, dtype=np.float64)
        return np.asarray(centred.T @ centred / len(self.sample), dtype=np.float32)

    @property
    def idf(self) -> Callable[[str], float] | None:
        """The function that gives a normalised word's inverse document frequency; None if the texts were never read."""
        return None if self.text is None else self.text.idf

    def scan_score(self, text: str) -> float | None:
        """Suspicion that the scan found in a document of this text, in [0, 1]; None if it was not scanned."""
        return None if self.records is None else self.records.score(text)

    def scan_scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """`scan_score` of several texts, shape (n,), NaN for one that was not scanned."""
        return np.full(len(texts), np.nan) if self.records is None else self.records.of_texts(texts)

    def suspicious(self, n: int = 20) -> list[Suspect]:
        """The documents most worth a look, most suspicious first; those that nothing speaks against are left out."""
        if self.records is None:
            return []
        scores, parts, ids = self.records.scores, self.records.parts, self.records.ids
        order = sorted(np.flatnonzero(scores > 0).tolist(), key=lambda i: (-scores[i], ids[i]))
        found = []
        for i in order[: max(n, 0)]:
            weights = parts[i] * WEIGHTS
            heavy = [int(j) for j in np.argsort(-weights, kind="stable") if weights[j] > 0]
            found.append(Suspect(ids[i], float(scores[i]), tuple(WORDS[j] for j in heavy)))
        return found

    def update(self, documents: Iterable[Document], vectors: Iterable[object] | None = None) -> CorpusProfile:
        """The profile with newly ingested documents counted in; see `sentinel.scan.scan`.

        Word statistics, near-duplicates and the sample are exactly those of scanning everything at once; a
        document's `gibberish` part is judged by the statistics at its own ingestion and may differ by their growth.

        Raises:
            DataError: The profile was made without reading texts, or vectors are of another length.
        """
        from sentinel.scan import extended

        return extended(self, documents, vectors)

    def save(self, folder: Path) -> None:
        """Write the profile as `profile.json`, `sample.npy` and, after a scan, its tables (no pickle) into a folder."""
        facts: dict[str, Any] = {"documents": self.documents, "fingerprint": self.fingerprint}
        arrays: dict[str, NDArray[Any]] = {"sample": self.sample}
        if self.keys is not None:
            arrays["keys"] = self.keys
        if self.text is not None:
            facts["texts"] = self.text.documents
            arrays["words"] = self.text.counts
        if self.records is not None:
            facts["parts"], facts["ids"] = list(PARTS), list(self.records.ids)
            arrays["records"] = self.records.rows
        files.write(folder, facts, arrays)

    @classmethod
    def load(cls, folder: Path, *, fingerprint: str | None = None) -> CorpusProfile:
        """Read a profile that `save` wrote.

        Args:
            folder: Where it lies.
            fingerprint: If given, the embedding model that the profile must come from.

        Raises:
            DataError: The folder holds no profile, a damaged one, one of another schema or of another model.
        """
        try:
            header = files.read_header(folder)
            sample = np.asarray(files.read_array(folder, header, "sample"), np.float32)
            keys = text = records = None
            if "keys_sha256" in header:
                keys = np.asarray(files.read_array(folder, header, "keys"), np.uint64)
            if "words_sha256" in header:
                text = TextStatistics(int(header["texts"]), files.read_array(folder, header, "words"))
            if "records_sha256" in header:
                if header["parts"] != list(PARTS):
                    raise DataError(f"{folder}: scanned by another version; scan again")
                rows = files.read_array(folder, header, "records")
                records = ScanRecords(rows, tuple(map(str, header["ids"])))
            profile = cls(int(header["documents"]), sample, str(header["fingerprint"]), text, records, keys)
        except (OSError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"{folder}: not a corpus profile ({type(error).__name__}: {error})") from error
        if fingerprint is not None and profile.fingerprint != fingerprint:
            raise DataError(f"{folder}: made with embedding model {profile.fingerprint!r}, not {fingerprint!r}")
        return profile
