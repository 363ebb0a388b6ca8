"""What request-time signals need to know of the whole corpus, gathered once so that no request reads it.

Mirabel's test wants mean and deviation of the query's similarity to *all* documents; a fixed random sample of
vectors estimates both with an error of deviation / sqrt(sample), whatever the size of the corpus.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinel.errors import DataError
from sentinel.vocabulary import Vector

SCHEMA = 1
SAMPLE_SIZE = 2_000


@dataclass(frozen=True)
class CorpusProfile:
    """Statistics of a corpus.

    Attributes:
        documents: How many documents the corpus holds.
        sample: Unit vectors of randomly chosen documents, shape (m, d), float32, m <= `SAMPLE_SIZE`.
        fingerprint: Which embedding model the vectors come from; "" if unknown.
    """

    documents: int
    sample: NDArray[np.float32]
    fingerprint: str = ""

    def __post_init__(self) -> None:
        if self.documents < 1:
            raise DataError("a corpus profile needs at least one document")
        if self.sample.ndim != 2 or not 1 <= len(self.sample) <= self.documents:
            raise DataError(
                f"the sample must be of shape (m, d) with 1 <= m <= {self.documents}, not {self.sample.shape}"
            )
        if not bool(np.isfinite(self.sample).all()):
            raise DataError("the sample holds numbers that are not finite")

    @property
    def dimension(self) -> int:
        """Length d of a vector."""
        return int(self.sample.shape[1])

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

    def save(self, folder: Path) -> None:
        """Write the profile as `profile.json` and `sample.npy` (no pickle) into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "sample.npy", self.sample, allow_pickle=False)
        header = {
            "schema": SCHEMA,
            "documents": self.documents,
            "fingerprint": self.fingerprint,
            "sample_sha256": hashlib.sha256((folder / "sample.npy").read_bytes()).hexdigest(),
        }
        (folder / "profile.json").write_text(json.dumps(header, indent=2) + "\n", encoding="utf-8")

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
            header = json.loads((folder / "profile.json").read_text(encoding="utf-8"))
            raw = (folder / "sample.npy").read_bytes()
            if header["schema"] != SCHEMA:
                raise DataError(f"{folder}: schema {header['schema']}, this version reads {SCHEMA}")
            if hashlib.sha256(raw).hexdigest() != header["sample_sha256"]:
                raise DataError(f"{folder}: sample.npy is not the file that was saved")
            sample = np.lib.format.read_array(io.BytesIO(raw), allow_pickle=False)  # the very bytes that were hashed
            profile = cls(int(header["documents"]), np.asarray(sample, np.float32), str(header["fingerprint"]))
        except (OSError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"{folder}: not a corpus profile ({type(error).__name__}: {error})") from error
        if fingerprint is not None and profile.fingerprint != fingerprint:
            raise DataError(f"{folder}: made with embedding model {profile.fingerprint!r}, not {fingerprint!r}")
        return profile
