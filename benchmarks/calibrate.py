"""`sentinel-bench calibrate`: what each defense does to attacks and to benign users of a corpus, and how far to go.

Three disjoint sources: attacks that the project makes of corpus text, the fit part of the benign sessions for what
defenses cost and which prices buy most at every cost, and the calibrate part for the strongest of these that keeps the
promise, by conformal risk control. Nothing under test is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from benchmarks.alone import OnlyPolicy
from benchmarks.attacks import Family, rng
from benchmarks.data import Dataset
from benchmarks.effects import Candidate, as_text, effects, outcomes
from benchmarks.fit import ASKED, benign_traffic, training_traffic
from benchmarks.generated import BENIGN
from benchmarks.losses import (
    PRIOR_COST,
    cost_curve,
    looking,
    losses_by_kind,
    request_looks,
    request_losses,
    shares_by_look,
)
from benchmarks.rates import best_settings, in_steps
from benchmarks.readings import Report, Traffic
from benchmarks.splits import split
from benchmarks.staged import Staged, stage
from defenses import DEFENSES
from sentinel.errors import DataError
from sentinel.threat_models import ThreatModels
from sentinel.vocabulary import Threat
from strategist.calibration import Calibration, Option, Outcome, Promise
from strategist.conformal import held, sessions_needed, smallest_alpha, strongest

ALPHAS: Mapping[str, float] = {"benign": 0.01, "benign-drilldown": 0.06, "benign-hard": 0.05}
"""What benign sessions may lose on average, by kind. The last two are made of corpus text to resemble attacks."""
MOST = 60
"""Sessions of one attack at most; `MOST_SERIES` where one session is a series of questions."""
MOST_SERIES = 30
MORE: Mapping[str, int] = {"fit": 6, "calibrate": 2}
"""How many times the data set's own number of hard queries and follow-ups is made besides, by part. What each setting
costs is learned of the fit part: of some two hundred hard queries chance decides which of two sides of defenses seems
the cheaper one, and the other pays for it on sessions that nothing was fitted on. The promise is kept either way."""
SPLITS = 200
"""Random splits of the sessions that the promise is checked over."""
FITTED = frozenset({"suspicion_filter"})
"""Defenses that read the fitted models. Attacks set no more than two numbers of these, but they are the very attacks
that residuals are measured on: `UNCOUNTED` of what such a defense seems to stop is not counted on. Else a rule that
knows an attack's construction would never be chosen beside it."""
UNCOUNTED = 0.2
SUREST = 0.9
"""The mildest threshold of `suspicion_filter`."""
PROBED = (
    (1000, 1000, 12, 8, 14.0), (1000, 1000, 8, 5, 11.0), (1000, 1000, 6, 2, 8.0), (48, 48, 8, 5, 11.0),
    (48, 48, 6, 2, 8.0), (30, 28, 8, 5, 11.0), (30, 28, 6, 2, 8.0), (18, 16, 8, 5, 11.0), (12, 10, 8, 5, 11.0),
    (12, 10, 6, 2, 8.0),
)  # fmt: skip
"""Strengths of `hide_probed`: run, grams, words, apart and broken. To hide what is copied in one piece costs who pastes
an excerpt, to hide what is copied with holes does not: how far to go in the one does not say how far in the other."""
CANDIDATES: tuple[tuple[str, Mapping[str, object]], ...] = (
    *(
        (
            "hide_probed",
            {"run": run, "grams": grams, "words": words, "ordered": 0.35, "apart": apart, "broken": broken},
        )
        for run, grams, words, apart, broken in PROBED
    ),
    *(
        ("hide_for_client", {"yes_no_run": run, "document_concentration": other, "weight_in_document": other})
        for run, other in ((2.5, 6.0), (1.2, 6.0), (1.2, 4.0))
    ),
    ("echo_filter", {}),
    *(("cluster_filter", {"suspicion": suspicion}) for suspicion in (0.05, 0.02)),
    ("cluster_filter", {}),
    *(("gibberish_filter", {"known": known}) for known in (10.0, 8.0)),
    *(("gibberish_filter", {"known": 8.0, "suspected": run}) for run in (6.0, 4.0)),
    ("instruction_filter", {}),
    ("jamming_filter", {}),
    *(("suspicion_filter", {"threshold": threshold}) for threshold in (SUREST, 0.5, 0.25, 0.1, 0.04, 0.015)),
)
"""What may be chosen, by defense from the mildest strength to the strongest.

A run of a few odd words stands in many a good passage, and three passages agree on many a subject. What is dropped for
it alone costs the victims of other attacks their good passages; what the models suspect besides, above the usual share
of threats, is hardly ever good."""
PORTABLE = tuple(
    (name, parameters)
    for name, parameters in CANDIDATES
    if (name not in FITTED or parameters == {"threshold": SUREST})
    and not {"suspected", "suspicion"} & parameters.keys()
    and not (name == "hide_probed" and parameters["apart"] == 2)
)
"""What does on other text about what it does here: of what reads models fitted here only what is surest, and not what
calls a long question a copy for some words that it shares in order."""

