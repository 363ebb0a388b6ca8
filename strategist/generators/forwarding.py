"""What generators around other generators have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from defenses.generator import Prompt


class ForwardsAttention:
    """Gives on what is read of a generator's attention and probabilities, as it is.

    Attributes:
        inner: The `AttentiveGenerator` around which this one stands.
    """

    inner: Any

    def document_attention(
        self, prompts: Sequence[Prompt], *, max_tokens: int | None = None
    ) -> list[tuple[str, list[NDArray[np.float32]]]]:
        """The inner generator's."""
        made: list[tuple[str, list[NDArray[np.float32]]]] = self.inner.document_attention(
            prompts, max_tokens=max_tokens
        )
        return made

    def next_token_probabilities(
        self, prompts: Sequence[Prompt], answers: Sequence[str]
    ) -> tuple[NDArray[np.float32], list[str]]:
        """The inner generator's."""
        made: tuple[NDArray[np.float32], list[str]] = self.inner.next_token_probabilities(prompts, answers)
        return made
