"""Readable thresholds on raw signals."""

from __future__ import annotations

from pydantic import Field

from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import Policy, PolicyManifest


class RulesPolicy(Policy):
    """A handful of rules that a person can check by eye; no fitted model has a say.

    A rule compares raw signals with thresholds. A signal that is missing triggers nothing. A short excerpt that
    somebody pastes with a question looks like a short probe: below `words` the benefit of the doubt is the user's.
    """

    manifest = PolicyManifest(
        name="rules",
        summary="readable thresholds on raw signals",
        reads=frozenset({"verbatim_run", "ngram_containment", "question_echo"}),
    )

    overfetch: int = Field(3, ge=1, le=20, description="times k candidates to look at and to fill up from")
    run: int = Field(25, ge=3, le=200, description="words in a row copied from one document: a membership probe")
    words: int = Field(40, ge=3, le=1000, description="words of a query from which `containment` counts")
    containment: float = Field(0.4, gt=0.0, le=1.0, description="share of the query's 3-grams in one document")
    grams: int = Field(20, ge=1, le=200, description="3-grams that a document must share with a probe to be hidden")
    echo: float = Field(0.8, gt=0.0, le=1.0, description="share of the question repeated in one piece: planted")
    threshold: float = Field(0.88, gt=0.0, le=1.0, description="cosine of near-duplicates in a planted group")

    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        """Fetch more than k, so that what is dropped can be replaced."""
        return DefensePlan(overfetch=self.overfetch)

    def after_retrieval(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> DefensePlan:
        """Hide what is probed, drop what echoes the question, drop tight groups around an echo."""
        chosen: list[PlannedDefense] = []
        run, share = profile.peak("verbatim_run"), profile.peak("ngram_containment")
        echo = profile.peak("question_echo")
        length = len(request.query.split())
        if run >= self.run or (length >= self.words and share >= self.containment):
            parameters = {"run": self.run, "share": self.containment, "grams": self.grams}
            reason = f"{length} words, of them {run:.0f} in a row in one document and {share:.0%} of all 3-grams"
            chosen.append(PlannedDefense("hide_probed", parameters, reason))
        if echo >= self.echo:
            chosen.append(PlannedDefense("echo_filter", {"share": self.echo}, f"question_echo {echo:.2f}"))
            chosen.append(
                PlannedDefense("cluster_filter", {"threshold": self.threshold}, "a planted document is among them")
            )
        return DefensePlan(tuple(chosen), self.overfetch)
