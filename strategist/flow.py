"""One request from query to documents: sense, plan, fetch, sense again, defend, fill up to k.

The flow is written once, as a generator that asks for whatever takes time or may fail; `strategist.drivers` does it,
synchronously or asynchronously, within the limits of `Resilience`. What is asked for returns what it found and
writes nowhere, so that an ask which is given up half-way leaves nothing half-written.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from functools import partial

from langchain_core.documents import Document
from langchain_core.runnables import RunnableConfig

from defenses import QueryDefense, Resources, Selection, SelectionDefense
from sentinel.evidence import Evidence
from sentinel.history import ClientState, HistoryStore, client_key
from sentinel.manifest import Cost, Need, Stage
from sentinel.profile import RiskProfile
from sentinel.sensing import Sentinel
from sentinel.vocabulary import MAX_K, Candidate, Request, Vector
from strategist._attempts import Asking, Attempts, Halt
from strategist._checks import (
    checked_documents,
    checked_plan,
    checked_profile,
    checked_query,
    checked_selection,
    checked_vector,
    copied,
    sound,
)
from strategist._pace import pause, probing
from strategist._planned import calls_model, in_order
from strategist.allow_list import AllowList
from strategist.calibration import BY_CLIENT
from strategist.decision import Decision, Outcome
from strategist.drivers import Ask, Flow
from strategist.guard import Guard
from strategist.plan import DefensePlan
from strategist.policies import Policy
from strategist.resilience import FailureMode
from strategist.sources import Source
from strategist.state.trust import TrustStore, query_suspicion

Served = tuple[list[Document], Decision]


@dataclass(frozen=True, slots=True)
class Parts:
    """What serves every request alike; see `Engine`."""

    sentinel: Sentinel
    policy: Policy
    resources: Resources
    on_error: FailureMode
    history: HistoryStore | None
    trust: TrustStore | None
    allow: AllowList | None
    hash_key: bytes | None
    guard: Guard


class Course:
    """The course of one request. Used once.

    Args:
        parts: What serves it.
        decision: The record to fill in; its mode says whether the request is defended.
        source: Where candidates come from.
        config: What the base is called with.
    """

    def __init__(self, parts: Parts, decision: Decision, source: Source, config: RunnableConfig) -> None:
        self.parts, self.decision, self.source, self.config = parts, decision, source, config
        self.request: Request = decision.request
        self.attempts = Attempts(decision, parts.guard, parts.on_error)
        self.clock = self.attempts.clock
        self.observed = False
        self.probing = False

    def run(self) -> Flow[Served]:
        """From query to documents."""
        parts, decision = self.parts, self.decision
        if decision.mode == "passive":
            documents = yield from self._own("")
            decision.fetched = len(documents)
            return self._base_serves(documents)
        allow = parts.allow
        if allow is not None and allow.has_requests:
            call = partial(allow.allows, self.request, parts.hash_key)
            if (yield from self.attempts.tried("sense", "allow-list", call, False, essential=False)):
                decision.mode = "allowed"
                return (yield from self._allowed())
        served = yield from self._defended()
        yield from self._paced()
        return served

    def _allowed(self) -> Flow[Served]:
        """The base's own answer; the history is kept, so that taking the entry back does not start from nothing."""
        request = self.request
        vector = yield from self._embedded(request.query, essential=False)
        documents = yield from self._own("fetch")
        self.decision.fetched = len(documents)
        candidates = tuple(Candidate(i, document) for i, document in enumerate(documents))
        yield from self._remember(Evidence(request, vector, candidates, self.parts.sentinel.corpus))
        return self._base_serves(documents)

    def _defended(self) -> Flow[Served]:
        parts, decision, request = self.parts, self.decision, self.request
        sentinel, policy, shadow = parts.sentinel, parts.policy, decision.mode == "shadow"
        evidence = Evidence(request, None, (), sentinel.corpus)
        query, own = request.query, None
        try:
            request = yield from self._trusted(request)
            vector = yield from self._embedded(query)
            evidence = replace(evidence, request=request, query_vector=vector, history=(yield from self._past()))
            yield from self._sensed("query", partial(sentinel.sense_query, evidence), 0)
            self.probing = not shadow and probing(decision.profile)
            yield from self._judged(request)
            decision.plan = yield from self._planned(
                "before", lambda: policy.before_retrieval(request, decision.profile), DefensePlan()
            )
            query = yield from self._rewritten(evidence)
            if query != request.query:
                vector = yield from self._embedded(query)
            candidates, own = yield from self._fetched(query, vector)
            evidence = evidence.with_candidates((yield from self._described(candidates, vector)))
            early = decision.profile
            yield from self._sensed("context", partial(sentinel.sense_context, evidence, early), len(candidates))
            plan = decision.plan
            decision.plan = yield from self._planned(
                "after",
                lambda: plan.extended(checked_plan(policy.after_retrieval(request, decision.profile, plan))),
                plan,
            )
            kept, replaced = yield from self._selected(evidence, early)
            yield from self._remember(evidence)
        except Halt:
            yield from self._remember(evidence)
            if not shadow:
                parts.guard.count(parts.on_error.value)
            if parts.on_error is FailureMode.CLOSED and not shadow:
                decision.missing = min(request.k, decision.fetched)
                return [], self.clock.finish()
            return self._base_serves(own if own is not None else (yield from self._own("fetch")))
        untouched = query == request.query and len(kept) == len(candidates) and not replaced
        if own is not None and (shadow or untouched):
            return self._base_serves(own)
        # Asked for its own number, a base that was asked once gave what it serves, more than k if it does that.
        whole = untouched and not self.source.prefix_stable and request.k == self.source.k
        decision.served = kept if whole else kept[: request.k]
        decision.missing = max(0, min(request.k, len(candidates)) - len(decision.served))
        return [copied(candidates[i].document, replaced.get(i)) for i in decision.served], self.clock.finish()

    def _paced(self) -> Flow[None]:
        """Hold back what answers a probe, so that it takes as long whatever was found."""
        pace_ms = self.parts.guard.resilience.pace_ms
        if self.probing and pace_ms is not None:
            wait = pause(self.clock.elapsed, pace_ms)
            yield Ask("", "pace", partial(time.sleep, wait), partial(asyncio.sleep, wait))
            self.clock.lap("pace")
            self.clock.finish()

    def _base_serves(self, documents: list[Document]) -> Served:
        decision = self.decision
        decision.served = tuple(range(len(documents)))
        served = [copied(d) for d in documents] if decision.mode == "enforced" else documents
        return served, self.clock.finish()

    # What the base gives: where it fails there is nothing to serve, and its error is the caller's

    def _own(self, stage: str) -> Asking[list[Document]]:
        source, arguments = self.source, (self.request.query, self.request.k, self.config)
        native = type(source).aown is not Source.aown
        acall = partial(source.aown, *arguments) if native else None
        documents: list[Document] = yield from self.attempts.base(stage, partial(source.own, *arguments), acall)
        if stage:
            checked_documents(documents)
        return documents

    def _fetched(
        self, query: str, vector: Vector | None
    ) -> Asking[tuple[tuple[Candidate, ...], list[Document] | None]]:
        """The candidates, and the base's own answer where its first k may be others.

        Whether the base is asked twice follows from the base and the over-fetch alone: one that was asked once more
        for a request found harmless, or found harmful, would show by its time which of them it was.
        """
        decision, source, k, own = self.decision, self.source, self.request.k, self.request.query
        wanted = min(k * decision.plan.overfetch, MAX_K)
        twice = decision.mode == "shadow" or (wanted != k and not source.prefix_stable)

        def both() -> tuple[tuple[Candidate, ...], list[Document] | None]:
            found = source.fetch(query, vector, wanted, self.config)
            return found, source.own(own, k, self.config) if twice else None

        async def aboth() -> tuple[tuple[Candidate, ...], list[Document] | None]:
            first = source.afetch(query, vector, wanted, self.config)
            if not twice:
                return await first, None
            ended = await asyncio.gather(first, source.aown(own, k, self.config), return_exceptions=True)
            for outcome in ended:
                if isinstance(outcome, BaseException):
                    raise outcome
            return ended  # type: ignore[return-value]

        native = type(source).afetch is not Source.afetch
        found, documents = yield from self.attempts.base("fetch", both, aboth if native else None)
        checked_documents([candidate.document for candidate in found])
        checked_documents(documents or ())
        decision.fetched = len(found)
        return found, documents

    # What may fail: the mode decides

    def _embedded(self, query: str, essential: bool = True) -> Asking[Vector | None]:
        source = self.source
        acall = None
        if type(source).aembed is not Source.aembed:

            async def acall() -> Vector | None:
                return checked_vector(await source.aembed(query))

        # Without a vector the base can still be asked, and text signals measured.
        return (
            yield from self.attempts.tried(
                "embed",
                "embeddings (query)",
                lambda: checked_vector(source.embed(query)),
                None,
                acall,
                essential=essential,
            )
        )

    def _described(self, candidates: tuple[Candidate, ...], vector: Vector | None) -> Asking[tuple[Candidate, ...]]:
        call = partial(self.source.described, candidates, vector)
        found = yield from self.attempts.tried("embed", "embeddings (documents)", call, candidates)
        found, faults = sound(found)
        if faults:
            self.decision.errors["base"] = f"{faults} similarities or vectors are none; missing"
            self.parts.guard.count("missing")
        return found

    def _past(self) -> Asking[ClientState | None]:
        history, request = self.parts.history, self.request
        if history is None:
            return None
        call = partial(history.load, client_key(request.tenant, request.client_id), request.time)
        # A store that is down makes history missing, visibly, as it is with a signal.
        return (yield from self.attempts.tried("sense", "history (load)", call, None, essential=False))

    def _trusted(self, request: Request) -> Asking[Request]:
        """The request with what the client's own past leaves of the operator's word for it."""
        trust = self.parts.trust
        if trust is None or request.trust is None:
            return request
        call = partial(trust.load, client_key(request.tenant, request.client_id), request.time)
        state = yield from self.attempts.tried("sense", "trust (load)", call, None, essential=False)
        return request if state is None else replace(request, trust=state.tempered(request.trust))

    def _judged(self, request: Request) -> Asking[None]:
        """Record how suspicious the query alone was; not what it brought back, or treatment would tell of the corpus.

        In a shadow nobody is judged by what nobody acted on.
        """
        trust = self.parts.trust
        if trust is None or self.decision.mode == "shadow" or not self.decision.profile.probabilities:
            return
        suspicion = query_suspicion(self.decision.profile)
        if suspicion is None:
            return
        key = client_key(request.tenant, request.client_id)
        call = partial(trust.record, key, suspicion, request.time)
        yield from self.attempts.tried("sense", "trust (record)", call, None, essential=False)

    def _remember(self, evidence: Evidence) -> Asking[None]:
        """Record what the base would have served: what a defense hides still counts as asked for. Once a request."""
        history, request = self.parts.history, self.request
        if history is None or self.observed:
            return
        self.observed = True
        key = client_key(request.tenant, request.client_id)

        def call() -> None:
            history.record(key, evidence.served, request.time)

        yield from self.attempts.tried("sense", "history (record)", call, None, essential=False)

    def _sensed(self, stage: str, sense: Callable[[], RiskProfile], candidates: int) -> Asking[None]:
        decision = self.decision
        # Not evaluated is never clean: measurements of the stage before stand, probabilities without this one do not.
        otherwise = replace(decision.profile, probabilities={}, suspicion={}, reasons=())
        profile = yield from self.attempts.tried(
            "sense", f"sentinel {stage}", lambda: checked_profile(sense(), candidates), otherwise
        )
        decision.profile = profile
        decision.errors |= {f"signal {name}": f"{error}; missing" for name, error in profile.failed.items()}

    def _planned(self, when: str, plan: Callable[[], DefensePlan], otherwise: DefensePlan) -> Asking[DefensePlan]:
        manifest = self.parts.policy.manifest
        return (
            yield from self.attempts.tried(
                "plan",
                f"policy {manifest.name} ({when})",
                lambda: checked_plan(plan()),
                otherwise,
                model=manifest.cost is Cost.MODEL_CALL,
            )
        )

    def _rewritten(self, evidence: Evidence) -> Asking[str]:
        parts, profile, query = self.parts, self.decision.profile, evidence.request.query
        for defense in in_order(self.decision.plan, Stage.QUERY):
            if isinstance(defense, QueryDefense):
                seen = replace(evidence, request=replace(evidence.request, query=query))

                def call(defense: QueryDefense = defense, seen: Evidence = seen) -> str:
                    return checked_query(seen.request, defense.rewrite(seen, profile, parts.resources))

                query = yield from self.attempts.tried(
                    "defend", defense.manifest.name, call, query, model=calls_model(defense)
                )
        return query

    def _selected(self, evidence: Evidence, early: RiskProfile) -> Asking[tuple[tuple[int, ...], dict[int, str]]]:
        decision, parts, everything = self.decision, self.parts, evidence
        kept = tuple(range(len(evidence.candidates)))
        replaced: dict[int, str] = {}
        spared = yield from self._spared(evidence)
        planned = in_order(decision.plan, Stage.RETRIEVAL, Stage.CONTEXT)
        waiting = deque(defense for defense in planned if isinstance(defense, SelectionDefense))
        while waiting:
            defense = waiting.popleft()
            if Need.LEDGER in defense.manifest.needs:
                yield from self._remember(everything)  # first, so that a charge is the last that can fail

            def call(
                defense: SelectionDefense = defense, evidence: Evidence = evidence, kept: tuple[int, ...] = kept
            ) -> tuple[tuple[int, ...], Selection]:
                selection = defense.select(evidence, decision.profile, parts.resources)
                return checked_selection(selection, kept, spared)

            name = defense.manifest.name
            done = yield from self.attempts.tried("defend", name, call, None, model=calls_model(defense))
            if done is None:
                continue
            left, selection = done
            dropped = tuple(selection.dropped.items())
            decision.outcomes.append(Outcome(name, len(kept), len(left), dropped))
            replaced.update(selection.replaced)
            kept = left
            if dropped or selection.replaced:
                evidence = evidence.keep(kept).with_texts(selection.replaced)
            if dropped and waiting and BY_CLIENT.isdisjoint(defense.manifest.threats):
                yield from self._relented(evidence, early, {d.manifest.name for d in waiting})
                waiting = deque(d for d in waiting if d.manifest.name in decision.plan.names)
        self.clock.lap("defend")
        return kept, {i: replaced[i] for i in kept if i in replaced}

    def _relented(self, evidence: Evidence, early: RiskProfile, waiting: Set[str]) -> Asking[None]:
        """Give up what is still to come and no longer worth it, as the policy finds, for the candidates that are left.

        Only after a defense against planted documents: what is hidden from a prober must lead to nothing else.
        """
        decision, policy, sentinel = self.decision, self.parts.policy, self.parts.sentinel
        if type(policy).given_up is Policy.given_up:
            return  # nothing to ask: nothing is sensed for it
        plan, count = decision.plan, len(evidence.candidates)
        call = partial(sentinel.sense_context, evidence, early)
        profile = yield from self.attempts.tried(
            "sense", "sentinel rest", lambda: checked_profile(call(), count), None, essential=False
        )
        if profile is None:
            return

        def rest() -> DefensePlan:
            given_up = policy.given_up(evidence.request, profile, plan)
            return plan.without({name: why for name, why in given_up.items() if name in waiting})

        decision.plan = yield from self._planned("rest", rest, plan)

    def _spared(self, evidence: Evidence) -> Asking[frozenset[int]]:
        allow, tenant, key = self.parts.allow, self.request.tenant, self.parts.hash_key
        nothing: frozenset[int] = frozenset()
        if allow is None or not allow.has_documents or not self.decision.plan.defenses:
            return nothing

        def call() -> frozenset[int]:
            return frozenset(c.position for c in evidence.candidates if allow.spares(c.text, tenant, key))

        return (yield from self.attempts.tried("sense", "allow-list", call, nothing, essential=False))
