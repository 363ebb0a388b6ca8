"""When what was asked by somebody who may be probing leaves: at a multiple of a fixed time after it came.

To compare a query with a document that holds its very words takes longer than with one that does not, so that a
stopwatch tells a member from a non-member however alike what is served is. Whether a request is held back follows from
its question alone, which is the same for both.
"""

from __future__ import annotations

import math

from sentinel.profile import RiskProfile
from strategist.state.trust import query_suspicion

PROBING = 0.005
"""Query-stage probability of what a client can be up to, from which a question may be a probe: half of what models
take for usual. It is a guess that costs a benign user a fraction of a second, and nothing else."""


def probing(profile: RiskProfile) -> bool:
    """Whether a question looks like a probe; one that was not evaluated does not.

    Args:
        profile: What `Sentinel.sense_query` returned.

    Raises:
        ConfigurationError: The profile has seen candidates. To hold a request back for what was found would tell.
    """
    suspicion = query_suspicion(profile)
    return suspicion is not None and suspicion >= PROBING


def pause(elapsed: float, pace_ms: float) -> float:
    """Seconds until the next multiple of `pace_ms` milliseconds, for a request that came `elapsed` seconds ago.

    Returns:
        From 0 to less than the pace.
    """
    pace = pace_ms / 1e3
    return max(0.0, math.ceil(elapsed / pace) * pace - elapsed)
