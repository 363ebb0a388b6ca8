"""Inflected forms of a word brought to one, cheaply: whoever rephrases a text changes endings before anything else."""

from __future__ import annotations

from functools import lru_cache

LETTERS = 6
"""What is left of a longer word. Endings differ from language to language; beginnings hold the meaning in most."""
_SIBILANTS = ("ses", "xes", "zes", "ches", "shes")
_NO_PLURAL = ("ss", "us", "is")


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """The beginning of a normalised word, without an English plural's ending (after Harman 1991, S-stemmer).

    Words of three letters and less, and whatever is no word (numbers, codes), stay as they are.
    """
    if len(word) <= 3 or not word.isalpha():
        return word
    if word.endswith(_SIBILANTS):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(_NO_PLURAL):
        word = word[:-1]
    return word[:LETTERS]
