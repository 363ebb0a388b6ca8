"""`sentinel-bench calibrate`: what each defense does to attacks and to benign users of a corpus, and the price chosen.

Three disjoint sources: attacks that the project makes of corpus text, the fit part of the benign sessions for what
each defense costs alone, and the calibrate part for the price, by conformal risk control. Nothing under test is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from benchmarks.alone import OnlyPolicy
from benchmarks.attacks import Family, rng
from benchmarks.data import Dataset
from benchmarks.fit import ASKED, BENIGN, SHARES, Part, training_traffic
from benchmarks.metrics import METRICS, Cell
from benchmarks.readings import Report, Traffic
from benchmarks.samples import Sample
from benchmarks.splits import split
from benchmarks.staged import Staged, stage
from defenses import DEFENSES
from sentinel.errors import DataError
from sentinel.models import ThreatModels
from sentinel.vocabulary import Request, Threat
from strategist.calibration import Calibration, Option, Promise
from strategist.conformal import monotonised, sessions_needed, smallest_alpha, strongest
from strategist.policies.adaptive import AdaptivePolicy

ALPHAS: Mapping[str, float] = {"benign": 0.01, "benign-drilldown": 0.06, "benign-hard": 0.05}
"""What benign sessions may lose on average, by kind. The last two are made of corpus text to resemble attacks."""
PRICES = (0.0, *np.geomspace(0.03, 100.0, 43).round(6).tolist())
"""Settings from the strongest intervention to the mildest, times the rates; beyond the last nothing is done."""
RATES = tuple(np.geomspace(0.01, 30.0, 29).round(6).tolist())
"""Rates that are tried for each origin of threats."""
ALONE = 0.75
"""Share of what may be lost that the defenses of one origin may cost alone; both rarely strike the same session."""
MOST = 60
"""Sessions of one attack at most; `MOST_SERIES` where one session is a series of questions."""
MOST_SERIES = 30
MORE = 2
"""How many times the data set's own number of hard queries and follow-ups is made besides."""
PRIOR = 20.0
"""Sessions for which a cost of `PRIOR_COST` counts: no defense is free because thirty sessions did not need it."""
PRIOR_COST = 0.002
UNKNOWN = 0.01
"""P of a threat that was not evaluated, as the policy takes it."""
FITTED = frozenset({"suspicion_filter"})
"""Defenses that read the fitted models, which have seen the very attacks that residuals are measured on: half of what
they seem to stop is not counted on. Without that they look as good as a rule that knows the attack's construction, and
cheaper, and the rule would never be chosen beside them."""
PROBED = ((1000, 1000, 12, 8), (1000, 1000, 8, 5), (48, 48, 8, 5), (30, 28, 8, 5), (12, 10, 7, 3))
CANDIDATES: tuple[tuple[str, Mapping[str, object]], ...] = (
    *(
        ("hide_probed", {"run": run, "grams": grams, "words": words, "ordered": 0.35, "apart": apart})
        for run, grams, words, apart in PROBED
    ),
    *(
        ("hide_for_client", {"yes_no_run": run, "document_concentration": other, "weight_in_document": other})
        for run, other in ((2.5, 6.0), (1.2, 6.0), (1.2, 4.0))
    ),
    ("echo_filter", {}),
    ("cluster_filter", {}),
    ("gibberish_filter", {}),
    ("instruction_filter", {}),
    ("jamming_filter", {}),
    *(("suspicion_filter", {"threshold": threshold}) for threshold in (0.9, 0.5, 0.2)),
)
"""What may be chosen, by defense from the mildest strength to the strongest."""


@dataclass(frozen=True)
class Losses:
    """What benign sessions of one kind lose at each price, shape (sessions, prices)."""

    kind: str
    table: NDArray[np.float64]


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


def as_text(option: Option | tuple[str, Mapping[str, object]]) -> str:
    """A defense with its parameters as `OnlyPolicy` reads it."""
    name, parameters = (option.name, option.parameters) if isinstance(option, Option) else option
    return " ".join([name, *(f"{key}={json.dumps(value)}" for key, value in parameters.items())])


