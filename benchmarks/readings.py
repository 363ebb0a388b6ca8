"""What the Sentinel measures on benign traffic and attacks: the raw material of fitting and of detection figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from benchmarks.attacks import ATTACKS, Attack, Family, Planted, Session, rng
from benchmarks.data import Dataset
from benchmarks.frozen import frozen_vectors
from benchmarks.world import KnownEmbeddings, World, build_world
from sentinel.corpus import CorpusProfile
from sentinel.evidence import Evidence
from sentinel.history import MemoryHistory, client_key
from sentinel.profile import RiskProfile
from sentinel.sensing import Sentinel
from sentinel.threat_models import ThreatModels
from sentinel.vocabulary import Request, Threat
from strategist.embeddings import fingerprint
from strategist.sources import source_for

K = 5
OVERFETCH = 3
Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """The signals of one request.

    Attributes:
        attack: Which traffic it belongs to.
        family: The kind of traffic.
        threat: What it is up to; None for benign traffic.
        session: Session id.
        turn: 0-based place in its session.
        member: For membership attacks.
        query: The text asked.
        profile: Signals of the request, without probabilities.
        planted: Which candidates were planted, for whatever question, shape (n,).
        aimed: Which of them were planted for this question, shape (n,).
        gold: Which candidates answer the question, shape (n,).
        lengths: Words of each candidate, shape (n,).
    """

    attack: str
    family: Family
    threat: Threat | None
    session: str
    turn: int
    member: bool | None
    query: str
    profile: RiskProfile
    planted: NDArray[np.bool_]
    aimed: NDArray[np.bool_]
    gold: NDArray[np.bool_]
    lengths: NDArray[np.int64]


@dataclass(frozen=True)
class Traffic:
    """One attack's sessions and what it plants, over one data set.

    Attributes:
        data: Where the sessions come from.
        attack: The attack.
        sessions: What is asked; benign sessions may be one part of a split.
        planted: What stands in the corpus beside it.
    """

    data: Dataset
    attack: Attack
    sessions: Sequence[Session]
    planted: Sequence[Planted]

    @classmethod
    def of(cls, data: Dataset, name: str, seed: int, sessions: Iterable[Session] | None = None) -> Traffic:
        """The traffic of an attack by name; all its sessions unless told which."""
        attack = ATTACKS.get(name)()
        return cls(
            data,
            attack,
            attack.sessions(data, seed) if sessions is None else list(sessions),
            attack.planted(data, seed),
        )


def read(traffic: Sequence[Traffic], model: Embeddings, seed: int, report: Report = lambda *_: None) -> list[Reading]:
    """Measure every request of some traffic with all signals; nothing is defended.

    Args:
        traffic: What is asked, of which corpus.
        model: Embeds passages and queries.
        seed: Of arrivals and planting.
        report: Told of progress.
    """
    passages = [p.text for t in traffic for p in t.data.passages] + [p.text for t in traffic for p in t.planted]
    queries = [ask.query for t in traffic for session in t.sessions for ask in session.asks]
    known = frozen_vectors(traffic[0].data, fingerprint(model)) if traffic else {}
    embeddings = KnownEmbeddings(model, passages, queries, known, lambda done, total: report("embedding", done, total))
    readings: list[Reading] = []
    worlds: dict[tuple[str, tuple[Planted, ...]], tuple[World, CorpusProfile | None]] = {}
    done, total = 0, len(queries)
    for item in traffic:
        key = (item.data.name, tuple(item.planted))
        if key not in worlds:
            world = build_world(item.data, item.planted, embeddings, seed)
            worlds = {key: (world, source_for(world.store).profile())}
        for reading in _read(item, *worlds[key], embeddings, seed):
            readings.append(reading)
            done += 1
            if done % 100 == 0:
                report(f"sensing {item.attack.manifest.name}", done, total)
    return readings


def _read(
    traffic: Traffic, world: World, corpus: CorpusProfile | None, embeddings: KnownEmbeddings, seed: int
) -> Iterator[Reading]:
    manifest = traffic.attack.manifest
    sentinel = Sentinel(models=ThreatModels(), corpus=corpus)
    history = MemoryHistory()
    source = source_for(world.store)
    now = 0.0
    for session in traffic.sessions:
        arrivals = rng(seed, "arrivals", session.id)
        for turn, ask in enumerate(session.asks):
            now += arrivals.expovariate(1 / 60)
            client = ask.client or session.client or session.id
            request = Request(ask.query, K, client, time=now)
            vector = source.embed(ask.query)
            state = history.load(client_key(None, client), now)
            evidence = Evidence(request, vector, (), corpus, state)
            profile = sentinel.sense_query(evidence)
            candidates = source.fetch(ask.query, vector, K * OVERFETCH, {})
            evidence = evidence.with_candidates(candidates)
            profile = sentinel.sense_context(evidence, profile)
            history.record(client_key(None, client), evidence.observation.served(K), now)
            ids = [str(c.document.id) for c in candidates]
            yield Reading(
                manifest.name,
                manifest.family,
                None if manifest.family is Family.BENIGN else manifest.threat,
                session.id,
                turn,
                session.member,
                ask.query,
                profile,
                np.array([key in world.planted for key in ids], dtype=bool),
                np.array([world.planted.get(key, "") == session.target for key in ids], dtype=bool),
                np.array([key in ask.gold for key in ids], dtype=bool),
                np.array([len(c.text.split()) for c in candidates], dtype=np.int64),
            )
