"""What defenses take from benign users: by session, by request, by how threatening a request looks, and by price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.fit import SHARES
from benchmarks.samples import Sample
from benchmarks.staged import Staged
from sentinel.vocabulary import Request, Threat
from strategist.calibration import Calibration, Origin
from strategist.policies.adaptive import AdaptivePolicy

PRIOR = 20.0
"""Sessions for which a cost of `PRIOR_COST` counts: no defense is free because thirty sessions did not need it."""
PRIOR_COST = 0.002
LOOKS = 10
"""Levels of threat at which attacks are counted."""
ALIKE = 0.5
"""Usual weight of a level that is spread evenly over the attacks."""
Setting = Mapping[Origin, float]
"""The price of a lost share for each origin of threats."""
Plans = tuple[tuple[tuple[str, str], ...], ...]
UNKNOWN: float = AdaptivePolicy.model_fields["unknown"].default
"""P of a threat that was not evaluated, as the policy takes it."""


def session_losses(staged: Staged, samples: Sequence[Sample], sessions: Sequence[int] | None = None) -> list[float]:
    """What each session lost of what no defense would have given it, in [0, 1].

    With gold passages the recall that is lost, relative; without, the share of the undefended top k that is lost. A
    session to which undefended retrieval brings nothing has nothing to lose. An error loses everything.
    """
    chosen = range(len(staged.requests)) if sessions is None else sessions
    found: list[float] = []
    for i, sample in zip(chosen, samples, strict=True):
        worth = [_worth(staged, i, turn, sample) for turn in range(len(staged.requests[i]))]
        before, after = (sum(column) for column in zip(*worth, strict=True))
        found.append(min(1.0, max(0.0, 1.0 - after / before)) if before else 0.0)
    return found


def request_looks(staged: Staged) -> list[Mapping[Threat, float]]:
    """P of each threat of every request, in session order."""
    return [staged.sentinel.late[request].probabilities for asked in staged.requests for request in asked]


def looking(probabilities: Mapping[Threat, float], threats: Iterable[Threat]) -> float:
    """How threatening a request looks to a defense that is for these threats, as the policy reads it."""
    return max((probabilities.get(threat, UNKNOWN) for threat in threats), default=UNKNOWN)


def request_losses(staged: Staged, samples: Sequence[Sample]) -> list[float]:
    """What each request lost, in session order: the relative recall, in [0, 1]."""
    lost: list[float] = []
    for i, sample in enumerate(samples):
        for turn in range(len(staged.requests[i])):
            before, after = _worth(staged, i, turn, sample)
            lost.append(min(1.0, max(0.0, 1.0 - after / before)) if before else 0.0)
    return lost


def _worth(staged: Staged, session: int, turn: int, sample: Sample) -> tuple[float, float]:
    """Recall of one question undefended and as served; of the undefended list itself where nobody knows the gold."""
    ask, request = staged.traffic.sessions[session].asks[turn], staged.requests[session][turn]
    base = staged.undefended(request)
    served = set(sample.served[turn]) if sample.error is None else set()
    gold = ask.gold or frozenset(base)
    most = max(1, min(len(gold), request.k))
    return len(gold.intersection(base)) / most, len(gold.intersection(served)) / most


def policy_at(calibration: Calibration, setting: Setting) -> AdaptivePolicy:
    """The policy with these prices."""
    return AdaptivePolicy(calibration=calibration.model_copy(update={"rates": dict(setting)}), price=1.0)


def losses_by_setting(staged: Staged, calibration: Calibration, settings: Sequence[Setting]) -> NDArray[np.float64]:
    """What benign sessions lose at every setting, shape (sessions, settings).

    A session whose plans do not change is served once.
    """
    table = np.zeros((len(staged.requests), len(settings)))
    again = Again(staged)
    for column, setting in enumerate(settings):
        policy = policy_at(calibration, setting)
        for i, plans in enumerate(plans_under(staged, policy)):
            if any(plans):  # else nothing is done, and nothing is lost
                table[i, column] = session_losses(staged, [again.sample(policy, i, plans)], [i])[0]
    return table


class Again:
    """Serves sessions under one setting after another, and only those anew that may be served differently.

    Args:
        staged: Whose sessions they are.
    """

    def __init__(self, staged: Staged) -> None:
        self._staged = staged
        self._known: dict[tuple[int, Plans], Sample] = {}

    def sample(self, policy: AdaptivePolicy, session: int, plans: Plans) -> Sample:
        """One session, served under a policy that plans so for its requests.

        What is planned alike is served alike where nothing was taken out: where something was, it depends on the policy
        what of its plan is still worth it.
        """
        if (session, plans) in self._known:
            return self._known[session, plans]
        answers = self._staged.served(policy, [session])[session]
        sample = self._staged.sample(policy, session, answers)
        if all(len(plan) < 2 for plan in plans) or not any(decision.dropped for _, decision in answers):
            self._known[session, plans] = sample
        return sample


def losses_by_kind(
    benign: Iterable[Staged], calibration: Calibration, settings: Sequence[Setting]
) -> dict[str, NDArray[np.float64]]:
    """`losses_by_setting` of each kind of traffic, shape (sessions, settings), sessions of one kind in a row."""
    tables: dict[str, list[NDArray[np.float64]]] = {}
    for staged in benign:
        tables.setdefault(staged.name, []).append(losses_by_setting(staged, calibration, settings))
    return {kind: np.concatenate(found) for kind, found in tables.items()}


def plans_under(staged: Staged, policy: AdaptivePolicy) -> list[Plans]:
    """What the policy would do with each session: for each of its requests names and parameters."""
    return [tuple(_plan(policy, staged, request) for request in requests) for requests in staged.requests]


def _plan(policy: AdaptivePolicy, staged: Staged, request: Request) -> tuple[tuple[str, str], ...]:
    profile = staged.sentinel.late[request]
    plan = policy.after_retrieval(request, profile, policy.before_retrieval(request, profile))
    return tuple((d.name, repr(sorted(d.parameters.items()))) for d in plan.defenses)


def cost_curve(
    looks: Mapping[str, Sequence[float]], lost: Mapping[str, Sequence[float]], alphas: Mapping[str, float]
) -> tuple[tuple[float, float], ...]:
    """What a defense takes from benign requests by how threatening they look; never falling.

    Isotonic regression of the loss on log-odds, each kind of traffic weighing its share (`SHARES`), its losses in
    proportion to the strictest promise. `PRIOR` requests of `PRIOR_COST` spread over all levels keep a cost from zero.

    Args:
        looks: P of each request by kind: the largest of the threats that the defense is for.
        lost: What each request lost, in [0, 1], in the same order.
        alphas: The promise to each kind.
    """
    from sklearn.isotonic import IsotonicRegression

    kinds = [kind for kind in looks if len(looks[kind])]
    if not kinds:
        return ()
    strictest = min(alphas[kind] for kind in kinds)
    at = np.clip(np.concatenate([looks[kind] for kind in kinds]), 1e-6, 1.0 - 1e-6)
    odds = np.log(at / (1.0 - at))
    loss = np.concatenate([np.asarray(lost[kind]) * strictest / alphas[kind] for kind in kinds])
    weight = np.concatenate([np.full(len(looks[kind]), SHARES[kind] / len(looks[kind])) for kind in kinds])
    size = 1.0 / float(weight / weight.sum() @ (weight / weight.sum()))
    loss = (loss * size + PRIOR * PRIOR_COST) / (size + PRIOR) if size else loss
    fitted = IsotonicRegression(out_of_bounds="clip").fit(odds, loss, sample_weight=weight)
    x, y = fitted.X_thresholds_, fitted.y_thresholds_
    points = {round(float(1.0 / (1.0 + np.exp(-a))), 6): round(float(b), 5) for a, b in zip(x, y, strict=True)}
    return tuple(sorted(points.items()))


def shares_by_look(looks: Mapping[str, Sequence[float]]) -> dict[str, tuple[tuple[float, float], ...]]:
    """Which attack a request is that looks so threatening, if it is one: for each attack points (P, share).

    Attacks weigh alike, however many requests they have. Requests are told apart in `LOOKS` groups by their log-odds;
    in each, `ALIKE` of a group's usual weight is spread evenly, so that no attack is ruled out where it was not seen.

    Args:
        looks: P of the threat for each request, by attack.
    """
    names = [name for name, found in looks.items() if len(found)]
    at = np.concatenate([looks[name] for name in names]) if names else np.empty(0)
    if not at.size:
        return {}
    at = np.clip(at, 1e-6, 1.0 - 1e-6)
    odds = np.log(at / (1.0 - at))
    weight = np.concatenate([np.full(len(looks[name]), 1.0 / len(looks[name])) for name in names])
    owner = np.repeat(np.arange(len(names)), [len(looks[name]) for name in names])
    order = np.argsort(odds, kind="stable")
    passed = np.cumsum(weight[order]) - weight[order] / 2.0
    # Requests that look alike belong to one group, wherever its border falls.
    group = np.minimum((passed / weight.sum() * LOOKS).astype(int), LOOKS - 1)
    _, first, same = np.unique(odds[order], return_index=True, return_inverse=True)
    group = group[first][same]
    points: dict[str, dict[float, float]] = {name: {} for name in names}
    for number in np.unique(group):
        inside = order[group == number]
        masses = np.bincount(owner[inside], weight[inside], len(names)) + ALIKE / LOOKS
        middle = float(np.average(odds[inside], weights=weight[inside]))
        for name, share in zip(names, masses / masses.sum(), strict=True):
            points[name][round(float(1.0 / (1.0 + np.exp(-middle))), 6)] = round(float(share), 4)
    return {name: tuple(sorted(found.items())) for name, found in points.items()}