def residuals(staged: Staged, candidates: Sequence[tuple[str, Mapping[str, object]]]) -> list[float | None]:
    """What each candidate leaves of an attack's success; None for one that is not for its threat.

    What a defense does in sessions that it fails in is not known: it leaves all of the attack if it fails in all.
    """
    manifest = staged.traffic.attack.manifest
    before = _success(staged, staged.samples(OnlyPolicy(), senses=False))
    found: list[float | None] = []
    for name, parameters in candidates:
        if manifest.threat not in DEFENSES.get(name).manifest.threats or not before:
            found.append(None)
            continue
        samples = staged.samples(OnlyPolicy(defenses=(as_text((name, parameters)),)))
        after = _success(staged, samples)
        found.append(1.0 if after is None else min(1.0, max(0.0, after / before)))
    return found


def _success(staged: Staged, samples: Sequence[Sample]) -> float | None:
    """Exposure of planted documents, or how far members are told from non-members beyond chance; None if unknown."""
    cell = Cell([s for s in samples if s.error is None], {}, {})
    if staged.traffic.attack.manifest.family is Family.POISONING:
        return METRICS.get("exposure_rate")().compute(cell).value
    value = METRICS.get("auc")().compute(cell).value
    return None if value is None else 2.0 * value - 1.0


def losses_by_price(staged: Staged, calibration: Calibration, prices: Sequence[float]) -> Losses:
    """Serve benign sessions at every price. A session whose plans do not change is served once."""
    table = np.zeros((len(staged.requests), len(prices)))
    known: dict[tuple[int, tuple[object, ...]], float] = {}
    for column, price in enumerate(prices):
        policy = AdaptivePolicy(calibration=calibration, price=price)
        for i, requests in enumerate(staged.requests):
            plans = tuple(_plan(policy, staged, request) for request in requests)
            if not any(plans):
                continue  # nothing is done: nothing is lost
            if (i, plans) not in known:
                known[i, plans] = session_losses(staged, staged.samples(policy, [i]), [i])[0]
            table[i, column] = known[i, plans]
    return Losses(staged.name, table)


def _plan(policy: AdaptivePolicy, staged: Staged, request: Request) -> tuple[tuple[str, str], ...]:
    profile = staged.sentinel.late[request]
    plan = policy.after_retrieval(request, profile, policy.before_retrieval(request, profile))
    return tuple((d.name, repr(sorted(d.parameters.items()))) for d in plan.defenses)


def choose(
    losses: Sequence[Losses], alphas: Mapping[str, float], *, strict: bool
) -> tuple[int | None, dict[str, Promise]]:
    """The lowest price that keeps the promise to every kind of benign traffic.

    Args:
        losses: By kind.
        alphas: The promise to each kind.
        strict: Refuse a kind with fewer sessions than its promise takes. Else the few sessions of a trial are not to
            forbid everything: they may lose `alpha`, and what is promised is 1 / (n + 1) more, for the next one.

    Returns:
        The price's index, None if none keeps all promises; and the promises.

    Raises:
        DataError: Too few sessions, and `strict`.
    """
    picked: list[int | None] = []
    bounds: dict[str, float] = {}
    for one in losses:
        alpha, sessions = alphas[one.kind], len(one.table)
        if not sessions:
            continue
        if not strict:
            alpha = min(alpha + smallest_alpha(sessions), 0.5)
        else:
            _refuse_few(one.kind, sessions, alpha)
        bounds[one.kind] = alpha
        picked.append(strongest(one.table, alpha))
    found = None if None in picked or not picked else max(p for p in picked if p is not None)
    promises = {
        one.kind: Promise(
            alpha=bounds[one.kind],
            sessions=len(one.table),
            loss=0.0 if found is None else float(one.table[:, found].mean()),
        )
        for one in losses
        if one.kind in bounds
    }
    return found, promises


