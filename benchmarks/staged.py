"""Traffic retrieved and sensed once, then served under any number of policies: figures that are paired, and cheap.

What the Sentinel sees does not depend on the policy: history records what the base would have served. So a request's
candidates, measurements and probabilities are taken once, and each policy meets the same ones through the engine
that serves users.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import RunnableConfig

from benchmarks.asking import PATIENT, schedule
from benchmarks.attacks import Planted, Served
from benchmarks.data import Dataset
from benchmarks.frozen import frozen_vectors
from benchmarks.readings import OVERFETCH, K, Report, Traffic
from benchmarks.samples import Sample
from benchmarks.world import KnownEmbeddings, World, build_world
from defenses import Resources, SeededRandomSource
from sentinel.evidence import Evidence
from sentinel.history import ClientState, MemoryHistory, client_key
from sentinel.profile import RiskProfile
from sentinel.sensing import Sentinel
from sentinel.threat_models import ThreatModels
from sentinel.vocabulary import Candidate, Request, Vector
from strategist.decision import Decision
from strategist.embeddings import fingerprint
from strategist.engine import Engine
from strategist.guard import Guard
from strategist.policies import Policy
from strategist.sources import Source, source_for

Answer = tuple[list[Document], Decision]
"""What one request was served, and the record of it."""


@dataclass
class Replayed(Source):
    """A base that is asked each search once and answers from memory after that.

    Attributes:
        base: What is asked.
        vectors: Those of the queries seen.
        fetched: What came back for each, best first.
    """

    base: Source
    vectors: dict[str, Vector | None] = field(default_factory=dict)
    fetched: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)
    prefix_stable = True

    def __post_init__(self) -> None:
        self._asked: dict[str, int] = {}

    def embed(self, query: str) -> Vector | None:
        """The query's vector, computed once."""
        if query not in self.vectors:
            self.vectors[query] = self.base.embed(query)
        return self.vectors[query]

    def fetch(self, query: str, vector: Vector | None, k: int, config: RunnableConfig) -> tuple[Candidate, ...]:
        """The first `k` of what was fetched once; asked again only for more than that."""
        if k > self._asked.get(query, 0):
            self._asked[query] = max(k, K * OVERFETCH)
            self.fetched[query] = self.base.fetch(query, vector, self._asked[query], config)
        return self.fetched[query][:k]

    def own(self, query: str, k: int, config: RunnableConfig) -> list[Document]:
        """The base's own answer, from what was fetched once."""
        return [c.document for c in self.fetch(query, self.embed(query), k, config)]


class SensedOnce(Sentinel):
    """Hands out what was measured of each request beforehand, whoever is served.

    Measured is each request's own query over the candidates that it fetches. Where a policy has fetched others (another
    query, another number) or asks of what a defense has left of them, the context stage is measured anew, with the
    client's past as it was; of the same part once.

    Args:
        measuring: What measures.
        early: By request, what the query told.
        late: By request, what the candidates told.
        candidates: By request, those that were measured.
        past: By request, its client's history.
    """

    def __init__(
        self,
        measuring: Sentinel,
        early: Mapping[Request, RiskProfile],
        late: Mapping[Request, RiskProfile],
        candidates: Mapping[Request, Sequence[Candidate]],
        past: Mapping[Request, ClientState],
    ) -> None:
        super().__init__(signals=(), models=ThreatModels(), corpus=measuring.corpus)
        self.measuring = measuring
        self.early, self.late, self.candidates, self.past = early, late, candidates, past
        self._parts: dict[tuple[Request, tuple[int, ...]], RiskProfile] = {}

    def sense_query(self, evidence: Evidence) -> RiskProfile:
        """What the query told."""
        return self.early[evidence.request]

    def sense_context(self, evidence: Evidence, before: RiskProfile) -> RiskProfile:
        """What the candidates told; of a part of them, what that part tells."""
        request, found = evidence.request, evidence.candidates
        known = self.candidates[request]
        if any(c.position >= len(known) or known[c.position].document is not c.document for c in found):
            return self._measured(evidence, before)
        if len(found) == len(known):
            return self.late[request]
        part = (request, tuple(c.position for c in found))
        if part not in self._parts:
            self._parts[part] = self._measured(evidence, before)
        return self._parts[part]

    def _measured(self, evidence: Evidence, before: RiskProfile) -> RiskProfile:
        return self.measuring.sense_context(replace(evidence, history=self.past[evidence.request]), before)


