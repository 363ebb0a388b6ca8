"""A causal language model in memory: one forward pass at a time, over prompts that share what they have in common."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sentinel._files import no_progress_bar, one_line
from sentinel.errors import ComponentError, ConfigurationError
from strategist.generators._cache import beginning, bytes_of, is_plain, joined
from strategist.generators._masks import FULL, SLIDING, as_model_takes, isolating, layer_types
from strategist.generators._prompts import OUTSIDE, Encoded

INT8 = "int8"
_SHORTEST_SHARED = 16
"""Tokens that are worth looking up."""


class Prefixes:
    """Prompts that were read, so that another one with the same beginning goes on from there.

    Args:
        most: Bytes of keys and values that are kept.
    """

    def __init__(self, most: int = 2**30) -> None:
        self._most = most
        self._kept: list[tuple[NDArray[np.int64], Any, int]] = []

    def add(self, key: NDArray[np.int64], cache: Any) -> None:
        """Keep a prompt's cache in place of any that is its beginning; the oldest go where there are too many."""
        length = key.shape[1]
        self._kept = [
            one for one in self._kept if one[0].shape[1] > length or (one[0] != key[:, : one[0].shape[1]]).any()
        ]
        self._kept.append((key, cache, bytes_of(cache)))
        while sum(size for *_, size in self._kept) > self._most:
            self._kept.pop(0)

    def longest(self, key: NDArray[np.int64]) -> tuple[int, Any]:
        """How many tokens, all but the last at most, are known, and a cache that holds just them."""
        best, found = 0, None
        for other, cache, _ in self._kept:
            length = min(other.shape[1], key.shape[1] - 1)
            differs = np.flatnonzero((other[:, :length] != key[:, :length]).any(axis=0))
            shared = int(differs[0]) if differs.size else length
            if shared > best:
                best, found = shared, cache
        return (best, beginning(found, best)) if best >= _SHORTEST_SHARED else (0, None)


class LanguageModel:
    """A model and its lock. Every method is one turn: threads that generate at once take them in order.

    Args:
        model: A transformers model for causal language modelling, in evaluation mode.
        name: What the generator is called, for errors.
    """

    def __init__(self, model: Any, name: str) -> None:
        self.model = model
        self.name = name
        self.config = model.config.get_text_config(decoder=True)
        self.device = model.device
        self.dtype = model.dtype
        self._usual = self.config._attn_implementation
        self._turn, self._next = threading.Lock(), threading.Lock()
        self.tokenizing = threading.RLock()
        self._obeys: bool | None = None

    @contextmanager
    def _in_turn(self, attention: str | None = None) -> Iterator[None]:
        """Hold the model, with another implementation of attention if need be; who asks again queues behind others."""
        with self._next:
            self._turn.acquire()
        try:
            changed = attention is not None and attention != self._usual
            if changed:
                self.model.set_attn_implementation(attention)
            try:
                with torch.inference_mode():
                    yield
            finally:
                if changed:
                    self.model.set_attn_implementation(self._usual)
        except torch.OutOfMemoryError as error:
            raise ComponentError(self.name, "out of memory; use smaller batches (batch_tokens)") from error
        except RuntimeError as error:
            raise ComponentError(self.name, f"the model failed ({one_line(error)})") from error
        finally:
            self._turn.release()

    def read(
        self, prompt: Encoded, *, isolated: bool = False, known: Prefixes | None = None, afresh: bool = False
    ) -> tuple[Any, Any]:
        """Read one prompt.

        Args:
            prompt: Its tokens.
            isolated: Whether documents are kept from attending to each other.
            known: What was read before, and where this prompt is remembered.
            afresh: Remember it, and use nothing of what was read before.

        Returns:
            Its cache, and the scores of the token after it, shape (1, vocabulary), float32.
        """
        labels = prompt.documents if isolated else np.full_like(prompt.documents, OUTSIDE)
        isolated = isolated and len(np.unique(labels[labels != OUTSIDE])) > 1
        if isolated:
            self.check_isolation()
        key = np.stack([prompt.ids, labels])
        with self._in_turn():
            start, cache = (0, None) if known is None or afresh else known.longest(key)
            mask = self._isolation(labels, start) if isolated else None
            cache, logits = self._forward(prompt.ids, start, cache, mask)
            if known is not None and is_plain(cache):
                known.add(key, cache)
        return cache, logits

    def _isolation(self, labels: NDArray[np.int64], start: int) -> Any:
        return as_model_takes(isolating(labels, start), self.config, self.dtype, self.device)

    def _forward(self, ids: NDArray[np.int64], start: int, cache: Any, mask: Any) -> tuple[Any, Any]:
        tokens = torch.from_numpy(ids[None, start:]).to(self.device)
        if mask is None:
            mask = torch.ones((1, len(ids)), dtype=torch.long, device=self.device)
        if cache is None:
            from transformers import DynamicCache

            # A sliding layer's cache would forget tokens, so that prompts could be neither joined nor cut: the mask
            # alone makes it slide. Layers of other kinds need caches of their own.
            cache = DynamicCache() if self.maskable else DynamicCache(config=self.config)
        out = self.model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=torch.arange(start, len(ids), device=self.device)[None],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return cache, out.logits[:, -1].float()

    def step(
        self, cache: Any, tokens: list[int], seen: Any, lengths: list[int], *, attentions: bool = False
    ) -> tuple[Any, Any]:
        """Read one token more of each of several prompts.

        Args:
            cache: What they said so far, padded on the left.
            tokens: The token of each.
            seen: 1 for what is no padding, the new tokens included, shape (prompts, cache's tokens + 1), int64.
            lengths: How many tokens each had before.
            attentions: Whether to give the attention of the new tokens.

        Returns:
            Scores of the token after, shape (prompts, vocabulary), float32; and the attention of the new tokens,
            averaged over layers and heads, shape (prompts, cache's tokens + 1), float32, or None.
        """
        with self._in_turn("eager" if attentions else None):
            out = self.model(
                input_ids=torch.tensor(tokens, device=self.device)[:, None],
                attention_mask=seen,
                position_ids=torch.tensor(lengths, device=self.device)[:, None],
                past_key_values=cache,
                use_cache=True,
                output_attentions=attentions,
                logits_to_keep=1,
            )
            read = None
            if attentions:
                layers = [layer for layer in (out.attentions or ()) if layer is not None]
                if not layers or any(layer.shape[-1] != seen.shape[1] for layer in layers):
                    raise ComponentError(self.name, "the model gives no attention to read")
                read = torch.stack([layer[:, :, -1].float().mean(dim=1) for layer in layers]).mean(dim=0)
            return out.logits[:, -1].float(), read

    def join(self, caches: list[Any], room: int) -> Any:
        """One cache of several prompts, with room for `room` tokens more."""
        with self._in_turn():
            return joined(caches, room)

    @property
    def maskable(self) -> bool:
        """Whether its layers are of kinds whose masks can be made by hand."""
        return set(layer_types(self.config)) <= {FULL, SLIDING}

    def check_isolation(self) -> None:
        """See once, on a few tokens, that the model does what masks made by hand say.

        Raises:
            ConfigurationError: It does not: documents would attend to each other unnoticed.
        """
        if self._obeys is None:
            self._obeys = self.maskable and self._obeys_masks()
        if not self._obeys:
            raise ConfigurationError(f"generator {self.name}: its attention cannot be masked between documents")

    def _obeys_masks(self) -> bool:
        labels = np.asarray([OUTSIDE, 0, 0, 0, 1, 1, OUTSIDE])
        first = np.arange(7) + 5
        other = np.where(labels == 0, first + 10, first) % int(self.config.vocab_size)
        try:
            with self._in_turn():
                mask = self._isolation(labels, 0)
                one, another = (self._forward(ids.astype(np.int64), 0, None, mask)[0] for ids in (first, other))
        except (ComponentError, TypeError, ValueError, KeyError):
            return False
        inside, after = slice(4, 6), slice(6, 7)
        same = all(
            torch.allclose(a.keys[:, :, inside], b.keys[:, :, inside], rtol=1e-3, atol=1e-4)
            for a, b in zip(one.layers, another.layers, strict=True)
        )
        # What comes after both documents must still see the first.
        return same and not all(
            torch.equal(a.keys[:, :, after], b.keys[:, :, after])
            for a, b in zip(one.layers, another.layers, strict=True)
        )


