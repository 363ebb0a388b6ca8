"""What texts share: non-members that stand in the corpus after all, planted texts that tell the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sentinel.text import words

RUN = 5
COPIED = 0.8
"""Share of a text's word 5-grams in one passage from which on the text counts as standing in the corpus."""


def copies(texts: Sequence[str], corpus: Iterable[tuple[str, str]]) -> dict[int, tuple[float, str]]:
    """Texts that stand, wholly or nearly, in one passage. One pass over the corpus, whatever the number of texts.

    Args:
        texts: What to look for.
        corpus: Id and text of each passage.

    Returns:
        For each text found, by its position: the share of its runs of five words that the best passage holds, and
        that passage's id.
    """
    runs = [_runs(text) for text in texts]
    index: dict[tuple[str, ...], list[int]] = {}
    for number, found in enumerate(runs):
        for run in found:
            index.setdefault(run, []).append(number)
    best: dict[int, tuple[float, str]] = {}
    for key, passage in corpus if index else ():
        hits = Counter(number for run in index.keys() & _runs(passage) for number in index[run])
        for number, count in hits.items():
            share = count / len(runs[number])
            if share >= COPIED and share > best.get(number, (0.0, ""))[0]:
                best[number] = share, key
    return dict(sorted(best.items()))


def giving_the_right_answer(row: Mapping[str, Any], key: str) -> list[int]:
    """Texts of a poison row that give the correct short answer and not the incorrect one, counted from 1."""
    right, asked = _phrase(row.get("short_correct")), _phrase(row.get("question"))
    wrong = [phrase for name in ("short_incorrect", "incorrect") if (phrase := _phrase(row.get(name)))]
    # Nothing follows from words that the question or the wrong answer holds too, nor from a yes or no, which stand
    # in texts that say the opposite ("no exceptions").
    if not right or not wrong or right in (" yes ", " no ") or any(right in text for text in (asked, *wrong)):
        return []
    texts = row.get(key)
    said = [_phrase(text) for text in texts] if isinstance(texts, list) else []
    return [n for n, text in enumerate(said, 1) if right in text and not any(answer in text for answer in wrong)]


def _phrase(value: object) -> str:
    """Words with a blank around each, so that `in` finds whole words only; empty for what is no answer."""
    found = words(str(value)) if isinstance(value, str | int | float) else ()
    return f" {' '.join(found)} " if found else ""


def _runs(text: str) -> set[tuple[str, ...]]:
    """Runs of five words; a shorter text is one run, and so stands only in a passage of the same few words."""
    found = words(text)
    length = min(RUN, len(found))
    return set(zip(*(found[start:] for start in range(length)), strict=False))