def calibrate(
    data: Dataset,
    model: Embeddings,
    models: ThreatModels,
    seed: int,
    *,
    alphas: Mapping[str, float] = ALPHAS,
    strict: bool = True,
    report: Report = lambda *_: None,
) -> Calibration:
    """Measure the candidates on a corpus and choose the price.

    Args:
        data: The data set; its poison and its membership targets are not read.
        model: Embeds passages and queries.
        models: From signals to probabilities, frozen.
        seed: Of generated attacks and the split.
        alphas: What benign sessions of each kind may lose on average.
        strict: Calibrate on all sessions but the fit part, and refuse too few; else keep the test part unread, and
            promise what the rest can carry.
        report: Told of progress.

    Raises:
        DataError: Too few benign sessions, or too few passages to make attacks of.
    """
    # The poisonings' own questions are made of the words of the very sentence that answers them, as no user's are: what
    # they teach of forms of questions is worth fitting on, what a defense costs them is worth nothing.
    known = training_traffic(data, seed, "fit")
    traffic = [_limited(item, seed) for item in known if not item.sessions[0].id.startswith(ASKED)]
    made = traffic[0].data
    # What a run will score stays unread; for production there is no test to keep apart.
    parts = ("calibrate", "test") if strict else ("calibrate",)
    held = [Part(part, seed).sessions(Traffic.of(made, name, seed)) for name in BENIGN for part in parts]
    held += _more_benign(made, seed, "calibrate")
    measured = [*traffic, *_more_benign(made, seed, "fit")]
    options, benign = measured_options(data, measured, model, models, seed, alphas, report)
    report("setting rates", 0, 1)
    rates = shared_rates(options, benign, alphas)
    calibration = Calibration(options=options, price=None, rates=rates, models=models.hash)
    tables: dict[str, list[NDArray[np.float64]]] = {}
    for number, (staged, _) in enumerate(stage(data, held, model, models, seed, report)):
        report(f"calibrating on {staged.name}", number, len(held))
        tables.setdefault(staged.name, []).append(losses_by_price(staged, calibration, PRICES).table)
    losses = [Losses(kind, np.concatenate(found)) for kind, found in tables.items()]
    chosen, promises = choose(losses, alphas, strict=strict)
    return calibration.model_copy(
        update={
            "price": None if chosen is None else PRICES[chosen],
            "promises": promises,
            "fitted_on": f"{data.name} ({data.hash}), seed {seed}",
        }
    )


def shared_rates(
    options: Sequence[Option], benign: Sequence[Staged], alphas: Mapping[str, float]
) -> dict[Literal["client", "corpus"], float]:
    """The price for each origin of threats at which its defenses alone cost `ALONE` of what may be lost.

    One price for both would be set by whichever hurts first, and leave the other idle. What matters is the proportion:
    the price itself is chosen afterwards, on sessions that nothing here has seen.

    Args:
        options: With their costs.
        benign: What the costs come from.
        alphas: What each kind of traffic may lose.
    """
    rates: dict[Literal["client", "corpus"], float] = {}
    for origin in ("client", "corpus"):
        own = tuple(option for option in options if option.origin == origin)
        if not own:
            continue
        tables: dict[str, list[NDArray[np.float64]]] = {}
        for staged in benign:
            tables.setdefault(staged.name, []).append(losses_by_price(staged, Calibration(options=own), RATES).table)
        lost = {kind: monotonised(np.concatenate(found)).mean(axis=0) for kind, found in tables.items()}
        kept = [rate for at, rate in enumerate(RATES) if all(lost[kind][at] <= ALONE * alphas[kind] for kind in lost)]
        rates[origin] = min(kept, default=RATES[-1])
    return rates


def enough(data: Dataset, seed: int, alphas: Mapping[str, float]) -> None:
    """Refuse, before any work, a promise to benign users that their sessions cannot carry.

    Raises:
        DataError: There are too few sessions outside the fit part.
    """
    known = split(Traffic.of(data, "benign", seed).sessions, seed, "benign")
    _refuse_few("benign", sum(part != "fit" for part in known.values()), alphas["benign"])


