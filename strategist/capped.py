"""A generator for one request: its calls are counted, and its answers no longer than the user wants them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from defenses import AttentiveGenerator, Generator, Prompt


class Capped:
    """A generator around another one.

    Args:
        inner: What answers.
        max_tokens: The longest answer, whatever who asks would allow; None for the generator's own limit.

    Attributes:
        calls: How many prompts it was given.
    """

    def __init__(self, inner: Generator, max_tokens: int | None) -> None:
        self.inner, self.max_tokens, self.calls = inner, max_tokens, 0

    @property
    def name(self) -> str:
        """The inner generator's."""
        return self.inner.name

    @property
    def streams(self) -> bool:
        """Whether an answer can be had piece by piece."""
        return callable(getattr(self.inner, "stream", None))

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        """See `Generator.generate`."""
        self.calls += len(prompts)
        return self.inner.generate(prompts, max_tokens=self._at_most(max_tokens))

    def stream(self, prompt: Prompt) -> Iterator[str]:
        """One answer, piece by piece."""
        self.calls += 1
        return self.inner.stream(prompt, max_tokens=self.max_tokens)  # type: ignore[attr-defined, no-any-return]

    def _at_most(self, asked: int | None) -> int | None:
        if self.max_tokens is None or asked is None:
            return self.max_tokens if asked is None else asked
        return min(asked, self.max_tokens)


class CappedAttentive(Capped):
    """As `Capped`, around a generator whose attention can be changed and read."""

    inner: AttentiveGenerator

    def generate_isolated(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        """See `AttentiveGenerator.generate_isolated`."""
        self.calls += len(prompts)
        return self.inner.generate_isolated(prompts, max_tokens=self._at_most(max_tokens))

    def document_attention(
        self, prompts: Sequence[Prompt], *, max_tokens: int | None = None
    ) -> list[tuple[str, list[NDArray[np.float32]]]]:
        """See `AttentiveGenerator.document_attention`."""
        self.calls += len(prompts)
        return self.inner.document_attention(prompts, max_tokens=self._at_most(max_tokens))

    def next_token_probabilities(
        self, prompts: Sequence[Prompt], answers: Sequence[str]
    ) -> tuple[NDArray[np.float32], list[str]]:
        """See `AttentiveGenerator.next_token_probabilities`."""
        self.calls += len(prompts)
        return self.inner.next_token_probabilities(prompts, answers)


def capped(generator: Generator, max_tokens: int | None) -> Capped:
    """A generator for one request."""
    kind = CappedAttentive if isinstance(generator, AttentiveGenerator) else Capped
    return kind(generator, max_tokens)
