"""What a component says about itself, readable without running it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from sentinel.vocabulary import Threat


class Stage(StrEnum):
    """Where in a request's flow a component works."""

    QUERY = "query"
    HISTORY = "history"
    RETRIEVAL = "retrieval"
    CONTEXT = "context"
    PROMPT = "prompt"
    GENERATION = "generation"
    ANSWER = "answer"


class Need(StrEnum):
    """What a component cannot work without; where it is absent, the component's result is missing."""

    SIMILARITIES = "similarities"
    VECTORS = "vectors"
    CORPUS_PROFILE = "corpus_profile"
    HISTORY = "history"
    INGESTION = "ingestion"
    LEDGER = "ledger"
    MODEL = "model"
    GENERATOR = "generator"
    ATTENTION = "attention"


class Cost(StrEnum):
    """The order of magnitude of one request at k = 15, on one core."""

    MICROSECONDS = "microseconds"
    MILLISECONDS = "milliseconds"
    TENS_OF_MILLISECONDS = "tens_of_milliseconds"
    MODEL_CALL = "model_call"

    @property
    def milliseconds(self) -> float:
        """The middle of the order of magnitude, as ratios go; `sentinel-bench perf` tells what it is where it runs."""
        return _MIDDLES[self]


_MIDDLES = {
    Cost.MICROSECONDS: 0.03,
    Cost.MILLISECONDS: 3.0,
    Cost.TENS_OF_MILLISECONDS: 30.0,
    Cost.MODEL_CALL: 1000.0,
}


class Manifest(BaseModel):
    """The part that signals, defenses, policies and attacks have in common.

    Attributes:
        name: The name that users write; lower case.
        summary: One sentence for listings.
        source: Paper and equation, or "ours".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_@-]*$")
    summary: str = Field(min_length=1)
    source: str = "ours"


class SignalManifest(Manifest):
    """What one signal measures.

    Attributes:
        stage: When it can be measured.
        threats: What a high value may point to.
        needs: What it cannot be measured without.
        cost: Order of magnitude of one measurement.
        per_candidate: True if it gives one value per candidate, False if one per request.
    """

    stage: Stage
    threats: frozenset[Threat]
    needs: frozenset[Need] = frozenset()
    cost: Cost = Cost.MICROSECONDS
    per_candidate: bool = False
