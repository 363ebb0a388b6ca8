"""What voids the guarantee of `dp_answer`, so that nothing is called private that is not."""

from __future__ import annotations

from collections.abc import Sequence

from defenses import DEFENSES, Defense, build
from sentinel.errors import ConfigurationError
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request, Threat
from strategist.plan import DefensePlan
from strategist.policies import Policy

PRIVATE = "dp_answer"
APART = frozenset({"echo_filter", "gibberish_filter", "instruction_filter", "jamming_filter"})
"""Filters that judge each document by itself. Of every other one, a plug-in's too, that is not known."""
RANKED = frozenset({"number_sources"})
"""Prompt defenses that write into a document where it stands among the others."""
_ASKED = tuple(f"{word} question" for word in "one two three four five six seven eight".split())


def standing(policy: Policy) -> tuple[str, ...]:
    """What a policy plans for everybody: for several questions, each time, though nothing speaks against any of them.

    Nothing where a language model plans, which is not asked, and for a policy that cannot do with so little. What a
    policy plans for some requests only is not told here; `voids` tells it of each.
    """
    if policy.manifest.passive or policy.manifest.cost is Cost.MODEL_CALL:
        return ()
    plans = []
    nothing = RiskProfile(probabilities=dict.fromkeys(Threat, 0.0))
    for question in _ASKED:
        request = Request(question)
        try:
            first = policy.before_retrieval(request, nothing)
            plans.append(first.extended(policy.after_retrieval(request, nothing, first)).names)
        except Exception:  # a policy of somebody's own; what it does at a request is looked at there
            return ()
    return tuple(name for name in plans[0] if all(name in names for names in plans))


def voids(plan: DefensePlan) -> str | None:
    """What a request's plan holds that voids the guarantee for it; None if nothing does."""
    for planned in plan.defenses:
        name, stage = planned.name, DEFENSES.get(planned.name).manifest.stage
        if name in RANKED or (stage in (Stage.RETRIEVAL, Stage.CONTEXT) and name not in APART):
            return name
        if stage is Stage.ANSWER and _reads_documents(build(name, planned.parameters)):
            return name
    return None


def check_private(
    generation: Defense | None, prompts: Sequence[Defense], answers: Sequence[Defense], policy: Policy
) -> None:
    """Refuse `dp_answer` beside what is always in force and makes its answers depend on documents in other ways.

    Args:
        generation: The configured generation defense.
        prompts: The configured prompt defenses.
        answers: The configured answer defenses.
        policy: What plans for the retriever.

    Raises:
        ConfigurationError: A standing filter judges documents by each other, a prompt defense writes their ranks into
            them, or an answer defense compares the answer with them.
    """
    if generation is None or generation.manifest.name != PRIVATE:
        return
    for defense in prompts:
        if defense.manifest.name in RANKED:
            raise _void(
                f"prompt defense {defense.manifest.name}", "it writes each document's rank into it", "leave one out"
            )
    for defense in answers:
        if _reads_documents(defense):
            why = "it looks into the documents, which the answer must not depend on"
            raise _void(f"answer defense {defense.manifest.name}", why, "leave one out")
    for name in standing(policy):
        stage = DEFENSES.get(name).manifest.stage
        planner = f"policy {policy.manifest.name}"
        if stage in (Stage.RETRIEVAL, Stage.CONTEXT) and name not in APART:
            why = f"{planner} plans it for every request, and it does not judge each document by itself"
            raise _void(name, why, f"take another policy or leave {PRIVATE} out")
        if name in RANKED:
            why = f"{planner} plans it for every request, and it writes each document's rank into it"
            raise _void(name, why, f"take another policy or leave {PRIVATE} out")


def _reads_documents(defense: Defense) -> bool:
    name = defense.manifest.name
    return name == "leak_guard" or (name == "personal_data" and bool(getattr(defense, "only_documents", False)))


def _void(beside: str, why: str, instead: str) -> ConfigurationError:
    return ConfigurationError(f"generation: the guarantee of {PRIVATE} is void beside {beside}: {why}; {instead}")
