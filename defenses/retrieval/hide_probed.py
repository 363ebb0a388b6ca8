"""Hide the document that the query was copied from: Mirabel's idea with a second, textual signal."""

from __future__ import annotations

from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from defenses.query.neutralise_placeholders import neutralise
from defenses.retrieval._alignment import OrderFinder
from defenses.retrieval._copies import with_copies
from sentinel._broken import broken
from sentinel._located import MAX_CHARACTERS
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.text import word_ngrams
from sentinel.text import words as words_of
from sentinel.vocabulary import Threat


class HideProbed(SelectionDefense):
    """Hides each candidate that holds the query's own wording at length, with its near-duplicates.

    Similarity alone cannot tell a probe from a good question; wording can: a probe carries a stretch of its target, a
    question does not. A document goes if it shares a run of `run` words with the query, if it holds `share` of the
    query's 3-grams and those are at least `grams` (placeholders cut runs, not all 3-grams), if it holds `ordered` of
    any 32 of the query's content words in a row, inflected or not, in their order and `words` of all (a cloze without
    markers, some words deleted and some substituted, breaks the 3-grams and keeps the order; text that is put around
    it changes neither), or if `broken` words of the query are a copy of it with something changed, as `broken_copy`
    counts them (a short stretch of a record has few content words, and keeps the others). Blanks and instructions for
    filling them in say nothing about a document: of a short one they would outnumber the words.

    Who pastes a long excerpt in good faith loses that one document as well: when to use this is a policy's decision.
    `apart` tells the two where it matters: an excerpt stands in its document in one piece, the words of a probe with
    holes stand there in many. Only words in order beyond the longest run count for it.
    """

    manifest = DefenseManifest(
        name="hide_probed",
        summary="hide a document whose wording the query copies at length",
        stage=Stage.RETRIEVAL,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        cost=Cost.MICROSECONDS,
        source="ours, after Mirabel, arXiv 2505.22061",
    )

    run: int = Field(12, ge=3, le=1000, description="words in a row that are too many")
    share: float = Field(0.4, gt=0.0, le=1.0, description="share of the query's 3-grams that is too large")
    grams: int = Field(10, ge=1, le=1000, description="3-grams in common below which the share does not count")
    words: int = Field(12, ge=3, le=256, description="content words in order below which `ordered` does not count")
    ordered: float = Field(
        0.5, gt=0.0, le=1.0, description="share of any 32 content words of the query that is too large"
    )
    # Records of one form are broken copies of each other: without more to go by, none is hidden for it.
    broken: float = Field(0.0, ge=0.0, le=256.0, description="words of a copy with something changed; 0: any number")
    apart: int = Field(0, ge=0, le=256, description="of those, as many beyond the length of the longest run; 0: any")
    cosine: float = Field(0.95, gt=0.0, le=1.0, description="from which a document is a near-duplicate of a hidden one")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop every candidate that the query copies from."""
        wanted = word_ngrams(evidence.request.query, 3)
        order = OrderFinder(words_of(neutralise(evidence.request.query[:MAX_CHARACTERS])))
        hidden: dict[int, str] = {}
        trigrams, pieces = evidence.shared_trigrams(wanted), broken(evidence).tolist()
        for candidate, words, run, common, copied in zip(
            evidence.candidates, evidence.candidate_words, evidence.run_lengths, trigrams, pieces, strict=True
        ):
            if run >= self.run or (common >= self.grams and common >= self.share * len(wanted)):
                hidden[candidate.position] = f"the query copies it ({run} words in a row, {common} 3-grams)"
            elif 0.0 < self.broken <= copied:
                hidden[candidate.position] = f"the query is a copy of it with something changed ({copied:.0f} words)"
            elif len(order) >= self.words:
                matched = order.in_order(words)
                pieced = not self.apart or matched - run >= self.apart
                if pieced and matched >= self.words and order.densest(words) >= self.ordered:
                    hidden[candidate.position] = f"the query follows it ({matched} content words in order)"
        return Selection.without(evidence, with_copies(evidence, hidden, self.cosine))
