"""Defenses alone: each switched on for every request, on benign traffic and on the attacks that it is for.

Every request is retrieved and sensed once; each defense then meets the same candidates, through the same engine that
serves users. So figures are paired, and a defense's milliseconds are its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import RunnableConfig

from benchmarks.attacks import ATTACKS, Family, Served, Session, rng
from benchmarks.data import Dataset
from benchmarks.frozen import frozen_vectors
from benchmarks.metrics import METRICS, Cell
from benchmarks.readings import Traffic
from benchmarks.samples import Sample
from benchmarks.statistics import Estimate
from benchmarks.world import KnownEmbeddings, World, build_world
from defenses import DEFENSES, DefenseManifest, QueryDefense, Resources, SeededRandomSource, build
from sentinel.evidence import Evidence
from sentinel.history import MemoryHistory
from sentinel.manifest import Stage
from sentinel.models import ThreatModels
from sentinel.profile import RiskProfile
from sentinel.sensing import Sentinel
from sentinel.vocabulary import Candidate, Request, Threat, Vector
from strategist.embeddings import fingerprint
from strategist.engine import Engine
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import Policy, PolicyManifest
from strategist.sources import Source, source_for

K = 5
OVERFETCH = 3
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
Report = Callable[[str, int, int], None]
Subject = tuple[str, ...]
"""Defenses that work together; () is no defense. A name, or a name with parameters: "dp_retrieval epsilon=30"."""
Figures = dict[Subject, dict[str, dict[str, Estimate]]]
"""By subject, traffic and metric."""


def planned(part: str) -> PlannedDefense:
    """One defense of a subject."""
    name, *pairs = part.split()
    return PlannedDefense(name, {key: json.loads(value) for key, _, value in (pair.partition("=") for pair in pairs)})


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


@dataclass
class _Replayed(Source):
    """A base that is asked each question once and answers from memory after that."""

    base: Source
    vectors: dict[str, Vector | None]
    fetched: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)
    prefix_stable = True

    def embed(self, query: str) -> Vector | None:
        if query not in self.vectors:
            self.vectors[query] = self.base.embed(query)
        return self.vectors[query]

    def fetch(self, query: str, vector: Vector | None, k: int, config: RunnableConfig) -> tuple[Candidate, ...]:
        if query not in self.fetched:
            self.fetched[query] = self.base.fetch(query, vector, K * OVERFETCH, config)
        return self.fetched[query][:k]

    def own(self, query: str, k: int, config: RunnableConfig) -> list[Document]:
        return [c.document for c in self.fetch(query, self.embed(query), k, config)]


class _SensedOnce(Sentinel):
    """Measures a request over its own candidates once, whoever is served."""

    def __init__(self, sentinel: Sentinel) -> None:
        super().__init__(signals=(), models=ThreatModels(), corpus=sentinel.corpus)
        self.sentinel = sentinel
        self.sensed: dict[Request, RiskProfile] = {}

    def sense_context(self, evidence: Evidence, before: RiskProfile) -> RiskProfile:
        if evidence.request not in self.sensed:
            early = self.sentinel.sense_query(evidence)
            self.sensed[evidence.request] = self.sentinel.sense_context(evidence, early)
        return self.sensed[evidence.request]


@dataclass(frozen=True)
class _Ready:
    """One traffic over one corpus, with what is remembered of it."""

    traffic: Traffic
    world: World
    source: _Replayed
    sentinel: Sentinel
    requests: tuple[tuple[Request, ...], ...]
    seed: int

    @property
    def name(self) -> str:
        return self.traffic.attack.manifest.name

    def samples(self, subject: Subject, history: MemoryHistory | None = None) -> list[Sample]:
        resources = Resources(random=SeededRandomSource(self.seed))
        rewrites = any(manifest.stage is Stage.QUERY for manifest in manifests(subject))
        # Nothing reads the measurements; or other candidates come for another query, and what was measured is gone.
        unread = (not subject and history is None) or (rewrites and len(subject) == 1)
        blind = Sentinel(signals=(), models=ThreatModels(), corpus=self.sentinel.corpus)
        sentinel = blind if unread else self.sentinel
        engine = Engine(sentinel, OnlyPolicy(defenses=subject), resources, history=history)
        return list(self._samples(engine))

    def _samples(self, engine: Engine) -> Iterator[Sample]:
        for session, requests in zip(self.traffic.sessions, self.requests, strict=True):
            served: list[list[Served]] = []
            spent: list[float] = []
            error: str | None = None
            values: dict[str, float | None] = {}
            for request in requests:
                documents, decision = engine.run(request, self.source)
                error = error or next((f"{name}: {why}" for name, why in decision.errors.items()), None)
                served.append([Served(str(d.id), d.page_content, self.world.planted.get(str(d.id))) for d in documents])
                spent.append(decision.milliseconds.get("defend", 0.0))
            if error is None:
                values = self.traffic.attack.score(session, served)
            ids = tuple(tuple(document.id for document in got) for got in served)
            yield Sample(
                "only", self.name, session.id, session.group, None, session.member, values, ids,
                overhead_ms=tuple(spent), error=error,
            )  # fmt: skip


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
    passages = [p.text for p in data.passages] + [p.text for item in traffic for p in item.planted]
    queries = [ask.query for item in traffic for session in item.sessions for ask in session.asks]
    known = frozen_vectors(data, fingerprint(model))
    embeddings = KnownEmbeddings(model, passages, queries, known, lambda done, total: report("embedding", done, total))
    clean = build_world(data, (), embeddings, seed)
    figures: Figures = {subject: {} for subject in ((), *subjects)}
    for number, item in enumerate(traffic):
        name, family = item.attack.manifest.name, item.attack.manifest.family
        chosen = [s for s in figures if s and (family is Family.BENIGN or name in attacks_on(s))]
        world = build_world(data, item.planted, embeddings, seed) if item.planted else clean
        stage = _staged(item, world, seed)
        undefended = stage.samples((), MemoryHistory())
        before = _staged(item, clean, seed).samples(()) if item.planted else []
        for subject in ((), *chosen):
            report(f"{name}: {', '.join(subject) or 'no defense'}", number, len(traffic))
            _embed_rewrites(stage, subject, embeddings)
            found = stage.samples(subject) if subject else undefended
            cell = Cell([s for s in found if s.error is None], _by(undefended), _by(before))
            figures[subject][name] = {m: METRICS.get(m)().compute(cell) for m in METRICS_OF[family]}
    return figures


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


def _staged(traffic: Traffic, world: World, seed: int) -> _Ready:
    source = source_for(world.store)
    sentinel = _SensedOnce(Sentinel(corpus=source.profile()))
    requests = tuple(_requests(traffic.sessions, seed))
    return _Ready(traffic, world, _Replayed(source, {}), sentinel, requests, seed)


def _requests(sessions: Sequence[Session], seed: int) -> Iterator[tuple[Request, ...]]:
    now = 0.0
    for session in sessions:
        draw, asked = rng(seed, "arrivals", session.id), []
        for ask in session.asks:
            now += draw.expovariate(1 / 60)
            asked.append(Request(ask.query, K, ask.client or session.client or session.id, time=now))
        yield tuple(asked)


def _embed_rewrites(stage: _Ready, subject: Subject, embeddings: KnownEmbeddings) -> None:
    """Embed in batches what the subject's query defenses will search for."""
    made = [build(plan.name, plan.parameters) for plan in map(planned, subject)]
    defenses = [defense for defense in made if isinstance(defense, QueryDefense)]
    resources, vectors = Resources(random=SeededRandomSource(stage.seed)), stage.source.vectors
    wanted: dict[str, None] = {}
    for request in chain.from_iterable(stage.requests) if defenses else ():
        query = request.query
        for defense in defenses:
            seen = Request(query, request.k, request.client_id, time=request.time)
            query = defense.rewrite(Evidence(seen, None, (), stage.sentinel.corpus), RiskProfile(), resources) or query
        if query not in vectors:
            wanted[query] = None
    if wanted:
        vectors.update(zip(wanted, embeddings.model.embed_queries(list(wanted)), strict=True))
