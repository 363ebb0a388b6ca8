"""Drop candidates that the Sentinel's fitted models call suspicious."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from sentinel.errors import DataError
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Threat


class SuspicionFilter(SelectionDefense):
    """Drops each candidate whose suspicion exceeds `threshold` for any of `threats`.

    All of the Sentinel's candidate signals in one number, fitted to the user's corpus, where the other filters
    look at one thing each. What nobody evaluated (no such threat, NaN) is not clean, but it is no reason either:
    the candidate stays.
    """

    manifest = DefenseManifest(
        name="suspicion_filter",
        summary="drop documents whose calibrated suspicion is too high",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING, Threat.INJECTION, Threat.JAMMING}),
        cost=Cost.MICROSECONDS,
    )

    threshold: float = Field(0.9, ge=0.0, le=1.0, description="suspicion above which a candidate is dropped")
    threats: frozenset[Threat] = Field(
        frozenset({Threat.POISONING, Threat.INJECTION, Threat.JAMMING}), min_length=1, description="which count"
    )

    @staticmethod
    def threshold_at(gold_scores: Sequence[float], fpr: float) -> float:
        """The lowest threshold at which a good passage is dropped with probability `fpr` at most.

        The ceil((n + 1)(1 - fpr))-th smallest of n scores (split conformal prediction, Vovk et al., 2005): a new
        good passage from the same source exceeds it with probability at most `fpr`, whatever the distribution.

        Args:
            gold_scores: Suspicion of good passages, the highest over the threats that are to count.
            fpr: False-positive rate in (0, 1).

        Returns:
            The threshold; 1.0, which drops nothing, where there are too few scores to promise the rate.

        Raises:
            DataError: A score is not in [0, 1], or `fpr` is not in (0, 1).
        """
        if not 0.0 < fpr < 1.0:
            raise DataError(f"the false-positive rate must lie in (0, 1), not {fpr!r}")
        scores = sorted(float(score) for score in gold_scores)
        if any(not 0.0 <= score <= 1.0 for score in scores):
            raise DataError("a suspicion must lie in [0, 1]")
        # (n + 1)(1 - fpr) is compared with whole numbers: 100 * 0.99 must not become 99.00000000000001.
        rank = math.ceil(round((len(scores) + 1) * (1.0 - fpr), 9))
        return scores[rank - 1] if rank <= len(scores) else 1.0

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Drop what is too suspicious; the arrays of the profile run over all candidates, by position."""
        dropped: dict[int, str] = {}
        for threat in sorted(self.threats):
            suspicion = profile.suspicion.get(threat)
            if suspicion is None:
                continue
            for candidate in evidence.candidates:
                if candidate.position < len(suspicion) and suspicion[candidate.position] > self.threshold:
                    why = f"suspicion of {threat.value} {float(suspicion[candidate.position]):.2f}"
                    dropped.setdefault(candidate.position, why)
        return Selection.without(evidence, dropped)
