"""Hide from one client the document that this client keeps asking about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from defenses.retrieval._copies import with_copies
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat


class HideForClient(SelectionDefense):
    """Hides each candidate on which the client's history has concentrated, with its near-duplicates.

    An interrogation (Naseh et al., arXiv 2502.00306) asks many natural questions about one document; no single one
    gives it away, their sum does. Any of the history's signals reaching its threshold at a candidate hides it; the
    defaults stand for about four yes/no questions in a row, or eight questions of any kind. The history counts what
    a question *found*, not what was served, so that a document once hidden keeps its count and stays hidden until the
    history fades; nothing is kept here.

    A colleague who works through one document by yes/no questions looks the same: a policy decides when to use this,
    and `exposure_budget` is the form that tells clients apart by trust.
    """

    manifest = DefenseManifest(
        name="hide_for_client",
        summary="hide a document on which this client's questions have concentrated",
        stage=Stage.RETRIEVAL,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        needs=frozenset({Need.HISTORY}),
        cost=Cost.MICROSECONDS,
        source="ours, against the interrogation attack, arXiv 2502.00306",
        reads=frozenset({"yes_no_run", "document_concentration", "weight_in_document"}),
    )

    yes_no_run: float = Field(2.5, gt=0.0, le=100.0, description="log-likelihood ratio from which a document is hidden")
    document_concentration: float = Field(6.0, gt=0.0, le=100.0, description="likewise, in deviations")
    weight_in_document: float = Field(6.0, gt=0.0, le=100.0, description="likewise, in deviations")
    cosine: float = Field(0.95, gt=0.0, le=1.0, description="from which a document is a near-duplicate of a hidden one")

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop what the history has concentrated on; a signal that is missing hides nothing."""
        hidden: dict[int, str] = {}
        for name in ("yes_no_run", "document_concentration", "weight_in_document"):
            values = _by_position(profile, name)
            for candidate in evidence.candidates:
                at = candidate.position
                if at < len(values) and values[at] >= getattr(self, name):
                    hidden.setdefault(at, f"this client keeps asking about it ({name} {values[at]:.1f})")
        return Selection.without(evidence, with_copies(evidence, hidden, self.cosine))


def _by_position(profile: RiskProfile, name: str) -> NDArray[np.float64]:
    """A signal's values, shape (n,); empty where it is missing or speaks of the request as a whole."""
    values = profile.signals.get(name)
    return np.asarray(values, np.float64) if isinstance(values, np.ndarray) and values.ndim == 1 else np.empty(0)