def _refuse_few(kind: str, sessions: int, alpha: float) -> None:
    needed = sessions_needed(alpha)
    if sessions < needed:
        raise DataError(
            f"{sessions} {kind} sessions to calibrate on; a promise of {alpha:.3g} takes {needed}. Bring more traffic, "
            f"or promise {smallest_alpha(sessions):.3g} (--alpha)"
        )


def measured_options(
    data: Dataset,
    traffic: Sequence[Traffic],
    model: Embeddings,
    models: ThreatModels,
    seed: int,
    alphas: Mapping[str, float],
    report: Report,
) -> tuple[tuple[Option, ...], list[Staged]]:
    """Residual, cost and milliseconds of every candidate, and the benign traffic that the costs come from."""
    benign: list[Staged] = []
    left: list[dict[Threat, dict[str, float]]] = [{} for _ in CANDIDATES]
    looks: dict[str, list[Mapping[Threat, float]]] = {}
    lost: list[dict[str, list[float]]] = [{} for _ in CANDIDATES]
    spent: list[list[float]] = [[] for _ in CANDIDATES]
    for number, (staged, _) in enumerate(stage(data, traffic, model, models, seed, report)):
        report(f"measuring on {staged.name}", number, len(traffic))
        threat = staged.traffic.attack.manifest.threat
        if threat is not None:
            for i, share in enumerate(residuals(staged, CANDIDATES)):
                if share is not None and CANDIDATES[i][0] in FITTED:
                    share = (1.0 + share) / 2.0
                if share is not None:
                    left[i].setdefault(threat, {})[staged.name] = round(share, 6)
            continue
        benign.append(staged)
        looks.setdefault(staged.name, []).extend(request_looks(staged))
        for i, candidate in enumerate(CANDIDATES):
            samples = staged.samples(OnlyPolicy(defenses=(as_text(candidate),)))
            lost[i].setdefault(staged.name, []).extend(request_losses(staged, samples))
            spent[i] += [ms for sample in samples for ms in sample.overhead_ms]
    options = tuple(
        Option(
            name=name,
            parameters=dict(parameters),
            residual=left[i],
            # By the threats that it was measured against: the policy reads the curve at the same place.
            cost=cost_curve({k: [looking(p, left[i]) for p in seen] for k, seen in looks.items()}, lost[i], alphas),
            milliseconds=round(float(np.median(spent[i])), 3) if spent[i] else 0.0,
        )
        for i, (name, parameters) in enumerate(CANDIDATES)
    )
    return options, benign


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


def _more_benign(made: Dataset, seed: int, part: str) -> list[Traffic]:
    """Requests that look like attacks are rare: more of them, made of passages and of one part's questions.

    By the generator that makes those under test where a data set brings none, so that they are exchangeable with them.
    """
    known = Part(part, seed).sessions(Traffic.of(made, "benign", seed))
    asked = {ask.query for session in known.sessions for ask in session.asks}
    source = replace(made, queries=tuple(q for q in made.queries if q.text in asked), drilldowns=(), hard=())
    return [
        Traffic.of(source, name, rng(seed, part, str(n)).getrandbits(32)) for name in BENIGN[1:] for n in range(MORE)
    ]


def _limited(traffic: Traffic, seed: int) -> Traffic:
    manifest = traffic.attack.manifest
    if manifest.family is Family.BENIGN:
        return traffic
    sessions = list(traffic.sessions)
    most = MOST_SERIES if sessions and len(sessions[0].asks) > 1 else MOST
    if len(sessions) <= most:
        return traffic
    chosen = set(rng(seed, "calibrate", manifest.name).sample(range(len(sessions)), most))
    return Traffic(traffic.data, traffic.attack, [s for i, s in enumerate(sessions) if i in chosen], traffic.planted)
