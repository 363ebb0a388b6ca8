"""A sentence-transformers model in memory: constructed once, checked first, fed in batches that fit the cache."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sentinel._files import no_progress_bar, one_line, sha256_of_file
from sentinel.errors import ConfigurationError
from strategist.workers import WorkerPool

T = TypeVar("T")

# On a CPU small batches of texts of similar length win: nothing is padded, and the activations stay in its cache.
_TOKENS_PER_BATCH = {"cpu": 2_048}
_TOKENS_PER_BATCH_ACCELERATOR = 65_536
_ROWS_PER_BATCH = 256


class LoadedModel:
    """One model in memory, shared by every `SentenceTransformerEmbeddings` of its folder and device."""

    def __init__(self, model: Any) -> None:
        self._model = model
        # One thread for all callers. The Rust tokenizers fail ("Already borrowed") under concurrent calls anyway, and
        # OpenMP keeps helpers for every thread that ever calculated: as soon as these are more than processors, it puts
        # them to sleep between any two operations, and a question takes longer than on one core.
        self._thread = WorkerPool(size=1)
        # `get_sentence_embedding_dimension` until sentence-transformers 5, both names after it.
        ask = getattr(model, "get_embedding_dimension", None) or model.get_sentence_embedding_dimension
        self.dimension = int(ask())
        device = str(getattr(model, "device", "cpu")).partition(":")[0]
        self._tokens_per_batch = _TOKENS_PER_BATCH.get(device, _TOKENS_PER_BATCH_ACCELERATOR)

    def _in_turn(self, call: Callable[[], T]) -> T:
        """Have something calculated; a thread that asks again queues behind those that wait."""
        given: Future[T] = Future()

        def job() -> bool:
            try:
                given.set_result(call())
            except BaseException as error:
                given.set_exception(error)
            return True

        self._thread.submit(job)
        return given.result()

    def encode(self, texts: list[str], prompt_name: str) -> NDArray[np.float32]:
        """Embed texts.

        Args:
            texts: n texts.
            prompt_name: "query" or "document"; counts only where the model has such a prompt.

        Returns:
            The model's own vectors in the order of the texts, shape (n, d), float32.
        """
        out = np.empty((len(texts), self.dimension), dtype=np.float32)
        prompts = getattr(self._model, "prompts", None) or {}
        options = {"prompt_name": prompt_name} if prompts.get(prompt_name) else {}
        for rows in self._batches(texts):
            # `encode` runs in inference mode and in the model's own float32.
            batch = partial(
                self._model.encode,
                [texts[row] for row in rows],
                batch_size=len(rows),
                show_progress_bar=False,
                convert_to_numpy=True,
                **options,
            )
            out[rows] = self._in_turn(batch)
        return out

    def _batches(self, texts: list[str]) -> Iterator[list[int]]:
        """Rows by falling length, cut so that a padded batch stays within the token budget."""
        lengths = self._lengths(texts)
        batch: list[int] = []
        for row in sorted(range(len(texts)), key=lambda row: -lengths[row]):
            # The first row is the longest, so it says how wide the padded batch is.
            full = batch and (len(batch) + 1) * lengths[batch[0]] > self._tokens_per_batch
            if full or len(batch) == _ROWS_PER_BATCH:
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch

    def _lengths(self, texts: list[str]) -> list[int]:
        if len(texts) < 2:
            return [1] * len(texts)
        tokenizer = getattr(self._model, "tokenizer", None)
        # Only Hugging Face tokenizers are called so; the characters of other models' texts are close enough.
        if tokenizer is None or not hasattr(tokenizer, "all_special_ids"):
            return [1 + len(text) // 4 for text in texts]
        tokens = partial(tokenizer, texts, truncation=True, max_length=self._model.max_seq_length)
        return [len(one) for one in self._in_turn(tokens)["input_ids"]]


_loaded: dict[tuple[Path, str | None], LoadedModel] = {}
_loading = threading.Lock()


def load_once(folder: Path, device: str | None, sha256: str | None) -> LoadedModel:
    """Give the model of a folder, constructed by the first of all threads that asks.

    Args:
        folder: Resolved folder that sentence-transformers wrote.
        device: "cpu", "cuda", ...; None leaves the choice to sentence-transformers.
        sha256: What `model.safetensors` must hash to, or None.

    Raises:
        ConfigurationError: The hash differs, or the model cannot be loaded.
    """
    with _loading:
        if (folder, device) not in _loaded:
            if sha256 is not None and (found := sha256_of_file(folder / "model.safetensors")) != sha256:
                raise ConfigurationError(
                    f"{folder / 'model.safetensors'} is not the model it should be: SHA-256 {found}, not {sha256}"
                )
            _loaded[folder, device] = LoadedModel(_construct(folder, device))
        return _loaded[folder, device]


def _construct(folder: Path, device: str | None) -> Any:
    try:
        from sentence_transformers import SentenceTransformer

        with no_progress_bar():
            return SentenceTransformer(
                str(folder),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                # Safetensors or nothing: other weights are pickles.
                model_kwargs={"use_safetensors": True},
            )
    except Exception as error:
        raise ConfigurationError(f"cannot load the embedding model in {folder}: {one_line(error)}") from error
