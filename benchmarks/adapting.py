"""Adaptive attacks in a run: the policy that they may ask, and the forms that they find, kept in the run folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

from benchmarks.asking import Job, run_sessions
from benchmarks.attacks import ATTACKS, Attack, Planted, Session
from benchmarks.attacks._adaptive_search import PER_TARGET, AdaptiveAttack
from benchmarks.data import Dataset
from benchmarks.generated import generated
from benchmarks.runfolder import RunFolder
from benchmarks.samples import Sample
from benchmarks.world import KnownEmbeddings, World, build_world
from sentinel.errors import ComponentError
from sentinel.threat_models import ThreatModels
from strategist.policies import Policy, build_policy

FOUND = "adaptive.json"
"""File of the run folder: by attack and policy the form that was found, and everything that was tried for it."""

Report = Callable[[str, int, int], None]


def searchable(attacks: Iterable[str], data: Dataset, seed: int) -> set[str]:
    """Those of some attacks that need no search, or that a corpus yields other targets for to search on."""
    kinds = {name: ATTACKS.get(name) for name in attacks}
    adaptive = {name: kind() for name, kind in kinds.items() if issubclass(kind, AdaptiveAttack)}
    others = generated(data, seed) if adaptive else None
    return {name for name in kinds if name not in adaptive or (others and adaptive[name].targets(others))}


class PolicyOracle:
    """A policy over the corpus with generated targets; see `benchmarks.attacks._adaptive_search.Oracle`.

    Args:
        data: The corpus with targets that are not under test.
        policy: The policy that is searched against.
        embeddings: Vectors.
        seed: Of planting, arrivals and randomised defenses.
        k: Documents served.
        models: From signals to probabilities; None for the shipped ones.
    """

    def __init__(
        self,
        data: Dataset,
        policy: Policy,
        embeddings: KnownEmbeddings,
        seed: int,
        k: int,
        models: ThreatModels | None = None,
    ) -> None:
        self.data = data
        self.asked: Counter[str] = Counter()
        self._policies = {True: policy, False: build_policy("none")}
        self._embeddings, self._seed, self._k, self._models = embeddings, seed, k, models
        self._clean: World | None = None
        self._made: dict[str, list[Session]] = {}
        self._undefended: dict[str, dict[str, Sample]] = {}

    def left(self, target: str) -> int:
        """Queries of the policy that may still be asked about a target."""
        return PER_TARGET - self.asked[target]

    def asks(self, attack: Attack) -> dict[str, int]:
        """Queries that an attack takes, by target."""
        return {str(session.target): len(session.asks) for session in self._sessions(attack)}

    def outcomes(self, attack: Attack, targets: Collection[str], *, defended: bool) -> list[Sample]:
        """Run an attack on some of the targets.

        Raises:
            ComponentError: The policy was asked more often about a target than an attacker may.
        """
        sessions = [s for s in self._sessions(attack) if s.target in targets]
        if defended:
            for session in sessions:
                self.asked[str(session.target)] += len(session.asks)
                if self.left(str(session.target)) < 0:
                    raise ComponentError(attack.manifest.name, f"more than {PER_TARGET} queries on one target")
        planted = [p for p in attack.planted(self.data, self._seed) if p.target in targets]
        self._embeddings.learn([ask.query for session in sessions for ask in session.asks])
        # Undefended and with nothing planted, nobody has a past: what a session gets it gets every time.
        known = {} if defended or planted else self._undefended.setdefault(self._key(attack), {})
        new = [session for session in sessions if session.id not in known]
        job = Job(attack.manifest.name, attack, new, planted)
        policy = self._policies[defended]
        world = self._world(planted)
        made = {s.session: s for s in run_sessions(job, policy, new, world, self._seed, self._k, self._models)}
        known.update(made)
        return [known[session.id] for session in sessions]

    @staticmethod
    def _key(attack: Attack) -> str:
        return json.dumps([attack.manifest.name, dict(getattr(attack, "form", {}))], sort_keys=True)

    def _sessions(self, attack: Attack) -> list[Session]:
        key = self._key(attack)
        if key not in self._made:
            self._made[key] = attack.sessions(self.data, self._seed)
        return self._made[key]

    def _world(self, planted: Sequence[Planted]) -> World:
        if planted:
            return build_world(self.data, planted, self._embeddings, self._seed)
        if self._clean is None:
            self._clean = build_world(self.data, (), self._embeddings, self._seed)
        return self._clean


class Forms:
    """What adaptive attacks found, one form for each policy; searched for once and then read from the run folder."""

    def __init__(
        self,
        data: Dataset,
        embeddings: KnownEmbeddings,
        folder: RunFolder,
        seed: int,
        k: int,
        report: Report,
        models: ThreatModels | None = None,
    ) -> None:
        self._data, self._embeddings, self._folder = data, embeddings, folder
        self._seed, self._k, self._report, self._models = seed, k, report, models
        path = folder.path / FOUND
        self._found: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.is_file() else {}

    @cached_property
    def _others(self) -> Dataset:
        return generated(self._data, self._seed)

    def against(self, policy: Policy, job: Job, sessions: Sequence[Session]) -> tuple[Job, list[Session]]:
        """A job and some of its sessions in the form that was found against a policy."""
        attack = job.attack
        assert isinstance(attack, AdaptiveAttack)  # only such name a plain form in their manifest
        tuned = type(attack)(self._form(attack, policy))
        made = {session.id: session for session in tuned.sessions(self._data, self._seed)}
        self._embeddings.learn([ask.query for session in made.values() for ask in session.asks])
        there = replace(
            job,
            attack=tuned,
            sessions=[made[s.id] for s in job.sessions],
            planted=tuned.planted(self._data, self._seed),
        )
        return there, [made[s.id] for s in sessions]

    def _form(self, attack: AdaptiveAttack, policy: Policy) -> Mapping[str, Any]:
        name, against = attack.manifest.name, policy.manifest.name
        known = self._found.setdefault(name, {})
        if against not in known:
            self._report(f"{name} searches against {against}", 0, 1)
            oracle = PolicyOracle(self._others, policy, self._embeddings, self._seed, self._k, self._models)
            tuned, trials = attack.tuned(oracle, self._seed)
            known[against] = {
                "form": dict(tuned.form),
                "most queries on one target": max(oracle.asked.values(), default=0),
                "tried": [asdict(trial) for trial in trials],
            }
            self._folder.write(FOUND, self._found)
        form: Mapping[str, Any] = known[against]["form"]
        return form
