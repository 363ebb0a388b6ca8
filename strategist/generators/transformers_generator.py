"""A transformers model in this process as a generator whose attention can be changed and read."""

from __future__ import annotations

import hashlib
import json
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from defenses._checkpoints import Source
from defenses.generator import Prompt
from sentinel.errors import ComponentError, ConfigurationError, DataError
from strategist.generators._prompts import Encoded, PromptEncoder
from strategist.generators._text import CONTINUATIONS, certain, cut

if TYPE_CHECKING:
    from strategist.generators._decoding import Row
    from strategist.generators._model import LanguageModel, Prefixes

DTYPES = ("float32", "bfloat16", "float16", "int8")
MAX_TOKENS = 64
"""The longest answer where nobody says otherwise."""
_ROWS = 16
"""Prompts of a batch on a processor: more answers end at different times, and nothing is gained."""
_TOKENS = {"cpu": 8_192}
_TOKENS_ACCELERATOR = 65_536


class TransformersGenerator:
    """A causal language model from disk: greedy, batched, attention open to defenses. Loads at its first use.

    Prompts go through the model's chat template (a system turn stands in the user's where a template knows none), or
    into a plain form that a completion model continues. Special tokens' names in a prompt are broken, so that no
    document ends a turn. Prompts of one call that begin alike are read once up to where they differ.

    Threads may share it; they take turns, one forward pass each. Answers may differ in a near-tie between tokens
    by what else is in the batch, as sums of floats do with their order.

    What makes a processor slow, and is therefore not done: padding while prompts are read (each is read by itself,
    and padded only for the writing), scores for tokens other than the last, copying the cache for every token, and
    bfloat16 where the processor has no instructions for it.

    Args:
        source: "local", a folder, a GGUF file or a hub id; see `load_generator`.
        name: What it is called in records; by default what the source is called.
        max_tokens: The longest answer where a call does not say.
        device: "cpu", "cuda", ...; None for cuda where there is one.
        dtype: "float32", "bfloat16", "float16"; None for float32 on a processor, else bfloat16. On a processor also
            "int8": most linear layers in eight bits, which reads prompts faster and decides near-ties otherwise.
        temperature: 0 for the likeliest token; else tokens are drawn, repeatably for each prompt.
        seed: For drawing.
        stop: What ends an answer, besides the model's own end; None for none with a chat template, and for a blank
            line or the next task's beginning without one.
        plain: Use the plain form although there is a chat template.
        window: The longest prompt and answer in tokens; None for the model's own.
        batch_tokens: The most tokens of prompts that are held at once; None for what suits the device.

    Raises:
        ConfigurationError: There is nothing of that kind, or an option is out of range. A model that cannot be loaded
            is found at the first use.
    """

    def __init__(
        self,
        source: Any = "local",
        *,
        name: str | None = None,
        max_tokens: int = MAX_TOKENS,
        device: str | None = None,
        dtype: str | None = None,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] | None = None,
        plain: bool = False,
        window: int | None = None,
        batch_tokens: int | None = None,
    ) -> None:
        if dtype not in (None, *DTYPES):
            raise ConfigurationError(f"dtype = {dtype!r}: must be one of {', '.join(DTYPES)}")
        if not 0.0 <= temperature <= 100.0:
            raise ConfigurationError(f"temperature = {temperature!r}: must be in 0-100")
        for option, value in (("max_tokens", max_tokens), ("window", window), ("batch_tokens", batch_tokens)):
            if value is not None and value < 1:
                raise ConfigurationError(f"{option} = {value!r}: must be at least 1")
        if isinstance(stop, str) or (stop is not None and not all(stop)):
            raise ConfigurationError("stop: must be a list of texts, none of them empty")
        self._source = source if isinstance(source, Source) else Source.find(source)
        self.name = name or self._source.name
        self.max_tokens = max_tokens
        self._device, self._dtype = device, dtype
        self._temperature, self._seed = temperature, seed
        self._stop, self._plain, self._window = stop, plain, window
        self._batch_tokens = batch_tokens
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @cached_property
    def fingerprint(self) -> str:
        """What the answers depend on besides the prompt: `sha256:` and a hash of weights and settings."""
        settings = [self._source.fingerprint, self._computes[1], self._temperature, self._seed, self._stop, self._plain]
        settings += [self._window, self.max_tokens, 1]
        return f"sha256:{hashlib.sha256(json.dumps(settings, default=list).encode()).hexdigest()}"

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        """See `Generator.generate`."""
        return [self._text(row) for row in self._run(prompts, max_tokens)]

    def generate_isolated(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        """See `AttentiveGenerator.generate_isolated`: another mask while the prompt is read, and nothing more.

        Raises:
            ConfigurationError: The model's attention cannot be masked.
        """
        return [self._text(row) for row in self._run(prompts, max_tokens, isolated=True)]

    def document_attention(
        self, prompts: Sequence[Prompt], *, max_tokens: int | None = None
    ) -> list[tuple[str, list[NDArray[np.float32]]]]:
        """See `AttentiveGenerator.document_attention`.

        Punctuation does not count (arXiv 2506.04390): what the answer's own punctuation attended to, unless there is
        nothing else, and attention to the documents' punctuation, which is 0.

        Raises:
            ConfigurationError: The model's attention cannot be read.
        """
        if prompts and not self._model.maskable:
            raise ConfigurationError(f"generator {self.name}: its attention cannot be read")
        return [
            (self._text(row), self._looked(row, prompt))
            for row, prompt in zip(self._run(prompts, max_tokens, watched=True), prompts, strict=True)
        ]

    def _looked(self, row: Row, prompt: Prompt) -> list[NDArray[np.float32]]:
        # No forward pass follows the answer's last token, and one too many follows an answer that ended by itself.
        steps = row.looked[: len(row.ids)] or row.looked[:1]
        with self._model.tokenizing:
            says = [not _punctuation(self._encoder.decode([token])) for token in row.ids]
            heard = [not _punctuation(self._encoder.decode([int(token)])) for token in row.prompt.ids]
        counted = [step for step, word in zip(steps, says, strict=False) if word] or steps
        total = np.where(heard, np.sum(counted, axis=0, dtype=np.float32), np.float32(0.0)).astype(np.float32)
        return [total[row.prompt.documents == number] for number in range(len(prompt.documents))]

    def next_token_probabilities(
        self, prompts: Sequence[Prompt], answers: Sequence[str]
    ) -> tuple[NDArray[np.float32], list[str]]:
        """See `AttentiveGenerator.next_token_probabilities`; the end of the answer and other special tokens are "".

        An answer is tokenised with what stands before it, and its white space counts. A prompt whose answer grows
        from call to call is read once.
        """
        prompts, answers = list(prompts), list(answers)
        if len(prompts) != len(answers):
            raise DataError(f"{len(answers)} answers to {len(prompts)} prompts")
        import torch

        rows = self._encode(prompts, answers)
        scores = []
        for row, answer in zip(rows, answers, strict=True):
            # Prompts are remembered between calls only for longer answers to them: how long a fresh prompt takes
            # must not tell one client what another one asked.
            _, score = self._model.read(row, known=self._remembered, afresh=not answer)
            if not bool(torch.isfinite(score.max())):
                raise ComponentError(self.name, "the model gave scores that are no numbers")
            scores.append(torch.softmax(score[0].double(), dim=-1).float().cpu().numpy())
        with self._model.tokenizing:
            vocabulary = self._encoder.vocabulary
        width = int(self._model.config.vocab_size)
        # Models have rows to spare for tokens that their tokenizer does not know.
        vocabulary = [*vocabulary, *[""] * (width - len(vocabulary))][:width]
        shape = (len(rows), width)
        return np.asarray(scores, dtype=np.float32).reshape(shape), vocabulary

    def stream(self, prompt: Prompt, *, max_tokens: int | None = None) -> Iterator[str]:
        """Answer one prompt piece by piece; the pieces in a row are what `generate` gives.

        Raises:
            ComponentError: The model failed.
            DataError: The prompt is empty, or longer than the window.
        """
        sent = ""
        (row,) = self._rows([prompt], max_tokens)
        for _ in self._decode([row], None):
            sure = certain(self._written(row), self._stops)
            if len(sure) > len(sent) and sure.startswith(sent):
                yield sure[len(sent) :]
                sent = sure
        if rest := self._text(row)[len(sent) :]:
            yield rest

    def _run(
        self, prompts: Sequence[Prompt], max_tokens: int | None, *, isolated: bool = False, watched: bool = False
    ) -> list[Row]:
        from strategist.generators._model import Prefixes

        rows = self._rows(list(prompts), max_tokens)
        # Neighbours in this order have the longest beginnings in common.
        order = sorted(range(len(rows)), key=lambda place: rows[place].prompt.ids.tolist())
        known = Prefixes() if len(rows) > 1 else None
        for batch in self._batches([rows[place] for place in order]):
            for _ in self._decode(batch, known, isolated=isolated, watched=watched):
                pass
        return rows

    def _rows(self, prompts: list[Prompt], max_tokens: int | None) -> list[Row]:
        from strategist.generators._decoding import Row

        limit = self.max_tokens if max_tokens is None else max_tokens
        if limit < 1:
            raise ConfigurationError(f"max_tokens = {limit!r}: must be at least 1")
        rows = []
        for number, encoded in enumerate(self._encode(prompts, [""] * len(prompts))):
            row = Row(encoded, min(limit, self.window - len(encoded.ids)))
            if self._temperature > 0.0:
                import torch

                told = hashlib.sha256(f"{self._seed}\0{prompts[number]!r}".encode("utf-8", "replace")).digest()
                row.random = torch.Generator().manual_seed(int.from_bytes(told[:6], "big"))
            rows.append(row)
        return rows

    def _encode(self, prompts: list[Prompt], answers: list[str]) -> list[Encoded]:
        encoded = []
        for number, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            with self._model.tokenizing:
                try:
                    one = self._encoder.encode(prompt, answer)
                except DataError as error:
                    raise DataError(f"prompt {number}: {error}") from None
            if len(one.ids) >= self.window:
                raise DataError(
                    f"prompt {number} has {len(one.ids):,} tokens; {self.name} reads fewer than {self.window:,}: "
                    f"give it fewer or shorter documents"
                )
            encoded.append(one)
        return encoded

    def _batches(self, rows: list[Row]) -> Iterator[list[Row]]:
        device = str(self._model.device).partition(":")[0]
        most = self._batch_tokens or _TOKENS.get(device, _TOKENS_ACCELERATOR)
        batch: list[Row] = []
        for row in rows:
            longest = max(len(one.prompt.ids) + one.limit for one in [*batch, row])
            if batch and (longest * (len(batch) + 1) > most or (device == "cpu" and len(batch) == _ROWS)):
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch

    def _decode(
        self, rows: list[Row], known: Prefixes | None, *, isolated: bool = False, watched: bool = False
    ) -> Iterator[Row]:
        from strategist.generators._decoding import decode

        return decode(
            self._model,
            rows,
            ends=self._encoder.ends,
            stopped=lambda row: bool(self._stops) and cut(self._written(row), self._stops)[1],
            temperature=self._temperature,
            isolated=isolated,
            watched=watched,
            known=known,
        )

    def _written(self, row: Row) -> str:
        with self._model.tokenizing:
            return self._encoder.decode(row.ids)

    def _text(self, row: Row) -> str:
        return cut(self._written(row), self._stops)[0]

    @cached_property
    def _stops(self) -> tuple[str, ...]:
        if self._stop is not None:
            return tuple(self._stop)
        return () if self._encoder.chat else CONTINUATIONS

    @cached_property
    def window(self) -> int:
        """The longest prompt and answer in tokens. Loads the model."""
        own = getattr(self._model.config, "max_position_embeddings", None)
        told = getattr(self._encoder.tokenizer, "model_max_length", None)
        known = [int(one) for one in (own, told, self._window) if one is not None and 0 < one < 10**9]
        return min(known, default=10**9)

    @property
    def _model(self) -> LanguageModel:
        return self._parts[0]

    @property
    def _encoder(self) -> PromptEncoder:
        return self._parts[1]

    @cached_property
    def _remembered(self) -> Prefixes:
        from strategist.generators._model import Prefixes

        return Prefixes()

    @cached_property
    def _parts(self) -> tuple[LanguageModel, PromptEncoder]:
        with self._lock:
            if "_parts" in self.__dict__:
                parts: tuple[LanguageModel, PromptEncoder] = self.__dict__["_parts"]
                return parts
            try:
                from strategist.generators._model import load_once
            except ImportError as error:
                raise ConfigurationError(
                    f"generators need transformers ({error.name} is missing): pip install 'sentinel-strategist[gemma]'"
                ) from None
            model, tokenizer = load_once(*self._source.resolve(), *self._computes, self.name)
            return model, PromptEncoder(tokenizer, self.name, self._plain)

    @cached_property
    def _computes(self) -> tuple[str, str]:
        """The device, and what is calculated in there."""
        import torch

        device = self._device or ("cuda" if torch.cuda.is_available() else "cpu")
        dtype = self._dtype or ("float32" if device == "cpu" else "bfloat16")
        if dtype == "int8" and device != "cpu":
            raise ConfigurationError(f"generator {self.name}: int8 is for a processor; here the device is {device}")
        return device, dtype


def _punctuation(text: str) -> bool:
    """Whether a token says nothing: punctuation, signs, white space, or a special token."""
    return not any(unicodedata.category(character)[0] in "LN" for character in text)
