"""One FAISS index over unit vectors, by position: what the store needs of it, alike for the three kinds."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sentinel.errors import ConfigurationError, DataError
from strategist.embeddings import Vectors

IndexKind = Literal["flat", "hnsw", "ivf"]
KINDS = ("flat", "hnsw", "ivf")

_TIES = 8
"""Results fetched beyond k, to see in one search whether the k-th has equals that were inserted earlier."""
_ROUNDING = 1e-6
"""More than the kernels of FAISS differ by for the same pair of unit vectors."""
_RETRAIN_GROWTH = 4
"""Cells are drawn anew when the corpus has grown by this factor."""


@cache
def faiss() -> Any:
    """The faiss module, imported at first use."""
    import faiss as module

    return module


@dataclass(frozen=True)
class IndexSettings:
    """How an index is built and searched.

    Attributes:
        kind: "flat" compares with every vector and is exact; "hnsw" walks a graph; "ivf" reads the nearest cells.
        hnsw_m: Neighbours of a vector in the graph.
        ef_construction: Breadth of the walk while the graph is built.
        ef_search: Breadth of the walk in a search; at least k is used.
        train_size: Vectors from which on an "ivf" index has cells; with fewer it searches exactly.
        nlist: Cells; None for the square root of the number of vectors trained on.
        nprobe: Cells read in a search.
    """

    kind: IndexKind = "flat"
    hnsw_m: int = 32
    ef_construction: int = 80
    ef_search: int = 64
    train_size: int = 4_096
    nlist: int | None = None
    nprobe: int = 16

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigurationError(f"unknown index {self.kind!r}; known: {', '.join(KINDS)}")
        for name, value in asdict(self).items():
            if name == "kind" or (name == "nlist" and value is None):
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"{name} must be a whole number of at least 1, not {value!r}")
        if self.hnsw_m < 2:
            raise ConfigurationError("hnsw_m must be at least 2")
        if self.nlist is not None and self.nlist > self.train_size:
            raise ConfigurationError(f"nlist ({self.nlist}) must not exceed train_size ({self.train_size})")


class VectorIndex:
    """Unit vectors at positions 0 .. n - 1, searched by inner product, which is their cosine similarity.

    Only ever appended to: who removes vectors builds a new one, so that a position keeps its meaning for
    whoever holds the index. Not locked; see `ReadWriteLock`.
    """

    def __init__(self, dimension: int, settings: IndexSettings, *, native: Any = None) -> None:
        self.dimension = dimension
        self.settings = settings
        self._native = native if native is not None else self._new(0)
        self._trained_on = int(self._native.ntotal) if self._has_cells else 0

    def __len__(self) -> int:
        return int(self._native.ntotal)

    def append(self, vectors: Vectors) -> None:
        """Add unit vectors, shape (n, d), float32, at the next positions."""
        total = len(self) + len(vectors)
        threshold = self._trained_on * _RETRAIN_GROWTH if self._trained_on else self.settings.train_size
        if self.settings.kind == "ivf" and total >= threshold:
            everything = np.concatenate([self.vectors(np.arange(len(self))), vectors])
            native = self._new(total)
            native.train(everything)
            native.add(everything)
            self._native, self._trained_on = native, total
        else:
            self._native.add(np.ascontiguousarray(vectors))

    def vectors(self, positions: NDArray[np.int64]) -> Vectors:
        """The vectors at some positions, shape (n, d), float32, as they were added."""
        if not len(positions):
            return np.zeros((0, self.dimension), dtype=np.float32)
        made: Vectors = self._native.reconstruct_batch(np.ascontiguousarray(positions, dtype=np.int64))
        return made

    def search(self, vector: Vectors, k: int) -> tuple[NDArray[np.int64], Vectors]:
        """Find the k nearest.

        Args:
            vector: Unit vector, shape (d,), float32.
            k: How many; min(k, n) come back, whatever the kind.

        Returns:
            Positions (m,) int64 and similarities (m,) float32, the highest first and equals by position.
        """
        k = min(k, len(self))
        fetch = min(k + _TIES, len(self))
        while k:
            positions, similarities = self._search(vector, fetch)
            if len(positions) < min(fetch, len(self)):
                # An approximate search that ran dry: cells not probed, or vertices that the walk cannot reach.
                positions, similarities = self._search(vector, fetch, exhaustive=True)
            if fetch == len(self) or similarities[k - 1] > similarities[-1] + _ROUNDING:
                # FAISS computes the same pair differently from place to place, in the last bits: with its own
                # figures copies of one passage would come in any order.
                similarities = self._similarities(vector, positions)
                order = np.lexsort((positions, -similarities))[:k]
                return positions[order], similarities[order]
            # FAISS leaves open which of the equals at the end of the list it returns: fetch all of them.
            fetch = min(4 * fetch, len(self))
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)

    def write(self, path: Path) -> None:
        """Write FAISS's own format."""
        faiss().write_index(self._native, str(path))

    @classmethod
    def read(cls, path: Path, dimension: int, settings: IndexSettings) -> VectorIndex:
        """Read what `write` wrote.

        Raises:
            DataError: It is no FAISS index, or not one of these settings and this dimension.
        """
        try:
            native = faiss().read_index(str(path))
        except RuntimeError as error:
            raise DataError(f"{path} is no FAISS index: {str(error)[-200:]}") from None
        kinds = {"flat": ("IndexFlat", "IndexFlatIP"), "hnsw": ("IndexHNSWFlat",), "ivf": ("IndexIVFFlat",)}
        expected = kinds[settings.kind] + (kinds["flat"] if settings.kind == "ivf" else ())
        if (
            type(native).__name__ not in expected
            or native.d != dimension
            or native.metric_type != faiss().METRIC_INNER_PRODUCT
        ):
            raise DataError(
                f"{path} holds a {type(native).__name__} of {native.d} dimensions, not what its header says"
            )
        return cls(dimension, settings, native=native)

    def _similarities(self, vector: Vectors, positions: NDArray[np.int64]) -> Vectors:
        query = vector.astype(np.float64)
        out = np.empty(len(positions), dtype=np.float32)
        for start in range(0, len(positions), 8_192):
            block = self.vectors(positions[start : start + 8_192])
            out[start : start + 8_192] = (block * query).sum(axis=1)
        return np.clip(out, -1.0, 1.0)

    @property
    def _has_cells(self) -> bool:
        return type(self._native).__name__ == "IndexIVFFlat"

    def _new(self, expected: int) -> Any:
        module, settings = faiss(), self.settings
        inner_product = module.METRIC_INNER_PRODUCT
        if settings.kind == "hnsw":
            graph = module.IndexHNSWFlat(self.dimension, settings.hnsw_m, inner_product)
            graph.hnsw.efConstruction = settings.ef_construction
            return graph
        if settings.kind == "ivf" and expected >= settings.train_size:
            nlist = settings.nlist or max(1, round(math.sqrt(expected)))
            cells = module.IndexIVFFlat(module.IndexFlatIP(self.dimension), self.dimension, nlist, inner_product)
            # Centroids on the sphere, as the vectors are; FAISS seeds the clustering itself, always alike.
            cells.cp.spherical = True
            cells.cp.min_points_per_centroid = 1
            cells.make_direct_map()
            return cells
        return module.IndexFlatIP(self.dimension)

    def _search(self, vector: Vectors, fetch: int, exhaustive: bool = False) -> tuple[NDArray[np.int64], Vectors]:
        module, settings, native, options = faiss(), self.settings, self._native, None
        if settings.kind == "hnsw":
            if exhaustive:
                native = native.storage
            else:
                options = module.SearchParametersHNSW(efSearch=max(settings.ef_search, fetch))
        elif self._has_cells:
            options = module.SearchParametersIVF(nprobe=native.nlist if exhaustive else settings.nprobe)
        similarities, positions = native.search(vector[None, :], fetch, params=options)
        # FAISS fills up with -1 where it found fewer.
        found = positions[0] >= 0
        return positions[0][found], similarities[0][found]


class ReadWriteLock:
    """Many readers or one writer; a waiting writer goes before new readers. Not reentrant."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._readers = 0
        self._writers_waiting = 0
        self._writing = False

    @contextmanager
    def read(self) -> Iterator[None]:
        """Hold off writers."""
        with self._condition:
            self._condition.wait_for(lambda: not self._writing and not self._writers_waiting)
            self._readers += 1
        try:
            yield
        finally:
            with self._condition:
                self._readers -= 1
                self._condition.notify_all()

    @contextmanager
    def write(self) -> Iterator[None]:
        """Hold off everyone."""
        with self._condition:
            self._writers_waiting += 1
            try:
                self._condition.wait_for(lambda: not self._writing and not self._readers)
                self._writing = True
            finally:
                self._writers_waiting -= 1
                # An interrupted wait must wake the readers that it held off.
                self._condition.notify_all()
        try:
            yield
        finally:
            with self._condition:
                self._writing = False
                self._condition.notify_all()
