"""All that signals may look at for one request, each derived thing computed at most once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sentinel.client_state import ClientState
from sentinel.corpus import CorpusProfile
from sentinel.observation import Observation, observe
from sentinel.sketch import document_key
from sentinel.text import RunFinder, words
from sentinel.vocabulary import Candidate, Request, Vector


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
        """The same request over other candidates (a fresh view; nothing derived is carried over)."""
        return replace(self, candidates=tuple(candidates))

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
    def runs(self) -> RunFinder:
        """Finds runs of the query's words in any text."""
        return RunFinder(self.query_words)

    @cached_property
    def run_lengths(self) -> tuple[int, ...]:
        """The longest run of the query's words in each candidate, in words."""
        return tuple(self.runs.longest(text) for text in self.candidate_words)

    @cached_property
    def candidate_words(self) -> tuple[tuple[str, ...], ...]:
        """The normalised words of each candidate."""
        return tuple(words(c.text) for c in self.candidates)

    @cached_property
    def similarities(self) -> NDArray[np.float64]:
        """Cosine similarity of each candidate, shape (n,), NaN where it is not known.

        Taken from the base where it gives one, else computed from the vectors.
        """
        values = np.full(len(self.candidates), np.nan)
        for i, candidate in enumerate(self.candidates):
            if candidate.similarity is not None and np.isfinite(candidate.similarity):
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
        stacked = np.stack(found)
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
        return tuple(int(i) for i in np.argsort(-values, kind="stable"))

    @cached_property
    def observation(self) -> Observation:
        """What this request adds to its client's history, over all candidates (see `Observation.served`)."""
        return observe(
            self.request.query,
            self.query_words,
            self.query_vector,
            [c.text for c in self.candidates],
            self.candidate_words,
            self.ranking,
            self.request.k,
            getattr(self.corpus, "idf", None),
        )

    @cached_property
    def candidate_keys(self) -> tuple[int, ...]:
        """The history key of each candidate."""
        return tuple(document_key(c.text) for c in self.candidates)
