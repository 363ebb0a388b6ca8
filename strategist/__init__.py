"""Strategist: plans defenses per request, runs them, and gives users the faces that they wrap their RAG with."""

from strategist.decision import Decision, Outcome
from strategist.engine import Engine, FailureMode
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import POLICIES, Policy, PolicyManifest, build_policy
from strategist.retriever import DefendedRetriever

__all__ = [
    "POLICIES",
    "Decision",
    "DefendedRetriever",
    "DefensePlan",
    "Engine",
    "FailureMode",
    "Outcome",
    "PlannedDefense",
    "Policy",
    "PolicyManifest",
    "build_policy",
]
