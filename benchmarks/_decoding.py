"""Text that is searched word by word for a retriever's vector: fluent by an n-gram model of the corpus, or not.

After adversarial decoding (github.com/collinzrj/adversarial_decoding), where a language model proposes the next words;
here a trigram model of the attacked corpus does, so that the text is of low perplexity for that very corpus.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.attacks._substitutes import STOP

Words = tuple[str, ...]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to unit vectors, shape (n, d)."""
Score = Callable[[Sequence[Words]], Sequence[float] | NDArray[np.float64]]
"""Texts to what each is worth."""
BEGIN = ""
BACKOFF = 0.1
"""Weight of the bigram where the trigram model has too little to offer."""
AWAY = 0.2
"""Weight of the vectors that a text should not be near to."""


def plain(word: str) -> str:
    """A word in lower case, without what stands around it."""
    return word.lower().strip(".,;:!?()\"'")


class Beam(NamedTuple):
    """A text so far and what it is worth."""

    words: Words
    score: float


class NgramModel:
    """Words of a corpus after the two before them, punctuation kept with the word that it follows.

    Args:
        texts: The corpus.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._after: dict[Words, Counter[str]] = defaultdict(Counter)
        self.openings: Counter[Words] = Counter()
        self._around: dict[str, list[Words]] = defaultdict(list)
        for text in texts:
            pieces = text.split()
            for i, word in enumerate(pieces):
                before = (pieces[i - 2] if i > 1 else BEGIN, pieces[i - 1] if i else BEGIN)
                self._after[before][word] += 1
                self._after[before[1:]][word] += 1
                if (i == 0 or before[1][-1] in ".!?") and word[0].isupper() and i + 2 < len(pieces):
                    self.openings[tuple(pieces[i : i + 3])] += 1
                if i >= 2:
                    self._around[plain(word)].append(tuple(pieces[i - 2 : i + 3]))

    def weights(self, words: Words) -> dict[str, float]:
        """Probability of each possible next word, up to the backoff's normalisation."""
        before = (BEGIN, BEGIN, *words)[-2:]
        found: dict[str, float] = defaultdict(float)
        for context, share in ((before, 1 - BACKOFF), (before[1:], BACKOFF)):
            total = self._after[context].total() if context in self._after else 0
            for word, count in self._after.get(context, {}).items():
                found[word] += share * count / total
        return found

    def log_probability(self, words: Words) -> float:
        """Mean natural logarithm of the probability of each word after the first two; unseen ones count as 1e-6."""
        if len(words) < 3:
            return 0.0
        steps = [math.log(self.weights(words[:i]).get(words[i], 1e-6)) for i in range(2, len(words))]
        return sum(steps) / len(steps)

    def continued(self, words: Words, count: int, wanted: frozenset[str], draw: random.Random) -> Words:
        """Some words more, drawn from the model; words that are wanted are drawn eight times as easily."""
        for _ in range(count):
            weights = self.weights(words)
            if not weights:
                break
            options = sorted(weights)
            chances = [weights[w] * (8.0 if plain(w) in wanted else 1.0) for w in options]
            words = (*words, draw.choices(options, chances)[0])
        return words

    def joined(self, words: Words, wanted: frozenset[str], draw: random.Random) -> Words:
        """Behind a comma, five words of the corpus around one that is wanted.

        Returns:
            The text itself if there is no such word, or if it ends in one that no comma follows.
        """
        there = sorted(word for word in wanted if word in self._around)
        if not there or plain(words[-1]) in STOP:
            return words
        piece = draw.choice(self._around[draw.choice(there)])
        last = words[-1] if words[-1][-1] in ".!?," else words[-1].rstrip(";:-") + ","
        return (*words[:-1], last, *piece)


def beam_search(
    start: Sequence[Words],
    propose: Callable[[Words], Iterable[Words]],
    score: Score,
    steps: int,
    width: int,
) -> list[Beam]:
    """The best texts after some steps, best first.

    Args:
        start: Texts to begin with.
        propose: Longer texts for one text.
        score: What texts are worth, all of a step at once.
        steps: How often texts are made longer.
        width: Texts kept after every step.
    """
    beams = _best(list(start), score, width)
    for _ in range(steps):
        longer = [words for beam in beams for words in propose(beam.words)]
        beams = _best(longer, score, width) or beams
    return beams


def _best(texts: Sequence[Words], score: Score, width: int) -> list[Beam]:
    different = list(dict.fromkeys(texts))
    if not different:
        return []
    scored = [Beam(words, float(value)) for words, value in zip(different, score(different), strict=True)]
    return sorted(scored, key=lambda beam: (-beam.score, beam.words))[:width]


def towards(
    vectors: NDArray[np.float32], away: NDArray[np.float32] | None, ending: str, embed: Embed
) -> Callable[[Sequence[Words]], NDArray[np.float64]]:
    """A score: mean cosine of the finished text with some vectors, less a fifth of that with others.

    Args:
        vectors: Unit vectors that the text should be near to, shape (n, d).
        away: Unit vectors that it should not be near to, shape (m, d).
        ending: What stands behind the searched words in the document.
        embed: The retriever's model.
    """
    aim = vectors.mean(axis=0) - (AWAY * away.mean(axis=0) if away is not None else 0.0)

    def score(texts: Sequence[Words]) -> NDArray[np.float64]:
        finished = [f"{' '.join(words)} {ending}" for words in texts]
        return np.asarray(embed(finished) @ aim, dtype=np.float64)

    return score


def copied_run(words: Words, text: str) -> int:
    """Length of the longest run of words that stands in a text as well, case and punctuation aside."""
    said = [plain(word) for word in words]
    there = f" {' '.join(map(plain, text.split()))} "
    best = 0
    for i in range(len(said)):
        while i + best < len(said) and f" {' '.join(said[i : i + best + 1])} " in there:
            best += 1
    return best