ELSEWHERE = 0.05
"""By how much more a defense that judges texts is taken to cost where nobody measured it. Here perhaps no user's
question looked like an attack; where titles are questions and abstracts answer them, many do."""


def choose(
    losses: Mapping[str, NDArray[np.float64]], alphas: Mapping[str, float], *, strict: bool
) -> tuple[int | None, dict[str, Promise]]:
    """The strongest setting that keeps the promise to every kind of benign traffic.

    Args:
        losses: By kind of traffic, shape (sessions, settings), from the strongest to the mildest.
        alphas: The promise to each kind.
        strict: Refuse a kind with fewer sessions than its promise takes. Else the few sessions of a trial are not to
            forbid everything: they may lose `alpha`, and what is promised is 1 / (n + 1) more, for the next one.

    Returns:
        The setting's index, None if none keeps all promises; and the promises.

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
            unseen=_unseen(losses[kind], alpha),
        )
        for kind, alpha in bounds.items()
    }
    return found, promises


def _unseen(losses: NDArray[np.float64], alpha: float) -> float | None:
    """Mean loss of the sessions that a setting was not chosen on, over random splits; None with too few to split."""
    part = max(len(losses) // 2, sessions_needed(alpha))
    return float(held(losses, alpha, part, range(SPLITS)).mean()) if part < len(losses) else None


def calibrate(
    data: Dataset,
    model: Embeddings,
    models: ThreatModels,
    seed: int,
    *,
    alphas: Mapping[str, float] = ALPHAS,
    strict: bool = True,
    portable: bool = False,
    report: Report = lambda *_: None,
) -> Calibration:
    """Measure the candidates on a corpus and choose how far to go.

    Args:
        data: The data set; its poison and its membership targets are not read.
        model: Embeds passages and queries.
        models: From signals to probabilities, frozen.
        seed: Of generated attacks and the split.
        alphas: What benign sessions of each kind may lose on average.
        strict: Calibrate on all sessions but the fit part, and refuse too few; else keep the test part unread, and
            promise what the rest can carry.
        portable: For use on corpora that nobody measured: leave out what rests on this one's (`PORTABLE`), and take
            the rest to cost `ELSEWHERE` more.
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
    unseen = [benign_traffic(data, made, name, part, seed) for name in BENIGN for part in parts]
    unseen += _more_benign(data, made, seed, "calibrate")
    measured = [*traffic, *_more_benign(data, made, seed, "fit")]
    candidates = [c for c in CANDIDATES if not portable or c in PORTABLE]
    found, benign, attacked = measured_options(data, measured, model, models, seed, alphas, report, candidates)
    report("weighing cost against harm", 0, 1)
    settings = in_steps(best_settings(found, benign, attacked, alphas))
    if portable:
        # Models fitted here find documents planted in another corpus less probable than they are, and know nothing of
        # what judgements of texts cost there: neither what was to be had here nor what it cost says more than the
        # objective does at face value.
        settings = [{origin: 1.0 if origin == "corpus" else r for origin, r in s.items()} for s in settings]
    met = [staged for staged, _ in stage(data, unseen, model, models, seed, report)]
    chosen, promises = choose(losses_by_kind(met, found, settings), alphas, strict=strict)
    if portable and chosen is not None:
        # Not before: prices that are weighed against it would make up for it.
        found = found.model_copy(update={"options": tuple(map(elsewhere, found.options))})
        settings = [settings[chosen]]
        chosen, promises = choose(losses_by_kind(met, found, settings), alphas, strict=strict)
    return found.model_copy(
        update={
            "price": None if chosen is None else 1.0,
            "rates": {} if chosen is None else settings[chosen],
            "promises": promises,
            "fitted_on": made_from(data, seed),
        }
    )


