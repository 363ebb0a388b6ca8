"""Was a candidate written for this very question? It then says what the question says, and little else."""

from __future__ import annotations

import numpy as np

from sentinel._echo import asks
from sentinel._passage import passage
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat

RARE = 1.5
LEAST_RARE = 2
LEAST_TYPED = 5
"""Words from which a capital and no form of a question make a sentence of somebody's; fewer are a name."""
STANDS = 0.8
"""Share of such a query that a document holds in one piece if it is where the query comes from."""
LEAST_DOCUMENTS = 40
"""A smaller corpus has no rare words, or none but rare ones: a document that shares two seems made for a question."""


class QuestionTailoring(Signal):
    """Idf-weighted Jaccard similarity of the question's words and the candidate's, in [0, 1].

    The retrieval condition of PoisonedRAG (arXiv 2402.07867) makes a planted text restate its question, the
    generation condition makes it answer and stop. A passage that was written for its own sake covers the question as
    well, but has a subject of its own: most of its rare words are not the question's. What is pasted beside a question
    is no part of it: nobody could have written a document for it, and its source holds all of it. The same goes for a
    query that is itself a sentence as it stands in print, and for the document that it stands in. Keywords are no
    question either: whatever is on their subject has all of them, and most of its words besides are others.
    """

    manifest = SignalManifest(
        name="question_tailoring",
        summary="how far a candidate says what the question says and nothing else",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        needs=frozenset({Need.CORPUS_PROFILE}),
        per_candidate=True,
        cost=Cost.MICROSECONDS,
        source="ours, against PoisonedRAG without its prefix, arXiv 2402.07867",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Similarity, shape (n,), NaN for a text without words.

        None without a scan, for a corpus of under `LEAST_DOCUMENTS` and a question of under two rare words.
        """
        statistics = None if evidence.corpus is None else evidence.corpus.text
        if statistics is None or statistics.documents < LEAST_DOCUMENTS:
            return None
        read = evidence.query_passage if evidence.question is evidence.request.query else passage(evidence.question)
        weights = statistics.idfs(evidence.question).tolist()
        asked = dict(zip(read.words, weights, strict=True))
        if sum(weight >= RARE for weight in asked.values()) < LEAST_RARE:
            return None
        total = sum(asked.values())
        printed, whole = _printed(evidence), STANDS * len(evidence.question_words)
        # Not a word that would hold a sentence together.
        keywords = min(asked.values()) >= RARE and not asks(evidence.question_words, evidence.question)
        values = np.full(len(evidence.candidates), np.nan)
        masses = statistics.masses(evidence.texts)
        for i, (read, held) in enumerate(zip(evidence.passages, evidence.shared_passage_words, strict=True)):
            if not read.words:
                continue
            if keywords or (printed and evidence.question_run_lengths[i] >= whole):
                values[i] = 0.0
            else:
                shared = sum([weight for word, weight in asked.items() if word in held])
                values[i] = shared / (total + masses[i] - shared)
        return values

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how closely a document fits the question."""
        return f"a document says what the question says and little else (overlap {peak(measurement):.0%})"


def _printed(evidence: Evidence) -> bool:
    """Whether the query is a sentence or a title as it stands in print.

    Wider than `sentinel._echo.states`, which asks for a verb that it knows: what is let off here is only the document
    that holds the query whole.
    """
    words, text = evidence.question_words, evidence.question
    return len(words) >= LEAST_TYPED and text.lstrip()[:1].isupper() and not asks(words, text)
