"""`sentinel-bench calibrate`: what each defense does to attacks and to benign users of a corpus, and the price chosen.

Three disjoint sources: attacks that the project makes of corpus text, the fit part of the benign sessions for what
each defense costs alone, and the calibrate part for the price, by conformal risk control. Nothing under test is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from benchmarks.alone import OnlyPolicy
from benchmarks.attacks import Family, rng
from benchmarks.data import Dataset
from benchmarks.fit import ASKED, BENIGN, Part, training_traffic
from benchmarks.losses import cost_curve, looking, losses_by_price, request_looks, request_losses, shares_by_look
from benchmarks.metrics import METRICS, Cell
from benchmarks.readings import Report, Traffic
from benchmarks.samples import Sample
from benchmarks.splits import split
from benchmarks.staged import Staged, stage
from defenses import DEFENSES
from sentinel.errors import DataError
from sentinel.models import ThreatModels
from sentinel.vocabulary import Threat
from strategist.calibration import Calibration, Option, Promise
from strategist.conformal import monotonised, sessions_needed, smallest_alpha, strongest

ALPHAS: Mapping[str, float] = {"benign": 0.01, "benign-drilldown": 0.06, "benign-hard": 0.05}
"""What benign sessions may lose on average, by kind. The last two are made of corpus text to resemble attacks."""
PRICES = (0.0, *np.geomspace(0.03, 100.0, 43).round(6).tolist())
"""Settings from the strongest intervention to the mildest, times the rates; beyond the last nothing is done."""
RATES = tuple(np.geomspace(0.1, 30.0, 21).round(6).tolist())
"""Rates that are tried for each origin of threats. What cost the few sessions of a fit part nothing at any rate is not
free: the price must still be able to switch it off."""
ALONE = 0.75
"""Share of what may be lost that the defenses of one origin may cost alone; both rarely strike the same session."""
MOST = 60
"""Sessions of one attack at most; `MOST_SERIES` where one session is a series of questions."""
MOST_SERIES = 30
MORE = 2
"""How many times the data set's own number of hard queries and follow-ups is made besides."""
Mixture = Mapping[Threat, Mapping[str, tuple[tuple[float, float], ...]]]
FITTED = frozenset({"suspicion_filter"})
"""Defenses that read the fitted models. Attacks set no more than two numbers of these, but they are the very attacks
that residuals are measured on: `UNCOUNTED` of what such a defense seems to stop is not counted on. Else a rule that
knows an attack's construction would never be chosen beside it."""
UNCOUNTED = 0.2
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
    *(("gibberish_filter", {"known": known}) for known in (10.0, 8.0, 6.0)),
    ("instruction_filter", {}),
    ("jamming_filter", {}),
    *(("suspicion_filter", {"threshold": threshold}) for threshold in (0.5, 0.25, 0.1)),
)
"""What may be chosen, by defense from the mildest strength to the strongest."""


def as_text(name: str, parameters: Mapping[str, object]) -> str:
    """A defense with its parameters as `OnlyPolicy` reads it."""
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
        samples = staged.samples(OnlyPolicy(defenses=(as_text(name, parameters),)))
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