_loaded: dict[tuple[Path, str, str], tuple[LanguageModel, Any]] = {}
_loading = threading.Lock()


def load_once(folder: Path, adapter: Path | None, device: str, dtype: str, name: str) -> tuple[LanguageModel, Any]:
    """A folder's model and tokenizer, constructed by the first of all threads that asks.

    Args:
        folder: What transformers wrote.
        adapter: A LoRA adapter's folder, whose weights are added to the model's; or None.
        device: "cpu", "cuda", ...
        dtype: The name of a float type; or "int8" for float32 with eight-bit layers.
        name: What the generator is called, for errors.

    Raises:
        ConfigurationError: They cannot be loaded.
    """
    with _loading:
        key = (adapter or folder, device, dtype)
        if key not in _loaded:
            try:
                model, tokenizer = _construct(folder, adapter, device, dtype)
            except Exception as error:  # transformers raises nearly anything
                raise ConfigurationError(f"cannot load the generator in {folder}: {one_line(error)}") from error
            _loaded[key] = LanguageModel(model, name), tokenizer
        return _loaded[key]


def _construct(folder: Path, adapter: Path | None, device: str, dtype: str) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with no_progress_bar():
        own = adapter is not None and (adapter / "tokenizer_config.json").is_file()
        tokenizer = AutoTokenizer.from_pretrained(str(adapter if own else folder), **safe)
        # Safetensors or nothing: other weights are pickles.
        float_type = torch.float32 if dtype == INT8 else getattr(torch, dtype)
        model: Any = AutoModelForCausalLM.from_pretrained(str(folder), dtype=float_type, use_safetensors=True, **safe)
        if adapter is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, str(adapter), use_safetensors=True).merge_and_unload()
    if dtype == INT8:
        from strategist.generators._int8 import quantise

        if not quantise(model, model.config.get_text_config(decoder=True).hidden_size):
            raise ValueError("it has no layers that eight bits could hold")
    return model.to(device).eval(), tokenizer
