"""Strategist: plans defenses per request, runs them, and gives users the faces that they wrap their RAG with."""

from strategist.allow_list import AllowEntry, AllowList
from strategist.decision import AnswerPart, Decision, Finding, Outcome
from strategist.engine import Engine, FailureMode
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import POLICIES, Policy, PolicyManifest, build_policy
from strategist.rag import DefendedRAG
from strategist.rag_prompt import RagTemplate
from strategist.resilience import Resilience, TimeBudgetExceeded
from strategist.retriever import DefendedRetriever

__all__ = [
    "POLICIES",
    "AllowEntry",
    "AllowList",
    "AnswerPart",
    "Decision",
    "DefendedRAG",
    "DefendedRetriever",
    "DefensePlan",
    "Engine",
    "FailureMode",
    "Finding",
    "Outcome",
    "PlannedDefense",
    "Policy",
    "PolicyManifest",
    "RagTemplate",
    "Resilience",
    "TimeBudgetExceeded",
    "build_policy",
]