def choose(
    losses: Mapping[str, NDArray[np.float64]], alphas: Mapping[str, float], *, strict: bool
) -> tuple[int | None, dict[str, Promise]]:
    """The lowest price that keeps the promise to every kind of benign traffic.

    Args:
        losses: By kind of traffic, shape (sessions, prices), prices ascending.
        alphas: The promise to each kind.
        strict: Refuse a kind with fewer sessions than its promise takes. Else the few sessions of a trial are not to
            forbid everything: they may lose `alpha`, and what is promised is 1 / (n + 1) more, for the next one.

    Returns:
        The price's index, None if none keeps all promises; and the promises.

    Raises:
        DataError: Too few sessions, and `strict`.
    """
    bounds: dict[str, float] = {}
    for kind, table in losses.items():
        if not len(table):
            continue
        if strict:
            _refuse_few(kind, len(table), alphas[kind])
        bounds[kind] = alphas[kind] if strict else min(alphas[kind] + smallest_alpha(len(table)), 0.5)
    picked = [strongest(losses[kind], alpha) for kind, alpha in bounds.items()]
    found = None if None in picked or not picked else max(p for p in picked if p is not None)
    promises = {
        kind: Promise(
            alpha=alpha,
            sessions=len(losses[kind]),
            loss=0.0 if found is None else float(losses[kind][:, found].mean()),
        )
        for kind, alpha in bounds.items()
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
    made = known[0].data
    traffic = [_limited(item, seed) for item in known if not any(s.id.startswith(ASKED) for s in item.sessions)]
    # What a run will score stays unread; for production there is no test to keep apart.
    parts = ("calibrate", "test") if strict else ("calibrate",)
    held = [Part(part, seed).sessions(Traffic.of(made, name, seed)) for name in BENIGN for part in parts]
    held += _more_benign(made, seed, "calibrate")
    measured = [*traffic, *_more_benign(made, seed, "fit")]
    options, mixture, benign = measured_options(data, measured, model, models, seed, alphas, report)
    report("setting rates", 0, 1)
    rates = shared_rates(options, mixture, benign, alphas)
    calibration = Calibration(options=options, mixture=mixture, price=None, rates=rates, models=models.hash)
    losses = _by_kind((staged for staged, _ in stage(data, held, model, models, seed, report)), calibration, PRICES)
    chosen, promises = choose(losses, alphas, strict=strict)
    return calibration.model_copy(
        update={
            "price": None if chosen is None else PRICES[chosen],
            "promises": promises,
            "fitted_on": made_from(data, seed),
        }
    )


def shared_rates(
    options: Sequence[Option], mixture: Mixture, benign: Sequence[Staged], alphas: Mapping[str, float]
) -> dict[Literal["client", "corpus"], float]:
    """The price for each origin of threats at which its defenses alone cost `ALONE` of what may be lost.

    One price for both would be set by whichever hurts first, and leave the other idle. What matters is the proportion:
    the price itself is chosen afterwards, on sessions that nothing here has seen.

    Args:
        options: With their costs.
        mixture: Which attacks look how threatening.
        benign: What the costs come from.
        alphas: What each kind of traffic may lose.
    """
    rates: dict[Literal["client", "corpus"], float] = {}
    for origin in ("client", "corpus"):
        own = tuple(option for option in options if option.origin == origin)
        if not own:
            continue
        tables = _by_kind(benign, Calibration(options=own, mixture=mixture), RATES)
        lost = {kind: monotonised(table).mean(axis=0) for kind, table in tables.items()}
        kept = [rate for at, rate in enumerate(RATES) if all(lost[kind][at] <= ALONE * alphas[kind] for kind in lost)]
        rates[origin] = min(kept, default=RATES[-1])
    return rates


def _by_kind(
    benign: Iterable[Staged], calibration: Calibration, prices: Sequence[float]
) -> dict[str, NDArray[np.float64]]:
    tables: dict[str, list[NDArray[np.float64]]] = {}
    for staged in benign:
        tables.setdefault(staged.name, []).append(losses_by_price(staged, calibration, prices))
    return {kind: np.concatenate(found) for kind, found in tables.items()}


def made_from(data: Dataset, seed: int) -> str:
    """How a calibration names what it was made from."""
    return f"{data.name} ({data.hash}), seed {seed}"


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
) -> tuple[tuple[Option, ...], Mixture, list[Staged]]:
    """Residual, cost and milliseconds of every candidate, which attacks look how threatening, and benign traffic."""
    seen: dict[Threat, dict[str, list[float]]] = {}
    benign: list[Staged] = []
    left: list[dict[Threat, dict[str, float]]] = [{} for _ in CANDIDATES]
    looks: dict[str, list[Mapping[Threat, float]]] = {}
    lost: list[dict[str, list[float]]] = [{} for _ in CANDIDATES]
    spent: list[list[float]] = [[] for _ in CANDIDATES]
    for number, (staged, _) in enumerate(stage(data, traffic, model, models, seed, report)):
        report(f"measuring on {staged.name}", number, len(traffic))
        threat = staged.traffic.attack.manifest.threat
        if threat is not None:
            known = seen.setdefault(threat, {}).setdefault(staged.name, [])
            known += [looking(p, (threat,)) for p in request_looks(staged)]
            for i, share in enumerate(residuals(staged, CANDIDATES)):
                if share is not None and CANDIDATES[i][0] in FITTED:
                    share += UNCOUNTED * (1.0 - share)
                if share is not None:
                    left[i].setdefault(threat, {})[staged.name] = round(share, 6)
            continue
        benign.append(staged)
        looks.setdefault(staged.name, []).extend(request_looks(staged))
        for i, candidate in enumerate(CANDIDATES):
            samples = staged.samples(OnlyPolicy(defenses=(as_text(*candidate),)))
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
    return options, {threat: shares_by_look(by) for threat, by in seen.items()}, benign


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
