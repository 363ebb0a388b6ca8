"""What a defense knows of a generator: prompts in, answers out. The generators themselves live in `strategist`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt.

    Attributes:
        user: What the user's turn says, documents and question in it.
        system: What the system's turn says; "" for none.
        documents: Where each document stands in `user`: (start, end) in characters, in order, without overlap.
        start: How the answer begins, put into the generator's mouth; a model without chat template needs it most.
    """

    user: str
    system: str = ""
    documents: tuple[tuple[int, int], ...] = ()
    start: str = ""


@runtime_checkable
class Generator(Protocol):
    """Anything that answers prompts."""

    @property
    def name(self) -> str:
        """What it is called in records."""

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        """Answer prompts, greedily unless the generator was told otherwise.

        Args:
            prompts: They are independent of each other.
            max_tokens: The longest answer in tokens; None for the generator's own limit.

        Returns:
            One answer for each prompt, in order, without the prompt's `start`.

        Raises:
            ComponentError: The generator failed.
            DataError: A prompt is longer than its window.
        """


@runtime_checkable
class AttentiveGenerator(Generator, Protocol):
    """A generator whose attention can be changed and read: a transformers model in this process."""

    def generate_isolated(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        """As `generate`, where no token of a document attends to a token of another one."""

    def document_attention(
        self, prompts: Sequence[Prompt], *, max_tokens: int | None = None
    ) -> list[tuple[str, list[NDArray[np.float32]]]]:
        """Answer prompts and say what the answers attended to.

        Returns:
            For each prompt the answer, and for each of its documents the attention that each of its tokens got, shape
            (tokens,), float32: averaged over layers and heads, summed over the generated tokens.
        """

    def next_token_probabilities(
        self, prompts: Sequence[Prompt], answers: Sequence[str]
    ) -> tuple[NDArray[np.float32], list[str]]:
        """The distribution of the token after each prompt and the beginning of an answer to it.

        Returns:
            Probabilities, shape (prompts, vocabulary), float32, and each vocabulary entry as text.
        """
