"""How far to go against threats from clients and through the corpus: the settings that buy most at every cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from benchmarks.effects import success, toll
from benchmarks.losses import Again, Setting, losses_by_kind, plans_under, policy_at
from benchmarks.staged import Staged
from strategist.calibration import BY_CLIENT, Calibration, Origin
from strategist.conformal import monotonised
from strategist.policies.adaptive import AdaptivePolicy

SIDES: tuple[tuple[Origin, ...], ...] = (("client", "history"), ("corpus",))
"""Origins of threats from clients, and through the corpus."""
RATES = tuple(np.geomspace(0.003, 300.0, 36).round(6).tolist())
"""Prices that are tried for each origin of threats."""
SPENT = tuple(np.geomspace(8.0, 0.02, 160).round(6).tolist())
"""What benign sessions of the fit part may lose, in multiples of what is promised, from much to little."""
NOTHING = 0.0005
"""Mean harm that is not worth any loss of benign users."""
SURE = 0.8
"""Share of what is promised that the fit part's sessions may lose for a setting to be expected to keep the promise."""
QUIETER: Mapping[bool, float] = {True: 1.0, False: 300.0}
"""How much smaller than a generated attack's the odds of one may be that nobody generated, and it still counts: by
whether it comes from a client. Probes are what they are whoever makes them. Of false texts that other hands wrote half
look several hundred times less likely than those that a rule has made, which models are fitted on (measured on the
bundled data, whose own poisons nothing is fitted on)."""
FURTHER = 0.1
"""Share of what is promised that to go further by a client's past alone may cost the fit part's sessions."""
NO_MORE = 0.01
"""Share of what is promised that makes no setting dearer than another."""


def harm_by_setting(
    staged: Staged, calibration: Calibration, settings: Sequence[Setting]
) -> NDArray[np.float64] | None:
    """What an attack does at every setting, relative to what it does undefended, shape (settings,), from 0.

    What is left of its success and, besides, what the defenses take from its victims. The policy's own choice is
    served, request by request, so that what a defense does counts where it is chosen. None for an attack that has no
    success to lose.
    """
    undefended = success(staged, staged.samples(AdaptivePolicy(calibration=Calibration(price=None))))
    if not undefended or undefended < 0.0:
        return None
    by_client = _by_client(staged)
    found = np.ones(len(settings))
    again = Again(staged)
    for column, setting in enumerate(settings):
        policy = policy_at(calibration, setting)
        samples = [again.sample(policy, i, plans) for i, plans in enumerate(plans_under(staged, policy))]
        left = success(staged, samples)
        found[column] = 1.0 if left is None else min(1.0, max(0.0, left / undefended))
        found[column] += 0.0 if by_client else toll(staged, samples)
    return found


def best_settings(
    calibration: Calibration,
    benign: Sequence[Staged],
    attacked: Sequence[Staged],
    alphas: Mapping[str, float],
) -> list[dict[Origin, float]]:
    """Settings from the strongest to the mildest: each does the least harm of all that cost benign users as little.

    One price for both sides would be set by whichever hurts first and leave the other idle, and a fixed share of the
    loss for each would spend it where it buys little. What judges a client's past goes as far as what judges what he
    asks, and further while that is nearly free (`FURTHER`): who quotes pays for the one, who follows a document up for
    the other. How far to go is not chosen here but on sessions that nothing was fitted on: the fit part's few may be
    harder or easier than others. What defenses of one side cost and buy does not depend on the other's, but for the
    sessions that both strike, which are counted twice: never too little.

    Args:
        calibration: The options, what they do together and the mixture.
        benign: Benign traffic of the fit part, by kind.
        attacked: Generated attacks on the fit part's questions and targets.
        alphas: What each kind of benign traffic may lose.

    Returns:
        At least the mildest setting of all; one price for each origin that has options.
    """
    steps: list[list[dict[Origin, float]]] = []
    lost: list[dict[str, NDArray[np.float64]]] = []
    harm: list[NDArray[np.float64]] = []
    for side in SIDES:
        part = calibration.only(*side)
        if not part.options:
            continue
        steps.append(_steps(part, benign, alphas))
        lost.append(_mean_losses(benign, part, steps[-1]))
        clients = "client" in side
        tables = [harm_by_setting(a, part, steps[-1]) for a in attacked if _by_client(a) == clients]
        met = [table for table in tables if table is not None]
        harm.append(_of_quieter_ones(np.sum(met, axis=0), QUIETER[clients]) if met else np.zeros(len(RATES)))
    kinds = {staged.name for staged in benign}
    # By steps of `NOTHING`; what buys the same costs as little as it may. Of pairs that are alike in both the strongest
    # is taken: attacks that nobody generated look less threatening than these, and sessions that nothing was fitted on
    # have the last word on what it costs.
    pairs = []
    for pair in product(range(len(RATES)), repeat=len(steps)):
        spent = max(
            (sum(float(of[kind][i]) for of, i in zip(lost, pair, strict=True)) / alphas[kind] for kind in kinds),
            default=0.0,
        )
        done = sum(float(of[i]) for of, i in zip(harm, pair, strict=True)) / max(1, len(attacked))
        setting = {origin: rate for of, i in zip(steps, pair, strict=True) for origin, rate in of[i].items()}
        pairs.append((round(done / NOTHING), round(spent / NO_MORE), spent, setting))
    mildest: dict[Origin, float] = {origin: RATES[-1] for of in steps for origin in of[-1]}
    found, sure = [mildest], 0
    for bound in reversed(SPENT):
        within = [pair for pair in pairs if pair[2] <= bound]
        best = min(within, key=lambda pair: pair[:2], default=None)
        if best is not None and best[3] not in found:
            found.append(best[3])
            sure = len(found) - 1 if best[2] <= SURE else sure
    return _one_way(found, sure)