@dataclass(frozen=True)
class Staged:
    """One traffic over one corpus: retrieved when it is served, and sensed when somebody first asks what was sensed.

    Attributes:
        traffic: What is asked.
        world: The corpus, with what the traffic plants in it.
        source: Answers each search from memory.
        measuring: Measures each request.
        requests: By session, in order.
        seed: Of arrivals and randomised defenses.
    """

    traffic: Traffic
    world: World
    source: Replayed
    measuring: Sentinel
    requests: tuple[tuple[Request, ...], ...]
    seed: int

    @property
    def name(self) -> str:
        """The traffic's attack."""
        return self.traffic.attack.manifest.name

    @classmethod
    def of(cls, traffic: Traffic, world: World, seed: int, models: ThreatModels) -> Staged:
        """Stage a traffic.

        Args:
            traffic: What is asked.
            world: The corpus, with what the traffic plants in it.
            seed: Of arrivals and randomised defenses.
            models: From signals to probabilities.
        """
        base = source_for(world.store)
        measuring = Sentinel(models=models, corpus=base.profile())
        return cls(traffic, world, Replayed(base), measuring, _requests(traffic, seed), seed)

    @cached_property
    def sentinel(self) -> SensedOnce:
        """Answers each sensing from memory: every request is sensed once, in the order of arrival."""
        early: dict[Request, RiskProfile] = {}
        late: dict[Request, RiskProfile] = {}
        candidates: dict[Request, Sequence[Candidate]] = {}
        past: dict[Request, ClientState] = {}
        history = MemoryHistory()
        for i, turn in self._arrivals(range(len(self.requests))):
            request = self.requests[i][turn]
            key = client_key(request.tenant, request.client_id)
            vector, past[request] = self.source.embed(request.query), history.load(key, request.time)
            evidence = Evidence(request, vector, (), self.measuring.corpus, past[request])
            early[request] = self.measuring.sense_query(evidence)
            candidates[request] = self.source.fetch(request.query, vector, K * OVERFETCH, {})
            evidence = evidence.with_candidates(candidates[request])
            late[request] = self.measuring.sense_context(evidence, early[request])
            history.record(key, evidence.observation.served(K), request.time)
        return SensedOnce(self.measuring, early, late, candidates, past)

    def undefended(self, request: Request) -> list[str]:
        """Ids of the documents that no defense would have served."""
        return [str(document.id) for document in self.source.own(request.query, request.k, {})]

    def learn(self, queries: Sequence[str]) -> None:
        """Embed in one batch queries that will be searched for."""
        embeddings = self.world.store.embeddings
        if isinstance(embeddings, KnownEmbeddings):
            embeddings.learn(queries)

    def samples(self, policy: Policy, sessions: Sequence[int] | None = None, *, senses: bool = True) -> list[Sample]:
        """Serve the sessions under a policy and score them; see `served`."""
        return [self.sample(policy, i, found) for i, found in self.served(policy, sessions, senses=senses).items()]

    def served(
        self, policy: Policy, sessions: Sequence[int] | None = None, *, senses: bool = True
    ) -> dict[int, list[Answer]]:
        """Serve the sessions under a policy.

        Args:
            policy: Who plans. Budgets begin anew.
            sessions: Indices of those to serve; None for all.
            senses: False where neither the policy nor a defense of its looks at the profile: nothing is then sensed.
        """
        blind = Sentinel(signals=(), models=ThreatModels(), corpus=self.measuring.corpus)
        engine = Engine(
            self.sentinel if senses and policy.manifest.senses else blind,
            policy,
            Resources(random=SeededRandomSource(self.seed)),
            guard=Guard(PATIENT),
        )  # Whatever a defense reads of the past it reads in the profile, which was measured with it.
        chosen = range(len(self.requests)) if sessions is None else sessions
        served: dict[int, list[Answer]] = {i: [] for i in chosen}
        for i, turn in self._arrivals(chosen):
            served[i].append(engine.run(self.requests[i][turn], self.source))
        return served

    def _arrivals(self, sessions: Sequence[int]) -> list[tuple[int, int]]:
        """Session and turn of every request, in the order in which they come."""
        places = [(i, turn) for i in sessions for turn in range(len(self.requests[i]))]
        return sorted(places, key=lambda place: self.requests[place[0]][place[1]].time)

    def sample(self, policy: Policy, index: int, answers: Sequence[Answer]) -> Sample:
        """One session, scored by what was served to it."""
        planted, session = self.world.planted, self.traffic.sessions[index]
        served = [[Served(str(d.id), d.page_content, planted.get(str(d.id))) for d in found] for found, _ in answers]
        errors = (f"{name}: {why}" for _, decision in answers for name, why in decision.errors.items())
        error = next(errors, None)
        return Sample(
            policy.manifest.name,
            self.name,
            session.id,
            session.group,
            None,
            session.member,
            self.traffic.attack.score(session, served) if error is None else {},
            tuple(tuple(document.id for document in found) for found in served),
            triggered=tuple(bool(decision.plan.defenses) for _, decision in answers),
            overhead_ms=tuple(decision.milliseconds.get("defend", 0.0) for _, decision in answers),
            error=error,
        )


