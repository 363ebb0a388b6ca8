"""ADO's ladder with its defects mended: what the paper's idea is worth apart from its code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field, field_validator

from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import Policy, PolicyManifest
from strategist.policies import _ado as ado


class AdoMendedPolicy(Policy):
    """The rules and rungs of `ado` (arXiv 2604.20932), each with the following mended.

    - Threat scores are the Sentinel's calibrated probabilities, not a language model's numbers.
    - The metrics reach the rules. M_DIS is the total variance of the candidates, which unit vectors can reach
      (`dispersion`: what about one benign question in a hundred exceeds on the bundled data); M_CMP does not count
      ordinary punctuation (`query_complexity`).
    - DP is the exponential mechanism (`dp_retrieval`) in place of noise that decides between all and nothing.
    - The rungs of TrustRAG are climbed the other way: the surer the attack, the lower the threshold above which a
      group is dropped.
    - Every rule may fire in both phases, and plans are merged: what was chosen before retrieval stays, at the
      stricter of both settings.
    - The change of trust that a reading asks for counts in its own phase, for the client's trust and for whether it
      declines. It lasts for the request: trust that remembered what retrieval found would tell who is a member.

    A baseline still: thresholds set by hand, defenses of the paper. As in `ado`, trust is `request.trust` or 0.5,
    M_LEX is `lexical_repetition`, M_INT is derived from `request_interval`, and `attention` names the defense that
    filters by attention, if there is one.
    """

    manifest = PolicyManifest(
        name="ado_mended",
        summary="ADO's deterministic thresholds and trust score, its known defects mended",
        baseline=True,
        source="ADO, arXiv 2604.20932, mended",
        reads=frozenset({"lexical_repetition", "query_complexity", "request_interval", "similarity_dispersion"}),
    )

    overfetch: int = Field(3, ge=1, le=20, description="times k")
    dispersion: float = Field(0.69, gt=0.0, le=1.0, description="total variance of the candidates that is an anomaly")
    attention: str | None = Field(None, min_length=1, description="the defense that filters by attention, if any")

    _filtering = field_validator("attention")(ado.filtering)

    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        """From what the query and the client's past tell."""
        return self._planned(request, profile)

    def after_retrieval(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> DefensePlan:
        """The same rules over all that is known now; nothing of the first plan is loosened."""
        later = self._planned(request, profile)
        earlier = {d.name: d.parameters for d in plan.defenses}
        merged = tuple(replace(d, parameters=_stricter(d.parameters, earlier.get(d.name, {}))) for d in later.defenses)
        return replace(later, defenses=merged)

    def _planned(self, request: Request, profile: RiskProfile) -> DefensePlan:
        found = ado.scored(profile)
        trust = min(max(ado.trust_of(request) + found.delta, 0.0), 1.0)
        metrics = ado.Metrics(
            lexical=profile.peak("lexical_repetition"),
            symbols=profile.peak("query_complexity"),
            interval=ado.interval_score(profile.peak("request_interval")),
            scattered=profile.peak("similarity_dispersion") > self.dispersion,
        )
        chosen: list[PlannedDefense] = []
        if why := ado.noise_reason(found, metrics):
            value = ado.epsilon(found, trust, declining=found.delta < ado.DECLINING)
            chosen.append(PlannedDefense("dp_retrieval", {"epsilon": value}, why))
        if why := ado.trustrag_reason(found, metrics):
            chosen.append(ado.trustrag(found, why, ado.RUNGS[::-1]))
        if self.attention and (why := ado.attention_reason(found, metrics)):
            chosen.append(PlannedDefense(self.attention, {}, why))
        return DefensePlan(tuple(chosen), self.overfetch)


def _stricter(later: Mapping[str, float], earlier: Mapping[str, float]) -> dict[str, float]:
    """The smaller of both values of each parameter: of an epsilon as of a threshold it is the stricter one."""
    return {key: min(value, earlier.get(key, value)) for key, value in later.items()}
