"""Drop candidates that repeat the question: they were written to be found by it."""

from __future__ import annotations

from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.signals.question_echo import MIN_WORDS
from sentinel.vocabulary import Threat


class EchoFilter(SelectionDefense):
    """Drops each candidate that holds a large part of the query as one unbroken run.

    Against PoisonedRAG's black-box documents (question + text, arXiv 2402.07867) and every attack that puts the
    question in front. A pasted excerpt stands in its source as a whole too; that is a membership question and not
    a poisoned passage, so long queries are left to the retrieval defenses (`longest`).
    """

    manifest = DefenseManifest(
        name="echo_filter",
        summary="drop documents that repeat the question",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING, Threat.INJECTION, Threat.JAMMING}),
        cost=Cost.MICROSECONDS,
        source="ours, against PoisonedRAG, arXiv 2402.07867",
    )

    share: float = Field(0.8, gt=0.0, le=1.0, description="share of the query in one run that is too large")
    longest: int = Field(40, ge=MIN_WORDS, le=1000, description="queries of more words are not looked at")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop the candidates that echo the question."""
        length = len(evidence.query_words)
        if not MIN_WORDS <= length <= self.longest:
            return Selection.all_of(evidence)
        dropped: dict[int, str] = {}
        for candidate, words in zip(evidence.candidates, evidence.candidate_words, strict=True):
            share = evidence.runs.longest(words) / length
            if share >= self.share:
                dropped[candidate.position] = f"repeats {share:.0%} of the question in one piece"
        return Selection.without(evidence, dropped)
