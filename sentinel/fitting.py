"""Fitting: from labelled measurements to the models that turn signals into probabilities; never on a request.

The curves know benign traffic only: what weight a signal has does not depend on which attacks happened to be at hand.
Examples of attacks set how much surprise is worth: of candidates by one slope (Platt 1999, "Probabilistic outputs for
support vector machines"), of requests by any rising curve (Zadrozny and Elkan 2002, "Transforming classifier scores
into accurate multiclass probability estimates"): some attacks hide and some do not, and what a loud one is worth must
not be averaged with the silent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinel.errors import DataError
from sentinel.models import SUSPECT, Curve, SurpriseModel
from sentinel.signals import SIGNALS
from sentinel.vocabulary import Threat

Floats = NDArray[np.float64]

MIN_EXAMPLES = 20
"""Fewer of either kind fit nothing worth having."""
KNEE = 1.2
"""Decades that are no surprise: what one benign request in sixteen shows speaks for nothing."""
CANDIDATE_KNEE = 0.3
"""The same for candidates, of which only the half that is usual says nothing: a planted text that avoids every wording
of its kind stands out a little in several ways, in none by much."""
FAR = 2.0
"""Decades of what one benign request in a hundred shows."""
FAR_OUT: Mapping[str, float] = {
    "answer_cluster": 0.8,
    "broken_copy": 1.8,
    "document_concentration": FAR,
    "gibberish": KNEE,
    "question_echo": KNEE,
    "scan_score": KNEE,
    "self_repetition": KNEE,
    "weight_in_document": FAR,
    "yes_no_run": FAR,
}
"""Signals that speak at the far end only, with their knees.

