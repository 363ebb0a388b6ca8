"""Strategist: plans defenses per request, runs them, and gives users the faces that they wrap their RAG with."""

from strategist.allow_list import AllowEntry, AllowList
from strategist.decision import Decision, Outcome
from strategist.engine import Engine, FailureMode
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import POLICIES, Policy, PolicyManifest, build_policy
from strategist.resilience import Resilience, TimeBudgetExceeded
from strategist.retriever import DefendedRetriever

__all__ = [
    "POLICIES",
    "AllowEntry",
    "AllowList",
    "Decision",
    "DefendedRetriever",
    "DefensePlan",
    "Engine",
    "FailureMode",
    "Outcome",
    "PlannedDefense",
    "Policy",
    "PolicyManifest",
    "Resilience",
    "TimeBudgetExceeded",
    "build_policy",
]
