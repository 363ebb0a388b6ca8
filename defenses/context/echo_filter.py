"""Drop candidates that repeat the question: they were written to be found by it."""

from __future__ import annotations

from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from sentinel._asked import MIN_WORDS, asked, put_in
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat


class EchoFilter(SelectionDefense):
    """Drops each candidate that repeats the question, word for word or edited.

    Against PoisonedRAG's black-box documents (question + text, arXiv 2402.07867) and every attack that puts the
    question in front. A passage answers a question; it does not ask it. Three rules:

    * the question stands in it in one piece (`share` of its words in a row; a title of a few words is no question).
      What has not the form of a question may be a phrase of the passage itself, its title or the start of a sentence:
      it must then end where a sentence, a line or a quotation ends, as what was put in front of a text does;
    * one of its *sentences* asks the same: it has the form of a question and holds `edited` of the question's
      content words, in any order, with small differences in spelling, and little else;
    * it *begins* with a sentence that says nothing but what an open question says: `share` of its content words
      and hardly one of its own. An answer has at least the answer besides.

    A query that is a statement asks nothing: its sentence stands in the passage that it was taken from.

    They catch words swapped, left out, misspelt, and some replaced; a synonym for every word passes.
    A pasted excerpt stands in its source as a whole too; that is a membership question and not a poisoned passage,
    so long queries are left to the retrieval defenses (`longest`). In a corpus of questions with their answers
    (FAQ) these rules hit good passages: calibration measures that, and 1 for both shares is the mildest.
    """

    manifest = DefenseManifest(
        name="echo_filter",
        summary="drop documents that repeat the question",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING, Threat.INJECTION, Threat.JAMMING}),
        cost=Cost.MILLISECONDS,
        source="ours, against PoisonedRAG, arXiv 2402.07867",
    )

    share: float = Field(0.8, gt=0.0, le=1.0, description="share of the query in one run that is too large")
    edited: float = Field(0.8, gt=0.0, le=1.0, description="share of its content words in one question of the text")
    longest: int = Field(40, ge=MIN_WORDS, le=1000, description="queries of more words are not looked at")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop the candidates that echo the question."""
        if len(evidence.query_words) > self.longest:
            return Selection.all_of(evidence)
        dropped: dict[int, str] = {}
        whole, edited = put_in(evidence, self.share), asked(evidence, self.share, self.edited)
        for candidate, share, coverage in zip(evidence.candidates, whole, edited, strict=True):
            if share > 0.0:
                dropped[candidate.position] = f"repeats {share:.0%} of the question in one piece"
            elif coverage > 0.0:
                dropped[candidate.position] = f"asks {coverage:.0%} of the question in other words"
        return Selection.without(evidence, dropped)