def elsewhere(option: Option) -> Option:
    """An option as to be expected on another corpus; what judges a client's past costs there what it does here."""
    if option.origin == "history":
        return option
    return option.model_copy(update={"cost": tuple((at, min(cost + ELSEWHERE, 1.0)) for at, cost in option.cost)})


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
    candidates: Sequence[Candidate],
) -> tuple[Calibration, list[Staged], list[Staged]]:
    """What every candidate does and costs and which attacks look how threatening; benign traffic, and the attacks."""
    seen: dict[Threat, dict[str, list[float]]] = {}
    benign: list[Staged] = []
    attacked: list[Staged] = []
    left: list[dict[Threat, dict[str, float]]] = [{} for _ in candidates]
    tolls: list[dict[Threat, dict[str, float]]] = [{} for _ in candidates]
    together: dict[Threat, dict[str, tuple[Outcome, ...]]] = {}
    looks: dict[str, list[Mapping[Threat, float]]] = {}
    lost: list[dict[str, list[float]]] = [{} for _ in candidates]
    for number, (staged, _) in enumerate(stage(data, traffic, model, models, seed, report)):
        report(f"measuring on {staged.name}", number, len(traffic))
        threat = staged.traffic.attack.manifest.threat
        if threat is not None:
            attacked.append(staged)
            seen.setdefault(threat, {})[staged.name] = [looking(p, (threat,)) for p in request_looks(staged)]
            found = effects(staged, candidates)
            counted = [1.0 - UNCOUNTED if name in FITTED else 1.0 for name, _ in candidates]
            if groups := outcomes(found, counted):
                together.setdefault(threat, {})[staged.name] = groups
            for i, (share, toll, _) in enumerate(found):
                if share is not None:
                    share = 1.0 - counted[i] * (1.0 - share)
                if share is not None:
                    left[i].setdefault(threat, {})[staged.name] = round(share, 6)
                if toll is not None:
                    tolls[i].setdefault(threat, {})[staged.name] = round(max(toll, PRIOR_COST), 6)
            continue
        benign.append(staged)
        looks.setdefault(staged.name, []).extend(request_looks(staged))
        for i, candidate in enumerate(candidates):
            samples = staged.samples(OnlyPolicy(defenses=(as_text(*candidate),)))
            lost[i].setdefault(staged.name, []).extend(request_losses(staged, samples))
    options = tuple(
        Option(
            name=name,
            parameters=dict(parameters),
            residual=left[i],
            toll=tolls[i],
            # By the threats that it was measured against: the policy reads the curve at the same place.
            cost=cost_curve({k: [looking(p, left[i]) for p in seen] for k, seen in looks.items()}, lost[i], alphas),
            # Stated, not measured: of prices that are as good as each other the load of the machine would else choose.
            milliseconds=DEFENSES.get(name).manifest.cost.milliseconds,
        )
        for i, (name, parameters) in enumerate(candidates)
    )
    mixture = {threat: shares_by_look(by) for threat, by in seen.items()}
    known = Calibration(options=options, together=together, mixture=mixture, price=None, models=models.hash)
    return known, benign, attacked


def _more_benign(data: Dataset, made: Dataset, seed: int, part: str) -> list[Traffic]:
    """Requests that look like attacks are rare: more of them, made of passages and of one part's questions.

    By the generator that makes those under test where a data set brings none, so that they are exchangeable with them.
    """
    known = benign_traffic(data, made, "benign", part, seed)
    asked = {ask.query for session in known.sessions for ask in session.asks}
    source = replace(made, queries=tuple(q for q in made.queries if q.text in asked), drilldowns=(), hard=())
    return [
        Traffic.of(source, name, rng(seed, part, str(n)).getrandbits(32))
        for name in BENIGN[1:]
        for n in range(MORE[part])
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
