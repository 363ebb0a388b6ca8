"""Is one document put through a series of yes/no questions?"""

from __future__ import annotations

import numpy as np

from sentinel.client_tables import RUN_BOUNDS
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat


class YesNoRun(Signal):
    """Log-likelihood ratio, interrogation against drill-down, over the client's questions on each candidate.

    Wald's sequential test (1945). A question concerns a document if it ranks among the first three and holds most of
    the question's content. A yes/no question then adds log(0.96 / 0.5) = +0.65, an open one log(0.04 / 0.5) = -2.53
    (less if it holds less of the content); the sum stays in [-3, 8] and fades with a day's half-life. What a bound
    at -3 means: an open question acquits for now, and five yes/no questions later it is forgotten.
    Who mixes one open question into four evades this signal, not `document_concentration`.
    """

    manifest = SignalManifest(
        name="yes_no_run",
        summary="series of yes/no questions on one document, against honest follow-ups",
        stage=Stage.HISTORY,
        threats=frozenset({Threat.MEMBERSHIP}),
        needs=frozenset({Need.HISTORY}),
        cost=Cost.MILLISECONDS,
        per_candidate=True,
        source="Wald 1945; against the interrogation attack, arXiv 2502.00306",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Log-likelihood ratio in [-3, 8], shape (n,), this question included; None without history."""
        history = evidence.history
        if history is None:
            return None
        now = evidence.observation
        added = {hit.key: hit.run_evidence(now.yes_no) for hit in now.hits}
        totals = [history.tracked(key)[2] + added.get(key, 0.0) for key in evidence.candidate_keys]
        return np.clip(np.array(totals, dtype=np.float64), *RUN_BOUNDS)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say that a document is interrogated."""
        return f"yes/no questions on one document in a row (log-likelihood ratio {peak(measurement):+.1f})"
