"""Markers that no document can hold, because they are drawn after it was written."""

from __future__ import annotations

import random
from collections.abc import Sequence

HEXADECIMAL = "0123456789abcdef"


def fresh_marker(documents: Sequence[str], source: random.Random, alphabet: str, length: int) -> str:
    """Draw a marker that stands in none of the documents.

    Nobody who wrote a document beforehand can know it. Where one holds it by chance, or because the draws can be
    foreseen, the marker grows until none does: at the latest when it is longer than every document.

    Args:
        documents: What the marker must not stand in.
        source: Where it is drawn from.
        alphabet: Its characters.
        length: How many of them, at least.
    """
    marker = "".join(source.choice(alphabet) for _ in range(length))
    while any(marker in document for document in documents):
        marker += source.choice(alphabet)
    return marker