def stage(
    data: Dataset,
    traffic: Sequence[Traffic],
    model: Embeddings,
    models: ThreatModels,
    seed: int,
    report: Report = lambda *_: None,
) -> Iterator[tuple[Staged, Staged | None]]:
    """Stage traffic one after another; what is planted, on the clean corpus as well.

    Args:
        data: Whose corpus it is; the traffic may be over a part of it.
        traffic: What is asked.
        model: Embeds passages and queries.
        models: From signals to probabilities.
        seed: Of arrivals, planting and randomised defenses.
        report: Told of progress.

    Yields:
        Each traffic staged, and the same questions over the corpus before anything was planted, if something was.
    """
    passages = [p.text for t in traffic for p in t.data.passages] + [p.text for t in traffic for p in t.planted]
    queries = [ask.query for t in traffic for session in t.sessions for ask in session.asks]
    known = frozen_vectors(data, fingerprint(model))
    embeddings = KnownEmbeddings(model, passages, queries, known, lambda done, total: report("embedding", done, total))
    clean: dict[str, World] = {}
    worlds: dict[tuple[str, tuple[Planted, ...]], World] = {}
    for number, item in enumerate(traffic):
        report(f"staging {item.attack.manifest.name}", number, len(traffic))
        name = item.data.name
        if name not in clean:
            clean = {name: build_world(item.data, (), embeddings, seed)}
        if not item.planted:
            yield Staged.of(item, clean[name], seed, models), None
            continue
        key = (name, tuple(item.planted))
        if key not in worlds:
            worlds = {key: build_world(item.data, item.planted, embeddings, seed)}
        yield Staged.of(item, worlds[key], seed, models), Staged.of(item, clean[name], seed, models)


def _requests(traffic: Traffic, seed: int) -> tuple[tuple[Request, ...], ...]:
    """The requests of each session, at the times at which a run would ask them."""
    made: dict[str, list[Request]] = {session.id: [] for session in traffic.sessions}
    for at, session, number in schedule(traffic.sessions, seed, traffic.attack.manifest.at_once):
        ask = session.asks[number]
        made[session.id].append(Request(ask.query, K, ask.client or session.client or session.id, time=at))
    return tuple(tuple(made[session.id]) for session in traffic.sessions)
