"""How well the Sentinel finds attacks that its models were not fitted on, from readings to the rows of tables.

Every family is scored by models fitted without it and without those that share its template. Beside each figure stand
two detectors that only see outer form: a length, and what is left of the models with the signals of form alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks._separation import Figure, Scores, compare
from benchmarks.attacks import Family
from benchmarks.disguises import AT
from benchmarks.fit import PREVALENCE, SHARES, SKIPPED, THROUGH_THE_CORPUS, fit_models
from benchmarks.generated import BENIGN
from benchmarks.readings import Reading
from benchmarks.statistics import bins, tpr_at_fpr
from sentinel.fitting import ALSO
from sentinel.manifest import Stage
from sentinel.models import SUSPECT, candidate_values, request_features
from sentinel.signals import SIGNALS
from sentinel.threat_models import ThreatModels
from sentinel.vocabulary import Threat

Floats = NDArray[np.float64]
Report = Callable[[str, int, int], None]

TEMPLATES = (
    ("interrogation", *SKIPPED),
    ("poisonedrag", "poisonedrag-single"),
    ("poison-unprefixed", "poison-unprefixed-5"),
)
"""Families made from one template: each is left out with the others."""
FORM = frozenset({"query_length", "document_form", "quoted_share", "query_complexity", "plain_prose", "text_brevity"})
"""Signals of outer form alone."""
FPR, GOLD_FPR = 0.01, 0.005
TURNS = 5
BINS = 10


def request_log_odds(models: ThreatModels, reading: Reading, threat: Threat, *, query_only: bool = False) -> float:
    """Log-odds of a threat for one request; with `query_only` as they stood before anything was retrieved."""
    signals = reading.profile.signals
    if query_only:
        signals = {n: v for n, v in signals.items() if SIGNALS.get(n).manifest.stage is Stage.QUERY}
    features = request_features(signals)
    model = models.request[threat]
    if threat in models.candidate and len(reading.planted):
        features[threat.value + SUSPECT] = float(candidate_log_odds(models, reading, [threat]).max())
    return float(model.log_odds(np.array([features.get(name, np.nan) for name in model.features])))


def candidate_log_odds(models: ThreatModels, reading: Reading, threats: Iterable[Threat] | None = None) -> Floats:
    """Log-odds that a candidate was planted, shape (n,): the largest over the threats."""
    chosen = models.candidate if threats is None else threats
    every = [
        models.candidate[t].log_odds(
            candidate_values(models.candidate[t].features, reading.profile.signals, len(reading.planted))
        )
        for t in chosen
    ]
    return np.max(every, axis=0) if every else np.zeros(len(reading.planted))


def left_out(family: str) -> tuple[str, ...]:
    """The families that may not be learned from when this one is scored."""
    return next((group for group in TEMPLATES if family in group), (family,))


class Detection:
    """All figures for one training and one test set of readings.

    Args:
        train: What models are fitted on.
        test: What they are scored on; no benign session of it is in `train`.
    """

    def __init__(self, train: Sequence[Reading], test: Sequence[Reading]) -> None:
        self.train = train
        self.by: dict[str, list[Reading]] = {}
        for reading in test:
            self.by.setdefault(reading.attack, []).append(reading)

    def families(self, kind: Family) -> list[str]:
        """The attacks of one kind that were read."""
        return [n for n, found in self.by.items() if found[0].family is kind and n not in SKIPPED and AT not in n]

    def models(self, family: str, without: Sequence[str] = ()) -> ThreatModels:
        """Models fitted without a family and its template."""
        through = self.by[family][0].family is Family.POISONING
        threats = THROUGH_THE_CORPUS if through else (Threat.MEMBERSHIP,)
        return fit_models(self.train, "", leave_out=left_out(family), without=without, threats=threats)

    def requests(self, models: ThreatModels, name: str, turn: int | None = None, *, query_only: bool = False) -> Scores:
        """Scores of the requests of one kind of traffic."""
        return Scores.of(
            (request_log_odds(models, r, Threat.MEMBERSHIP, query_only=query_only), r.session)
            for r in self.by.get(name, ())
            if turn is None or r.turn == turn
        )

    def candidates(self, score: Callable[[Reading], Floats], name: str, which: str) -> Scores:
        """Scores of the candidates of one kind of traffic: the `aimed`, the `gold` or the `clean` ones."""
        found = []
        for r in self.by.get(name, ()):
            mask = ~(r.gold | r.planted) if which == "clean" else getattr(r, which)
            found += [(float(v), r.session) for v in score(r)[mask]]
        return Scores.of(found)

    def membership_rows(self) -> list[list[str]]:
        """Rows of the table of membership probes."""
        rows = []
        form = [name for name in SIGNALS.names() if name not in FORM]
        for family in self.families(Family.MEMBERSHIP):
            models, outer = self.models(family), self.models(family, form)
            turns = range(1, TURNS) if family == "interrogation" else (None,)
            negative = {name: self.requests(models, name) for name in BENIGN}
            plain = {name: self.requests(outer, name) for name in BENIGN}
            limit = np.quantile(negative["benign"].values, 1 - FPR)
            flagged = float((negative["benign-drilldown"].values > limit).mean())
            for turn in turns:
                positive = self.requests(models, family, turn)
                member = np.array([bool(r.member) for r in self.by[family] if turn is None or r.turn == turn])
                early = self.requests(models, family, turn, query_only=True)
                told = compare(early.only(member), early.only(~member), FPR)
                length = compare(
                    self._lengths(family, turn), self._lengths("benign") + self._lengths("benign-drilldown"), FPR
                )
                shape = compare(self.requests(outer, family, turn), plain["benign"] + plain["benign-drilldown"], FPR)
                both = compare(positive, negative["benign"] + negative["benign-drilldown"], FPR)
                rows.append(
                    [
                        family if turn is None else f"{family}, question {turn + 1}",
                        str(len(positive.values)),
                        str(both),
                        *(str(compare(positive, negative[name], FPR)) for name in BENIGN),
                        short(compare(positive.only(member), negative["benign-hard"], FPR)),
                        f"{flagged:.2f}",
                        "" if told is None else f"{told.area:.2f} ({told.area_ci[0]:.2f}-{told.area_ci[1]:.2f})",
                        short(length),
                        short(shape),
                    ]
                )
        return rows

    def _lengths(self, name: str, turn: int | None = None) -> Scores:
        return Scores.of(
            (float(len(r.query.split())), r.session) for r in self.by.get(name, ()) if turn is None or r.turn == turn
        )

    def poisoning_rows(self) -> list[list[str]]:
        """Rows of the table of planted documents."""
        rows = []
        form = [name for name in SIGNALS.names() if name not in FORM]
        for family in self.families(Family.POISONING):
            models, outer = self.models(family), self.models(family, form)

            def score(r: Reading, models: ThreatModels = models) -> Floats:
                return candidate_log_odds(models, r)

            def shape(r: Reading, outer: ThreatModels = outer) -> Floats:
                return candidate_log_odds(outer, r)

            def brief(r: Reading) -> Floats:
                return -r.lengths.astype(np.float64)

            planted = self.candidates(score, family, "aimed")
            rows.append(
                [
                    family,
                    str(len(planted.values)),
                    str(compare(planted, self.candidates(score, "benign", "gold"), GOLD_FPR)),
                    str(compare(planted, self.candidates(score, "benign", "clean"), GOLD_FPR)),
                    str(self._matched(score, family)),
                    *(
                        short(
                            compare(self.candidates(f, family, "aimed"), self.candidates(f, "benign", "gold"), GOLD_FPR)
                        )
                        for f in (brief, shape)
                    ),
                ]
            )
        return rows

    def _matched(self, score: Callable[[Reading], Floats], family: str) -> Figure | None:
        """Planted documents against honest candidates as long as they are: three for each, by nearest length."""
        lengths = lambda r: r.lengths.astype(np.float64)  # noqa: E731
        planted, size = self.candidates(score, family, "aimed"), self.candidates(lengths, family, "aimed")
        honest = [
            self.candidates(f, "benign", "gold") + self.candidates(f, "benign", "clean") for f in (score, lengths)
        ]
        order = np.argsort(honest[1].values, kind="stable")
        near = np.searchsorted(honest[1].values[order], size.values)
        chosen = np.unique(np.clip(near[:, None] + np.array([-1, 0, 1]), 0, len(order) - 1)) if len(order) else near
        picked = order[chosen]
        return compare(planted, Scores(honest[0].values[picked], honest[0].sessions[picked]), GOLD_FPR)

    def reliability(self) -> tuple[float, float, list[list[str]]]:
        """ECE, Brier score and the reliability table of P(membership), all families fitted."""
        models = fit_models(self.train, "", threats=(Threat.MEMBERSHIP,))
        chance: list[float] = []
        weight: list[float] = []
        truth: list[bool] = []
        attacks = self.families(Family.MEMBERSHIP)
        for name in (*BENIGN, *attacks):
            found = self.requests(models, name, 2 if name == "interrogation" else None).values
            share = PREVALENCE / len(attacks) if name in attacks else (1 - PREVALENCE) * SHARES[name]
            chance += list(1 / (1 + np.exp(-found)))
            weight += [share / max(len(found), 1)] * len(found)
            truth += [name in attacks] * len(found)
        p, w, y = np.array(chance), np.array(weight) / sum(weight), np.array(truth, dtype=np.float64)
        place = np.minimum((p * BINS).astype(int), BINS - 1)
        error, rows = 0.0, []
        for i in range(BINS):
            here = place == i
            if here.any():
                mass = w[here].sum()
                said, true = float(w[here] @ p[here] / mass), float(w[here] @ y[here] / mass)
                error += mass * abs(said - true)
                rows.append(
                    [
                        f"{i / BINS:.1f}-{(i + 1) / BINS:.1f}",
                        str(int(here.sum())),
                        f"{mass:.4f}",
                        f"{said:.3f}",
                        f"{true:.3f}",
                    ]
                )
        return error, float(w @ (p - y) ** 2), rows

    def ablation(self) -> list[list[str]]:
        """Per signal: the most that any family loses in AUC, and in the share found, without it."""
        base = {name: self._headline(name) for name in self._all()}
        rows = []
        for signal in sorted(fit_models(self.train, "").signals):
            losses = {}
            speaks = SIGNALS.get(signal).manifest.threats | {t for t, also in ALSO.items() if signal in also}
            for name, (area, found) in base.items():
                threats = THROUGH_THE_CORPUS if name in self.families(Family.POISONING) else (Threat.MEMBERSHIP,)
                if speaks.isdisjoint(threats):
                    continue
                without = self._headline(name, (signal,))
                losses[name] = (area - without[0], found - without[1])
            worst = max(losses, key=lambda name: max(losses[name][0], losses[name][1] / 10))
            best = min(losses, key=lambda name: min(losses[name][0], losses[name][1] / 10))
            rows.append(
                [signal, worst, *(f"{v:+.3f}" for v in losses[worst]), best, *(f"{v:+.3f}" for v in losses[best])]
            )
        return rows

    def disguise_rows(self) -> list[list[str]]:
        """Per family: AUC and share found plain, then in each disguise; both on the sessions that were disguised.

        Of what is planted only documents that came back count.
        """
        disguises = list(dict.fromkeys(name.partition(AT)[2] for name in self.by if AT in name))
        rows = []
        for family in self._all():
            if not any(f"{family}{AT}{one}" in self.by for one in disguises):
                continue
            sessions = {r.session for one in disguises for r in self.by.get(f"{family}{AT}{one}", ())}
            same = Detection(
                self.train,
                [
                    r
                    for name in (*BENIGN, family, *(f"{family}{AT}{one}" for one in disguises))
                    for r in self.by.get(name, ())
                    if name in BENIGN or r.session in sessions
                ],
            )
            models = self.models(family)
            cells = [family]
            for name in (family, *(f"{family}{AT}{one}" for one in disguises)):
                area, found = same.headline(models, name) if name in same.by else (float("nan"), 0.0)
                cells.append("none came back" if np.isnan(area) else f"{area:.3f} / {found:.2f}")
            rows.append(cells)
        return rows

    def _all(self) -> list[str]:
        return [*self.families(Family.MEMBERSHIP), *self.families(Family.POISONING)]

    def _headline(self, family: str, without: Sequence[str] = ()) -> tuple[float, float]:
        return self.headline(self.models(family, without), family)

    def headline(self, models: ThreatModels, name: str) -> tuple[float, float]:
        """AUC and share found of one kind of traffic: probes against benign and drill-downs, documents against gold."""
        if self.by[name][0].family is Family.MEMBERSHIP:
            positive = self.requests(models, name, 2 if name.startswith("interrogation") else None)
            negative, rate = self.requests(models, "benign") + self.requests(models, "benign-drilldown"), FPR
        else:
            score = lambda r: candidate_log_odds(models, r)  # noqa: E731
            positive, rate = self.candidates(score, name, "aimed"), GOLD_FPR
            negative = self.candidates(score, "benign", "gold")
        if not len(positive.values):
            return float("nan"), float("nan")
        values = np.concatenate([positive.values, negative.values])
        above, below = bins(values, np.arange(len(values)) < len(positive.values))
        area = float((above * (np.cumsum(below) - below / 2)).sum() / (above.sum() * below.sum()))
        return area, tpr_at_fpr(above, below, rate)


def short(figure: Figure | None) -> str:
    """A figure without its intervals."""
    return "" if figure is None else f"{figure.area:.3f} / {figure.found:.2f}"
