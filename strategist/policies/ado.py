"""The deterministic controller of ADO as published, defects included: the baseline of the paper itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import Policy, PolicyManifest
from strategist.policies import _ado as ado


class AdoPolicy(Policy):
    """ADO's thresholds, ladders and trust (arXiv 2604.20932), as its published code has them.

    Kept as published:

    - Before retrieval only DP can be switched on, which is noise on the similarities (`ado_noise`, not
      differentially private); after it only TrustRAG and the attention filter.
    - A plan after retrieval that switches one on *replaces* the plan before it: DP is then dropped, here named as
      removed.
    - M_DIS is the mean variance over `dimension` dimensions, an anomaly from 0.005: more than unit vectors of 384
      dimensions can reach (1/384). M_DRP is measured and no rule looks at it.
    - The threshold of TrustRAG rises with the score of poisoning, though the filter drops what lies *above* it: the
      surer the attack, the less is dropped.
    - The trust of a client caps epsilon. The trust that a request costs in the second phase is never applied; what
      the first adds is the language model's to say, and without one 0.

    What stands in for something:

    - Threat scores come from a language model in ADO, and there are none here. `scores="fallback"` is what its code
      assumes when the model's answer cannot be read: elevated if trust is below 0.5, else low; membership 0.3, the
      others 0.1, which no rule reacts to. `scores="profile"` puts our calibrated probabilities there.
    - Trust is `request.trust`, 0.5 where it is not known. Its trend is not known here, so that the rung for trust
      below 0.2 that declines is out of reach.
    - M_LEX is our `lexical_repetition`, the same Jaccard scale over the client's last queries (the second of ADO's
      two collectors, faded by age); M_CMP is computed from the query as published; M_INT is derived from
      `request_interval`; M_DIS is `similarity_dispersion` divided by the dimension.
    - The attention filter needs the generator's attention. `attention` names a defense that does it; without one
      that rule does not exist.

    The published pipeline calls the controller without the metrics, so that none of their rules ever fires.
    `metrics=False` is that; the default gives the published rules what they were written for.
    """

    manifest = PolicyManifest(
        name="ado",
        summary="ADO's deterministic thresholds and trust score, as published",
        baseline=True,
        source="ADO, arXiv 2604.20932, deterministic Strategist",
        reads=frozenset({"lexical_repetition", "request_interval", "similarity_dispersion"}),
    )

    overfetch: int = Field(3, ge=1, le=20, description="times k, as published")
    dimension: int = Field(384, ge=1, le=100_000, description="of the embeddings: M_DIS is a mean over dimensions")
    metrics: bool = Field(True, description="False: the metrics reach no rule, as in the published pipeline")
    scores: Literal["fallback", "profile"] = Field("fallback", description="what stands in for the language model")
    attention: str | None = Field(None, min_length=1, description="the defense that filters by attention, if any")

    _filtering = field_validator("attention")(ado.filtering)

    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        """DP or nothing."""
        trust = ado.trust_of(request)
        found = self._assessed(trust, profile)
        why = ado.noise_reason(found, self._metrics(request, profile))
        if not why:
            return DefensePlan(overfetch=self.overfetch)
        noise = PlannedDefense("ado_noise", {"epsilon": ado.epsilon(found, trust)}, why)
        return DefensePlan((noise,), self.overfetch)

    def after_retrieval(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> DefensePlan:
        """TrustRAG and the attention filter; if either is switched on, nothing of the first plan stays."""
        found = self._assessed(ado.trust_of(request), profile)
        metrics = self._metrics(request, profile)
        chosen: list[PlannedDefense] = []
        if why := ado.trustrag_reason(found, metrics):
            chosen.append(ado.trustrag(found, why, ado.RUNGS))
        if self.attention and (why := ado.attention_reason(found, metrics)):
            chosen.append(PlannedDefense(self.attention, {}, why))
        names = {planned.name for planned in chosen}
        removed = {name: "the later plan replaces it, as published" for name in plan.names if name not in names}
        return DefensePlan(tuple(chosen), self.overfetch, removed if chosen else {})

    def _assessed(self, trust: float, profile: RiskProfile) -> ado.Assessment:
        return ado.scored(profile) if self.scores == "profile" else ado.unscored(trust)

    def _metrics(self, request: Request, profile: RiskProfile) -> ado.Metrics:
        if not self.metrics:
            return ado.Metrics()
        return ado.Metrics(
            lexical=profile.peak("lexical_repetition"),
            symbols=ado.symbol_share(request.query),
            interval=ado.interval_score(profile.peak("request_interval")),
            scattered=profile.peak("similarity_dispersion") / self.dimension > ado.M_DIS_ANOMALY,
        )
