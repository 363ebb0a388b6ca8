"""The proportion of prices between threats from clients and threats through the corpus, set by what both buy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.effects import success, toll
from benchmarks.losses import Plans, losses_by_price, plans_by_price
from benchmarks.samples import Sample
from benchmarks.staged import Staged
from strategist.calibration import BY_CLIENT, Calibration, Origin
from strategist.conformal import monotonised
from strategist.policies.adaptive import AdaptivePolicy

ORIGINS: tuple[Origin, ...] = ("client", "corpus")
RATES = tuple(np.geomspace(0.003, 30.0, 31).round(6).tolist())
"""Rates that are tried for each origin of threats."""
TOGETHER = 0.9
"""Share of what may be lost that the fit part may lose: the price is chosen afterwards, on sessions not yet seen, and
is to scale both origins up or down by little."""
NOTHING = 0.003
"""Mean harm that is not worth any loss of benign users."""


def harm_by_price(staged: Staged, calibration: Calibration, prices: Sequence[float]) -> NDArray[np.float64] | None:
    """What an attack does at every price, relative to what it does undefended, shape (prices,), from 0.

    What is left of its success and, besides, what the defenses take from its victims. The policy's own choice is
    served, request by request, so that what a defense does counts where it is chosen. None for an attack that has no
    success to lose.
    """
    undefended = success(staged, staged.samples(AdaptivePolicy(calibration=Calibration(price=None))))
    if not undefended or undefended < 0.0:
        return None
    by_client = staged.traffic.attack.manifest.threat in BY_CLIENT
    found = np.ones(len(prices))
    known: dict[tuple[int, Plans], Sample] = {}
    for column, (price, plans) in enumerate(zip(prices, plans_by_price(staged, calibration, prices), strict=True)):
        policy = AdaptivePolicy(calibration=calibration, price=price)
        for i, plan in enumerate(plans):
            if (i, plan) not in known:
                (known[i, plan],) = staged.samples(policy, [i])
        samples = [known[i, plan] for i, plan in enumerate(plans)]
        left = success(staged, samples)
        found[column] = 1.0 if left is None else min(1.0, max(0.0, left / undefended))
        found[column] += 0.0 if by_client else toll(staged, samples)
    return found


def shared_rates(
    calibration: Calibration, benign: Sequence[Staged], attacked: Sequence[Staged], alphas: Mapping[str, float]
) -> dict[Origin, float]:
    """The rates of both origins at which attacks do least harm, on average, within what benign users may lose.

    One price for both would be set by whichever hurts first and leave the other idle, and a fixed share of the loss
    for each would spend it where it buys little. What defenses of one origin cost and buy does not depend on the
    other's, but for the sessions that both strike, which are counted twice: never too little.

    Args:
        calibration: The options and the mixture, without a price.
        benign: Benign traffic of the fit part, by kind.
        attacked: Generated attacks on the fit part's questions and targets.
        alphas: What each kind of benign traffic may lose.

    Returns:
        For each origin that has options its rate. The mildest of `RATES` for both where nothing keeps the bounds.
    """
    parts = {origin: calibration.only(origin) for origin in ORIGINS}
    known = [origin for origin in ORIGINS if parts[origin].options]
    lost: dict[Origin, dict[str, NDArray[np.float64]]] = {}
    harm: dict[Origin, NDArray[np.float64]] = {}
    for origin in known:
        lost[origin] = mean_losses(benign, parts[origin])
        tables = [harm_by_price(a, parts[origin], RATES) for a in attacked if _from(a) == origin]
        met = [table for table in tables if table is not None]
        harm[origin] = np.sum(met, axis=0) if met else np.zeros(len(RATES))
    kinds = {staged.name for staged in benign}
    best: tuple[tuple[int, float], dict[Origin, float]] | None = None
    # From the mildest rates on: of pairs that are alike the mildest is kept.
    for pair in product(reversed(range(len(RATES))), repeat=len(known)):
        at = dict(zip(known, pair, strict=True))
        spent = max((sum(float(lost[o][kind][i]) for o, i in at.items()) / alphas[kind] for kind in kinds), default=0.0)
        if spent > TOGETHER:
            continue
        done = sum(float(harm[origin][i]) for origin, i in at.items()) / max(1, len(attacked))
        # By steps of `NOTHING`; what buys the same costs as little as it may.
        worth = (round(done / NOTHING), round(spent, 9))
        if best is None or worth < best[0]:
            best = worth, {origin: RATES[i] for origin, i in at.items()}
    return dict.fromkeys(known, RATES[-1]) if best is None else best[1]


def mean_losses(benign: Sequence[Staged], calibration: Calibration) -> dict[str, NDArray[np.float64]]:
    """What each kind of benign traffic loses on average at each of `RATES`, never rising."""
    tables: dict[str, list[NDArray[np.float64]]] = {}
    for staged in benign:
        tables.setdefault(staged.name, []).append(losses_by_price(staged, calibration, RATES))
    return {kind: monotonised(np.concatenate(found)).mean(axis=0) for kind, found in tables.items()}


def _from(staged: Staged) -> Origin:
    return "client" if staged.traffic.attack.manifest.threat in BY_CLIENT else "corpus"
