"""Defenses alone: each switched on for every request, on benign traffic and on the attacks that it is for.

Every request is retrieved and sensed once; each defense then meets the same candidates, through the same engine that
serves users. So figures are paired, and a defense's milliseconds are its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from langchain_core.embeddings import Embeddings

from benchmarks.attacks import ATTACKS, Family, rng
from benchmarks.data import Dataset
from benchmarks.metrics import METRICS, Cell
from benchmarks.readings import OVERFETCH as OVERFETCH
from benchmarks.readings import Report, Traffic
from benchmarks.samples import Sample
from benchmarks.spec import spec
from benchmarks.staged import Staged, stage
from benchmarks.statistics import Estimate
from defenses import DEFENSES, DefenseManifest, QueryDefense, Resources, SeededRandomSource, build
from sentinel.evidence import Evidence
from sentinel.manifest import Stage
from sentinel.profile import RiskProfile
from sentinel.threat_models import shipped_models
from sentinel.vocabulary import Request, Threat
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import Policy, PolicyManifest

INTERROGATED = 40
"""Targets of the interrogation at most: each asks fifteen questions."""
BENIGN = ("benign", "benign-drilldown", "benign-hard")
ATTACKED = {
    Threat.POISONING: ("poisonedrag", "poisonedrag-single", "poison-unprefixed", "poison-unprefixed-5", "hotflip"),
    Threat.INJECTION: ("pia",),
    Threat.JAMMING: ("jamming",),
    Threat.MEMBERSHIP: ("mba", "s2mia", "direct", "mba-cloze", "interrogation"),
}
"""What a defense that claims a threat is measured against."""
METRICS_OF = {
    Family.BENIGN: ("recall_ratio@5", "overhead_ms_p50", "overhead_ms_p95"),
    Family.POISONING: ("exposure_rate", "recall_vs_clean@5"),
    Family.MEMBERSHIP: ("auc",),
}
Subject = tuple[str, ...]
"""Defenses that work together; () is no defense. A name, or a name with parameters: "dp_retrieval epsilon=30"."""
Figures = dict[Subject, dict[str, dict[str, Estimate]]]
"""By subject, traffic and metric."""


def planned(part: str) -> PlannedDefense:
    """One defense of a subject."""
    return PlannedDefense(*spec(part))


def manifests(subject: Subject) -> list[DefenseManifest]:
    """What the subject's defenses say of themselves."""
    return [DEFENSES.get(planned(part).name).manifest for part in subject]


class OnlyPolicy(Policy):
    """The same defenses for every request: for measuring them, not for use, and so not registered."""

    manifest = PolicyManifest(name="only", summary="the same defenses for every request", baseline=True)

    defenses: Subject = ()
    overfetch: int = OVERFETCH

    def before_retrieval(self, request: Request, profile: RiskProfile) -> DefensePlan:
        """Always the same."""
        return DefensePlan(tuple(map(planned, self.defenses)), self.overfetch)

    def after_retrieval(self, request: Request, profile: RiskProfile, plan: DefensePlan) -> DefensePlan:
        """Nothing to add."""
        return DefensePlan()


def attacks_on(subject: Subject) -> tuple[str, ...]:
    """The attacks that a subject is measured against: those of every threat that one of its defenses claims."""
    claimed = {threat for manifest in manifests(subject) for threat in manifest.threats}
    return tuple(name for threat, names in ATTACKED.items() if threat in claimed or not subject for name in names)


def measure(
    data: Dataset,
    model: Embeddings,
    subjects: Sequence[Subject],
    limit: int | None = None,
    seed: int = 0,
    report: Report = lambda *_: None,
) -> Figures:
    """Measure subjects on benign traffic and on the attacks that they are for.

    Args:
        data: The data set; attacks that it has no material for are left out.
        model: Embeds passages and queries.
        subjects: What to measure.
        limit: At most this many sessions of each traffic; None for all.
        seed: Of sessions, planting and randomised defenses.
        report: Told of progress.

    Returns:
        Estimates by subject, traffic and metric; milliseconds are those of the subject itself, on benign questions.
        The subject () is measured as well.
    """
    names = [*BENIGN, *dict.fromkeys(chain.from_iterable(attacks_on(subject) for subject in subjects))]
    names = [name for name in names if all(getattr(data, need) for need in ATTACKS.get(name).manifest.needs)]
    traffic = [_limited(Traffic.of(data, name, seed), limit, seed) for name in names]
    figures: Figures = {subject: {} for subject in ((), *subjects)}
    for number, (staged, clean) in enumerate(stage(data, traffic, model, shipped_models(), seed, report)):
        name, family = staged.name, staged.traffic.attack.manifest.family
        chosen = [s for s in figures if s and (family is Family.BENIGN or name in attacks_on(s))]
        undefended = _served(staged, ())
        before = _served(clean, ()) if clean is not None else []
        for subject in ((), *chosen):
            report(f"{name}: {', '.join(subject) or 'no defense'}", number, len(traffic))
            found = _served(staged, subject) if subject else undefended
            cell = Cell([s for s in found if s.error is None], _by(undefended), _by(before))
            figures[subject][name] = {m: METRICS.get(m)().compute(cell) for m in METRICS_OF[family]}
    return figures


def _served(staged: Staged, subject: Subject) -> list[Sample]:
    _embed_rewrites(staged, subject)
    # A rewritten query alone: nothing looks at the candidates, and to measure them would be for nothing.
    rewrites = any(manifest.stage is Stage.QUERY for manifest in manifests(subject))
    unread = not subject or (rewrites and len(subject) == 1)
    return staged.samples(OnlyPolicy(defenses=subject), senses=not unread)


def _by(samples: Sequence[Sample]) -> dict[str, Sample]:
    return {sample.session: sample for sample in samples if sample.error is None}


def _limited(traffic: Traffic, limit: int | None, seed: int) -> Traffic:
    name, sessions = traffic.attack.manifest.name, list(traffic.sessions)
    limit = min(limit or len(sessions), INTERROGATED) if name == "interrogation" else limit
    if limit is None or len(sessions) <= limit:
        return traffic
    chosen = set(rng(seed, "limit", name).sample(range(len(sessions)), limit))
    kept = [session for i, session in enumerate(sessions) if i in chosen]
    return Traffic(traffic.data, traffic.attack, kept, traffic.planted)


def _embed_rewrites(staged: Staged, subject: Subject) -> None:
    """Embed in batches what the subject's query defenses will search for."""
    made = [build(plan.name, plan.parameters) for plan in map(planned, subject)]
    defenses = [defense for defense in made if isinstance(defense, QueryDefense)]
    resources, corpus = Resources(random=SeededRandomSource(staged.seed)), staged.measuring.corpus
    wanted: list[str] = []
    for request in chain.from_iterable(staged.requests) if defenses else ():
        query = request.query
        for defense in defenses:
            seen = Request(query, request.k, request.client_id, time=request.time)
            query = defense.rewrite(Evidence(seen, None, (), corpus), RiskProfile(), resources) or query
        wanted.append(query)
    staged.learn(wanted)