Of candidates: how grammatical usual texts are, and how they repeat themselves or a question, is a matter of genre, and
what is usual there would drown what a style betrays. Of requests: who asks whether a sentence is true copies it with
its verb moved, and whoever reads a document stays with it as a prober does. A reader's requests come by the dozen, each
with a document dwelt on a little more, and would fill the far end of P, where room is for those that nobody makes by
reading.
"""
CAP = 4.0
"""Decades before the knee at which a curve ends: a few hundred benign requests say nothing of one in 10,000."""
TAIL = 0.05
"""Share of benign traffic from which on the tail is extrapolated, as an exponential."""
POINTS = 40
SLOPE = float(np.log(10.0))
"""No evidence is worth more than its rarity: a tail of 10^-s is a likelihood ratio of at most 10^s."""

MECHANISMS: Mapping[str, str] = {
    "aligned_chain": "copying",
    "broken_copy": "copying",
    "verbatim_run": "copying",
    "document_form": "form",
    "query_length": "form",
    "unasked_length": "no request",
    "quoted_share": "quotation",
    "placeholders": "blanks",
    "character_anomaly": "characters",
    "membership_wording": "wording",
    "extraction_wording": "wording",
    "injection_wording": "wording",
    "closed_series": "series",
    "document_concentration": "one document",
    "weight_in_document": "one document",
    "yes_no_run": "one document",
    "question_echo": "echo",
    "question_tailoring": "tailoring",
    "answer_cluster": "agreement",
    "gibberish": "gibberish",
    "instruction_text": "orders",
    "refusal_text": "refusal",
    "plain_prose": "prose",
    "puffery": "puffery",
    "self_repetition": "repetition",
    "text_brevity": "brevity",
    "scan_score": "scan",
    "ingestion_burst": "ingestion",
}
"""What each signal is evidence of. Signals of the package that stand here nowhere are measured for policies and
records, but were left out of P(threat) after early trials; docs/detection.md has no figure for them. A plug-in's
signal is a mechanism of its own."""
CANDIDATE_ONLY_ECHO = ("verbatim_run", "aligned_chain")
"""Of a candidate `question_echo` says the same better: the share of the question counts, not the length."""
ALSO: Mapping[Threat, Sequence[str]] = {Threat.MEMBERSHIP: ("extraction_wording",)}
"""Signals that speak for a threat beyond those of their manifest: S2MIA orders the rest of a record to be written."""


@dataclass(frozen=True, slots=True)
class Example:
    """One request, or one candidate, as a model sees it.

    Attributes:
        features: Values by feature name; missing ones are absent.
        positive: Whether it carries the threat.
        kind: Which attack or kind of traffic it comes from; see `shares`.
    """

    features: Mapping[str, float]
    positive: bool
    kind: str


def mechanism(feature: str) -> str:
    """What a feature is evidence of."""
    if feature.endswith(SUSPECT):
        return "candidates"
    name = feature.partition(":")[0]
    return MECHANISMS.get(name, name)


def feature_names(threat: Threat, *, candidate: bool, exclude: Sequence[str] = ()) -> list[str]:
    """The features that may speak for a threat, sorted: those of the signals whose manifest names it.

    Args:
        threat: The threat.
        candidate: Features of one candidate; else of a whole request.
        exclude: Signals to leave out.
    """
    names: list[str] = []
    for name, manifest in SIGNALS.manifests().items():
        own = SIGNALS.get(name).__module__.startswith("sentinel.signals.")
        speaks = threat in manifest.threats or name in ALSO.get(threat, ())  # type: ignore[attr-defined]
        if not speaks or name in exclude or (own and name not in MECHANISMS):
            continue
        spread = manifest.per_candidate  # type: ignore[attr-defined]
        if candidate:
            names += [name] if spread and name not in CANDIDATE_ONLY_ECHO else []
        else:
            names += [f"{name}:max", f"{name}:lead"] if spread else [name]
    return sorted(names)


def curve(values: Floats, weights: Floats, knee: float, kind: str) -> Curve:
    """A feature's surprise from its values on benign traffic.

    Up to the last `TAIL` of the traffic, -log10 of the share that shows as much or more; beyond, the tail falls
    exponentially. A small sample that happens to end early promises nothing: its mean excess counts at an upper
    confidence limit (the exponential's, from chi-squared), or as the deviation of all values where that is less.
    Where nearly all values are the same, as with wordings that hardly any text has, what exceeds them is as rare as it
    is, however little it exceeds them by: the share that does counts at its upper confidence limit (Poisson's, Garwood
    1936) from the least value on that was seen beyond.
    A knee that lies in the tail is where the curve begins to rise. A lesser one that a sample is too small to show is
    not extrapolated: there the curve rises from the last value on that the sample shows.

    Args:
        values: Finite values, shape (n,).
        weights: What each counts, shape (n,), positive.
        knee: Decades to subtract.
        kind: The mechanism.
    """
    order = np.argsort(values)
    values, weights = values[order], weights[order] / weights.sum()
    size = 1.0 / float((weights**2).sum())  # effective number (Kish)
    points, first = np.unique(values, return_index=True)
    above = np.cumsum(weights[::-1])[::-1][first]
    decades = -np.log10((above * size + 0.5) / (size + 0.5))
    top = max(0, int(np.searchsorted(-above, -max(TAIL, 10.0 / size), side="right")) - 1)
    beyond = values > points[top]
    mean = float(weights @ values)
    spread = float(np.sqrt(weights @ (values - mean) ** 2))
    share, least = float(weights[beyond].sum()), UNSEEN_SPREAD
    if beyond.any():
        excess = float(weights[beyond] @ (values[beyond] - points[top])) / share
        spread = min(max(spread, excess), excess * _upper(max(1.0, share * size)))
        least = float(values[beyond].min() - points[top])
    if spread < 1e-9:
        spread = UNSEEN_SPREAD
    kept = np.unique(np.linspace(0, top, min(POINTS, top + 1)).round().astype(int))
    at, heights = points[kept], decades[kept]
    rare = min(-float(np.log10(_most(share * size) / size)), CAP)
    if rare > heights[-1] + 0.1:
        at, heights = np.append(at, points[top] + least), np.append(heights, rare)
    decade = spread * np.log(10.0)
    if knee > max(heights[-1], -np.log10(TAIL)):
        at, heights = np.append(at, at[-1] + decade * (knee - heights[-1])), np.append(heights, knee)
    end = at[-1] + decade * max(CAP - heights[-1], 1e-3)
    heights = np.maximum(np.append(heights, CAP) - knee, 0.0)
    return Curve(np.append(at, end), np.maximum.accumulate(heights), kind)


def _most(number: float) -> float:
    """How many there may be on average where so many were seen, with 95 % confidence (Garwood 1936)."""
    from scipy.stats import chi2

    return float(chi2.ppf(0.95, 2.0 * (number + 1.0)) / 2.0)


def _upper(number: float) -> float:
    """How many times its estimate from so many values an exponential's mean is at most, with 95 % confidence."""
    from scipy.stats import chi2

    return float(2.0 * number / chi2.ppf(0.05, 2.0 * number))


UNSEEN_SPREAD = 0.15
"""Deviation of a signal that never moved on benign traffic: such signals are scores in [0, 1]."""


def fit(
    examples: Sequence[Example],
    features: Sequence[str],
    prevalence: float,
    *,
    shares: Mapping[str, float] | None = None,
    knee: float = KNEE,
    isotonic: bool = False,
) -> SurpriseModel:
    """Fit one model: curves on benign examples, then what their sum is worth on both kinds.

    Args:
        examples: Labelled measurements.
        features: Names of the features that may be used.
        prevalence: Share of requests (or candidates) assumed to carry the threat, in (0, 1).
        shares: How much each kind weighs among the benign; alike where it says nothing. Attacks all weigh alike.
        knee: Decades that are no surprise.
        isotonic: Let the worth of a sum be any rising curve; else one slope.

    Raises:
        DataError: Fewer than `MIN_EXAMPLES` of either kind, or no feature was ever measured.
    """
    labels = np.array([e.positive for e in examples], dtype=bool)
    if min(labels.sum(), (~labels).sum()) < MIN_EXAMPLES:
        raise DataError(
            f"{labels.sum()} positive and {(~labels).sum()} negative examples; {MIN_EXAMPLES} of each are the least"
        )
    start = _logit(prevalence)
    weights = _balanced([e.kind for e in examples], labels, shares or {})
    table = np.array([[e.features.get(name, np.nan) for name in features] for e in examples], dtype=np.float64)
    table = table.reshape(len(examples), len(features))
    curves: dict[str, Curve] = {}
    for column, name in enumerate(features):
        benign = ~labels & np.isfinite(table[:, column])
        # A feature seen in a handful of benign examples only has no tail to speak of.
        if benign.sum() >= MIN_EXAMPLES:
            least = max(knee, FAR_OUT.get(name.partition(":")[0], 0.0))
            curves[name] = curve(table[benign, column], weights[benign], least, mechanism(name))
    if not curves:
        raise DataError("none of the features was measured often enough to be fitted")
    kept = [features.index(name) for name in curves]
    decades = SurpriseModel(curves, 1.0, 0.0).surprise(table[:, kept])
    totals = decades.sum(axis=1)
    if isotonic:
        return SurpriseModel(curves, SLOPE, start, _steps(SLOPE * totals, labels, weights))
    slope, bias = _platt(totals, labels, weights)
    mechanisms = [curve.mechanism for curve in curves.values()]
    usual = {
        # Both classes' weights sum to one: half their sum is halfway between the means.
        one: round(float(weights @ decades[:, [m == one for m in mechanisms]].sum(axis=1)) / 2.0, 4)
        for one in dict.fromkeys(mechanisms)
    }
    return SurpriseModel(curves, slope, bias + start, usual=usual)


def _platt(totals: Floats, labels: NDArray[np.bool_], weights: Floats) -> tuple[float, float]:
    """Slope in [0, `SLOPE`] and bias of a logistic regression on one variable, both classes weighing alike."""
    from scipy.optimize import minimize

    sign = np.where(labels, 1.0, -1.0)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        margin = sign * (parameters[0] * totals + parameters[1])
        pull = -weights * sign * np.exp(-np.logaddexp(0.0, margin))
        return float(weights @ np.logaddexp(0.0, -margin)), np.array([pull @ totals, pull.sum()])

    found = minimize(loss, np.array([1.0, -1.0]), jac=True, method="L-BFGS-B", bounds=[(0.0, SLOPE), (-20.0, 20.0)])
    return float(found.x[0]), float(found.x[1])


def _steps(totals: Floats, labels: NDArray[np.bool_], weights: Floats) -> tuple[tuple[float, float], ...]:
    """Log of how much more often attacks show such a total than benign requests; never falling.

    Isotonic regression of the label, both classes weighing alike. Each of its levels becomes a point in its middle,
    with half an example more of either kind: what few have shown is no certainty.
    """
    from sklearn.isotonic import IsotonicRegression

    level = IsotonicRegression().fit(totals, labels.astype(np.float64), sample_weight=weights).predict(totals)
    half = [0.5 * float((weights[labels == kind] ** 2).sum()) for kind in (False, True)]
    points: dict[float, float] = {}
    highest = -np.inf
    for value in np.unique(level):
        here = level == value
        benign, attack = (float(weights[here & (labels == kind)].sum()) for kind in (False, True))
        highest = max(highest, float(np.log((attack + half[True]) / (benign + half[False]))))
        points[round(float(weights[here] @ totals[here] / weights[here].sum()), 6)] = round(highest, 6)
    return tuple(points.items())


def _balanced(kinds: Sequence[str], labels: NDArray[np.bool_], shares: Mapping[str, float]) -> Floats:
    """Weights that sum to one for each class: attacks all alike, kinds of benign traffic by their shares."""
    weights = np.zeros(len(kinds))
    names = np.array(kinds, dtype=object)
    for positive in (False, True):
        present = sorted({str(name) for name in names[labels == positive]})
        wanted = {name: 1.0 if positive else shares.get(name, 1.0) for name in present}
        for name in present:
            rows = (names == name) & (labels == positive)
            weights[rows] = wanted[name] / sum(wanted.values()) / rows.sum()
    return weights


def _logit(share: float) -> float:
    if not 0.0 < share < 1.0:
        raise DataError(f"a prevalence must lie in (0, 1), not {share}")
    return float(np.log(share / (1.0 - share)))
