"""All that signals may look at for one request, each derived thing computed at most once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sentinel._overlap import Laid, Stretch
from sentinel._passage import CHARACTERS, Codes, Passage, passage, read_all, stem_codes
from sentinel._requests import question_of
from sentinel.client_state import ClientState
from sentinel.corpus import CorpusProfile
from sentinel.observation import Asked, Observation, observe, read_query
from sentinel.sketch import document_key
from sentinel.text import RunFinder, words
from sentinel.vocabulary import Candidate, Request, Vector

_OF_THE_QUERY = ("query_words", "query_passage", "runs", "asked", "question", "question_words", "question_runs")
"""What is derived from the query alone, and so is the same whatever the candidates."""


@dataclass(frozen=True)
class Evidence:
    """One request, its query vector, and the candidates that came back for it.

    Attributes:
        request: Who asks what.
        query_vector: Unit vector of shape (d,), or None where the base embeds out of sight.
        candidates: Best first; empty at the query stage.
        corpus: Statistics of the corpus, or None if it was never scanned.
        history: What the client did before this request, or None where no history is kept.
    """

    request: Request
    query_vector: Vector | None = None
    candidates: tuple[Candidate, ...] = ()
    corpus: CorpusProfile | None = None
    history: ClientState | None = None

    def with_candidates(self, candidates: Sequence[Candidate]) -> Evidence:
        """The same request over other candidates: a fresh view, of which only what the query tells is known."""
        other = replace(self, candidates=tuple(candidates))
        other.__dict__.update({name: self.__dict__[name] for name in _OF_THE_QUERY if name in self.__dict__})
        return other

    def keep(self, positions: Sequence[int]) -> Evidence:
        """The same request over the candidates at `positions` (`Candidate.position`), order kept."""
        wanted = set(positions)
        return self.with_candidates([c for c in self.candidates if c.position in wanted])

    def with_texts(self, texts: Mapping[int, str]) -> Evidence:
        """The same candidates, some with another text, by position; the documents themselves are not touched."""
        if not texts:
            return self
        return self.with_candidates(
            [
                replace(c, document=c.document.model_copy(update={"page_content": texts[c.position]}))
                if c.position in texts
                else c
                for c in self.candidates
            ]
        )

    @cached_property
    def query_words(self) -> tuple[str, ...]:
        """The query's normalised words."""
        return words(self.request.query)

    @cached_property
    def question(self) -> str:
        """What the query asks, without what is pasted beside it; see `sentinel._requests`."""
        return question_of(self.request.query)

    @cached_property
    def question_words(self) -> tuple[str, ...]:
        """The normalised words of `question`."""
        return self.query_words if self.question is self.request.query else words(self.question)

    @cached_property
    def question_runs(self) -> RunFinder:
        """Finds runs of the question's words in any text."""
        return self.runs if self.question_words is self.query_words else RunFinder(self.question_words)

    @cached_property
    def question_run_lengths(self) -> tuple[int, ...]:
        """The longest run of the question's words in each candidate, in words."""
        if self.question_words is self.query_words:
            return self.run_lengths
        return tuple(map(self.question_runs.longest, self.candidate_words))

    @cached_property
    def query_passage(self) -> Passage:
        """The query, taken apart as passages are."""
        return passage(self.request.query)

    @cached_property
    def asked(self) -> Asked:
        """What the query alone adds to its client's history."""
        return read_query(self.request.query, self.query_words, self.query_vector, getattr(self.corpus, "idf", None))

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The text of each candidate."""
        return tuple([c.document.page_content for c in self.candidates])

    @cached_property
    def passages(self) -> tuple[Passage, ...]:
        """Each candidate, taken apart."""
        return tuple(map(passage, self.texts))

    def read(self, reader: Callable[[str], float]) -> list[float]:
        """What a `sentinel._passage.read_once` function says of each candidate."""
        return read_all(reader, self.texts, self.passages)

    @cached_property
    def candidate_words(self) -> tuple[tuple[str, ...], ...]:
        """The normalised words of each candidate."""
        return tuple(
            [
                read.text_words if len(text) <= CHARACTERS else words(text)
                for read, text in zip(self.passages, self.texts, strict=True)
            ]
        )

    @cached_property
    def candidate_stems(self) -> list[Codes]:
        """The codes of the stems of `candidate_words`."""
        return [
            read.stems if read.words is found else stem_codes(found)
            for read, found in zip(self.passages, self.candidate_words, strict=True)
        ]

    @cached_property
    def _laid(self) -> Laid:
        return Laid(self.candidate_words, self.candidate_stems)

    @cached_property
    def places(self) -> list[list[int]]:
        """For each candidate where in `candidate_words` forms of the query's words may stand (see `Laid.places`)."""
        return self._laid.places(self.query_words)

    @cached_property
    def stretches(self) -> list[list[Stretch]]:
        """For each candidate what of `candidate_words` may stand in the query in a row (see `Laid.stretches`)."""
        return self._laid.stretches(self.query_words)

    @cached_property
    def passage_places(self) -> list[list[int]]:
        """The same in the words of `passages`, for the words of `query_passage`."""
        same = all(read.words is found for read, found in zip(self.passages, self.candidate_words, strict=True))
        if same and self.query_passage.words == self.query_words:
            return self.places
        return Laid([p.words for p in self.passages], [p.stems for p in self.passages]).places(self.query_passage.words)

    @cached_property
    def shared_words(self) -> tuple[frozenset[str], ...]:
        """Which of the query's words stand in each candidate, and some others."""
        return _picked(self.candidate_words, self.places)

    @cached_property
    def shared_passage_words(self) -> tuple[frozenset[str], ...]:
        """The same in the words of `passages`, for the words of `query_passage`."""
        if self.passage_places is self.places:
            return self.shared_words
        return _picked([p.words for p in self.passages], self.passage_places)

    @cached_property
    def runs(self) -> RunFinder:
        """Finds runs of the query's words in any text."""
        return RunFinder(self.query_words)

    @cached_property
    def run_lengths(self) -> tuple[int, ...]:
        """The longest run of the query's words in each candidate, in words."""
        query, asked = f" {' '.join(self.query_words)} ", frozenset(self.query_words)
        found = []
        for text, stretches, shared in zip(self.candidate_words, self.stretches, self.shared_words, strict=True):
            best = 0
            for start, end in stretches:
                if end - start <= best:
                    break  # what follows is no longer
                part = text[start:end]
                # Nearly always the whole stretch stands in the query: then no automaton needs to be built.
                whole = f" {' '.join(part)} " in query
                best = max(best, len(part) if whole else self.runs.longest(part))
            found.append(best or int(not asked.isdisjoint(shared)))
        return tuple(found)

    def shared_trigrams(self, wanted: frozenset[tuple[str, ...]]) -> tuple[int, ...]:
        """How many of the query's distinct word 3-grams stand in each candidate.

        Args:
            wanted: The query's 3-grams: `word_ngrams(request.query, 3)`.
        """
        found = []
        for text, stretches, run in zip(self.candidate_words, self.stretches, self.run_lengths, strict=True):
            held: set[tuple[str, ...]] = set()
            if run >= 3:  # else no three words in a row are the query's
                for start, end in stretches:
                    if end - start < 3:
                        break
                    part = text[start:end]
                    held.update(zip(part, part[1:], part[2:], strict=False))
            found.append(len(held & wanted))
        return tuple(found)

    @cached_property
    def similarities(self) -> NDArray[np.float64]:
        """Cosine similarity of each candidate, shape (n,), NaN where it is not known.

        Taken from the base where it gives one, else computed from the vectors.
        """
        values = np.full(len(self.candidates), np.nan)
        for i, candidate in enumerate(self.candidates):
            if candidate.similarity is not None and math.isfinite(candidate.similarity):
                values[i] = candidate.similarity
            elif (
                self.query_vector is not None
                and candidate.vector is not None
                and candidate.vector.shape == self.query_vector.shape
            ):
                values[i] = float(candidate.vector @ self.query_vector)
        return values

    @cached_property
    def vectors(self) -> NDArray[np.float32] | None:
        """The candidates' unit vectors, shape (n, d), or None if any of them is not known."""
        found = [c.vector for c in self.candidates if c.vector is not None]
        if not found or len(found) != len(self.candidates) or len({v.shape for v in found}) != 1:
            return None
        stacked = np.concatenate(found).reshape(len(found), -1)
        return stacked if bool(np.isfinite(stacked).all()) else None

    @cached_property
    def cosines(self) -> NDArray[np.float32] | None:
        """Cosine similarity of every pair of candidates, shape (n, n), or None without vectors."""
        vectors = self.vectors
        return None if vectors is None else vectors @ vectors.T

    @cached_property
    def ranking(self) -> tuple[int, ...]:
        """Indices of the candidates, best first: by similarity where all are known, else as they came."""
        values = self.similarities
        if not len(values) or bool(np.isnan(values).any()):
            return tuple(range(len(self.candidates)))
        return tuple(np.argsort(-values, kind="stable").tolist())

    @cached_property
    def observation(self) -> Observation:
        """What this request adds to its client's history, over all candidates (see `Observation.served`)."""
        return observe(self.asked, self.texts, self.candidate_keys, self.shared_words, self.ranking, self.request.k)

    @cached_property
    def served(self) -> Observation:
        """The same over what the base would have served."""
        return self.observation.served(self.request.k)

    @cached_property
    def candidate_keys(self) -> tuple[int, ...]:
        """The history key of each candidate."""
        return tuple(map(document_key, self.texts))


def _picked(texts: Sequence[tuple[str, ...]], places: Sequence[list[int]]) -> tuple[frozenset[str], ...]:
    return tuple([frozenset([text[i] for i in at]) for text, at in zip(texts, places, strict=True)])