def _steps(part: Calibration, benign: Sequence[Staged], alphas: Mapping[str, float]) -> list[dict[Origin, float]]:
    """One side's prices for each of `RATES`; what judges a client's past has the lowest that is nearly free beside it.

    Args:
        part: What is known of the side's options.
        benign: Benign traffic of the fit part, by kind.
        alphas: What each kind of it may lose.
    """
    met = {option.origin for option in part.options}
    known = [origin for side in SIDES for origin in side if origin in met]
    steps: list[dict[Origin, float]] = [dict.fromkeys(known, rate) for rate in RATES]
    if "history" not in known:
        return steps
    lost = _mean_losses(benign, part.only("history"), [{"history": rate} for rate in RATES])
    for i, step in enumerate(steps):
        step["history"] = next(
            rate
            for j, rate in enumerate(RATES)
            if j == i or all(of[j] <= of[i] + FURTHER * alphas[kind] for kind, of in lost.items())
        )
    return steps


def _of_quieter_ones(harm: NDArray[np.float64], quieter: float) -> NDArray[np.float64]:
    """Mean harm at each step over attacks from those generated to those that look `quieter` times less likely.

    To such an attack a price is what one so many times higher is to a generated one. Where the generated ones stand,
    loud or hopeless, a curve is flat that is steep for real ones, and chance decides which price is sold for which.
    """
    steps = sum(rate <= RATES[0] * quieter * (1.0 + 1e-9) for rate in RATES)
    level = np.append(harm, np.full(steps - 1, harm[-1]))
    found: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(level, steps).mean(axis=1)
    return found


def _one_way(settings: Sequence[dict[Origin, float]], start: int) -> list[dict[Origin, float]]:
    """Of settings from the mildest on those, strongest first, of which each is milder in no price than the one before.

    What a session may lose is counted at its worst over all milder settings (conformal risk control wants losses that
    never rise). Where one price falls as the other rises these are other sessions' losses, and add up.

    Args:
        settings: From the mildest to the strongest.
        start: Index of the one that is kept for certain.
    """

    def chain(candidates: Sequence[dict[Origin, float]], sign: float) -> list[dict[Origin, float]]:
        kept = [settings[start]]
        for setting in candidates:
            if all(sign * rate <= sign * kept[-1][origin] for origin, rate in setting.items()):
                kept.append(setting)
        return kept[1:]

    stronger = chain(settings[start + 1 :], 1.0)
    milder = chain(settings[:start][::-1], -1.0)
    return [*stronger[::-1], settings[start], *milder]


def in_steps(settings: Sequence[dict[Origin, float]]) -> list[dict[Origin, float]]:
    """The settings with those between each and the next milder one, in steps of `RATES`.

    On the few sessions of the fit part settings look alike that are not, and of those the strongest is taken: the next
    one may lie several steps away, and a promise be given away that a step would have kept. Nothing is put between
    settings of which neither is milder in both prices.
    """
    found = []
    for strong, mild in pairwise(settings):
        found.append(strong)
        places = {origin: (RATES.index(rate), RATES.index(mild[origin])) for origin, rate in strong.items()}
        if all(low <= high for low, high in places.values()):
            count = max((high - low for low, high in places.values()), default=0)
            found += [
                {o: RATES[low + round((high - low) * step / count)] for o, (low, high) in places.items()}
                for step in range(1, count)
            ]
    return [*found, *settings[-1:]]


def _mean_losses(
    benign: Sequence[Staged], calibration: Calibration, settings: Sequence[Setting]
) -> dict[str, NDArray[np.float64]]:
    """What each kind of benign traffic loses on average at each setting, never rising."""
    found = losses_by_kind(benign, calibration, settings)
    return {kind: monotonised(table).mean(axis=0) for kind, table in found.items()}


def _by_client(staged: Staged) -> bool:
    return staged.traffic.attack.manifest.threat in BY_CLIENT
