"""One request from query to documents: sense, plan, fetch, sense again, defend, fill up to k.

The flow is written once, as a generator that asks for what it cannot compute itself (an embedding, a search). The
synchronous and the asynchronous driver answer it from the same source, so the two cannot drift apart; it holds no
state between requests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from langchain_core.documents import Document
from langchain_core.runnables import RunnableConfig

from defenses import Defense, QueryDefense, Resources, Selection, SelectionDefense, build
from sentinel.evidence import Evidence
from sentinel.history import ClientState, HistoryStore, client_key
from sentinel.manifest import Need, Stage
from sentinel.profile import RiskProfile
from sentinel.sensing import Sentinel
from sentinel.vocabulary import MAX_K, Candidate, Request, Vector
from strategist.decision import Decision, Outcome
from strategist.plan import DefensePlan, PlannedDefense
from strategist.policies import Policy
from strategist.sources import Source


class FailureMode(StrEnum):
    """What becomes of a request when a policy, a defense or the embedding model raises."""

    CLOSED = "closed"
    """Nothing is served."""
    OPEN = "open"
    """The base's own answer is served."""
    DEGRADE = "degrade"
    """The failed part is left out, the rest of the plan goes on."""


@dataclass(frozen=True, slots=True)
class _Embed:
    query: str


@dataclass(frozen=True, slots=True)
class _Fetch:
    query: str
    vector: Vector | None
    k: int


@dataclass(frozen=True, slots=True)
class _Own:
    query: str
    k: int


_Ask = _Embed | _Fetch | _Own
_Flow = Generator[_Ask, Any, tuple[list[Document], Decision]]


class _Halt(Exception):
    """A part failed and the mode is not to go on without it."""


@dataclass(frozen=True)
class Engine:
    """Runs requests. Immutable; one engine serves all threads and tasks.

    Attributes:
        sentinel: What senses.
        policy: What plans.
        resources: What defenses draw from.
        on_error: What happens when a policy, a defense or the embedding model raises.
        shadow: Record the decision and serve what the base serves.
        config_hash: Written into every decision.
        history: Where clients' pasts are kept; None keeps none.
    """

    sentinel: Sentinel
    policy: Policy
    resources: Resources
    on_error: FailureMode = FailureMode.DEGRADE
    shadow: bool = False
    config_hash: str = ""
    history: HistoryStore | None = None

    def run(
        self, request: Request, source: Source, config: RunnableConfig | None = None
    ) -> tuple[list[Document], Decision]:
        """Serve one request.

        Args:
            request: Who asks what.
            source: Where candidates come from.
            config: What the base is called with: LangChain's callbacks of this run, and the configurable.

        Returns:
            The documents, at most `request.k`, and the decision.

        Raises:
            Exception: Whatever the base itself raises.
        """
        config = config or {}
        flow = self._flow(request, source)
        answer: Any = None
        while not isinstance(ask := _step(flow, answer), tuple):
            try:
                if isinstance(ask, _Embed):
                    answer = source.embed(ask.query)
                elif isinstance(ask, _Fetch):
                    answer = source.fetch(ask.query, ask.vector, ask.k, config)
                else:
                    answer = source.own(ask.query, ask.k, config)
            except Exception as error:  # the flow knows what to make of it
                answer = error
        return ask

    async def arun(
        self, request: Request, source: Source, config: RunnableConfig | None = None
    ) -> tuple[list[Document], Decision]:
        """Serve one request without blocking the event loop: what computes runs in a worker thread."""
        config = config or {}
        flow = self._flow(request, source)
        answer: Any = None
        while not isinstance(ask := await asyncio.to_thread(_step, flow, answer), tuple):
            try:
                if isinstance(ask, _Embed):
                    answer = await source.aembed(ask.query)
                elif isinstance(ask, _Fetch):
                    answer = await source.afetch(ask.query, ask.vector, ask.k, config)
                else:
                    answer = await source.aown(ask.query, ask.k, config)
            except Exception as error:
                answer = error
        return ask

    def _flow(self, request: Request, source: Source) -> _Flow:
        decision = Decision(request, self.policy.manifest.name, self.config_hash)
        clock = _Clock(decision)
        decision.mode = "shadow" if self.shadow else "enforced"
        if self.policy.manifest.passive:
            decision.mode = "passive"
            documents = yield _Own(request.query, request.k)
            clock.lap("fetch")
            decision.fetched = len(documents)
            decision.served = tuple(range(len(documents)))
            return documents, clock.finish()
        evidence = Evidence(request, None, (), self.sentinel.corpus, self._past(decision))
        try:
            vector = yield from self._embedded(decision, request.query)
            clock.lap("embed")
            evidence = replace(evidence, query_vector=vector)
            _sensed(decision, self.sentinel.sense_query(evidence))
            clock.lap("sense")
            decision.plan = self._planned(
                decision, lambda: self.policy.before_retrieval(request, decision.profile), DefensePlan()
            )
            clock.lap("plan")
            query = self._rewritten(decision, evidence)
            clock.lap("defend")
            if query != request.query:
                vector = yield from self._embedded(decision, query)
                clock.lap("embed")
            wanted = min(request.k * decision.plan.overfetch, MAX_K)
            candidates: tuple[Candidate, ...] = yield _Fetch(query, vector, wanted)
            clock.lap("fetch")
            decision.fetched = len(candidates)
            candidates = self._described(decision, source, candidates, vector)
            clock.lap("embed")
            evidence = evidence.with_candidates(candidates)
            _sensed(decision, self.sentinel.sense_context(evidence, decision.profile))
            clock.lap("sense")
            plan = decision.plan
            decision.plan = self._planned(
                decision, lambda: plan.extended(self.policy.after_retrieval(request, decision.profile, plan)), plan
            )
            clock.lap("plan")
            kept, replaced = self._selected(decision, evidence)
            clock.lap("defend")
        except _Halt:
            self._remember(decision, evidence)
            if self.on_error is FailureMode.CLOSED and not self.shadow:
                decision.missing = min(request.k, decision.fetched)
                return [], clock.finish()
            base_serves = True
        else:
            self._remember(decision, evidence)
            untouched = query == request.query and len(kept) == len(candidates) and not replaced
            base_serves = self.shadow or (untouched and not source.prefix_stable)
        if base_serves:
            documents = yield _Own(request.query, request.k)
            clock.lap("fetch")
            decision.served = tuple(range(len(documents)))
            return documents if self.shadow else [_copy(d) for d in documents], clock.finish()
        decision.served = kept[: request.k]
        decision.missing = min(request.k, len(candidates)) - len(decision.served)
        served = [_copy(candidates[i].document, replaced.get(i)) for i in decision.served]
        return served, clock.finish()

    def _embedded(self, decision: Decision, query: str) -> Generator[_Ask, Any, Vector | None]:
        try:
            vector: Vector | None = yield _Embed(query)
        except Exception as error:  # without a vector the base can still be asked, and text signals measured
            self._fail(decision, "embeddings", error)
            return None
        return vector

    def _described(
        self, decision: Decision, source: Source, candidates: tuple[Candidate, ...], vector: Vector | None
    ) -> tuple[Candidate, ...]:
        try:
            return source.described(candidates, vector)
        except Exception as error:
            self._fail(decision, "embeddings", error)
            return candidates

    def _planned(self, decision: Decision, plan: Callable[[], DefensePlan], otherwise: DefensePlan) -> DefensePlan:
        try:
            chosen = plan()
            for planned in chosen.defenses:
                _defense(planned)
        except Exception as error:  # whatever a policy raises, the failure mode decides
            self._fail(decision, f"policy {self.policy.manifest.name}", error)
            return otherwise
        return chosen

    def _past(self, decision: Decision) -> ClientState | None:
        if self.history is None:
            return None
        request = decision.request
        try:
            return self.history.load(client_key(request.tenant, request.client_id), request.time)
        except Exception as error:  # a store that is down makes history missing, visibly
            decision.errors["history"] = type(error).__name__
            return None

    def _remember(self, decision: Decision, evidence: Evidence) -> None:
        """Record what the base would have served: what a defense hides still counts as asked for."""
        if self.history is None:
            return
        request = decision.request
        try:
            observation = evidence.observation.served(request.k)
            self.history.record(client_key(request.tenant, request.client_id), observation, request.time)
        except Exception as error:  # a record that fails takes no request down
            decision.errors["history"] = type(error).__name__

    def _fail(self, decision: Decision, component: str, error: Exception) -> None:
        decision.errors[component] = f"{type(error).__name__}; {self.on_error.value}"
        if self.on_error is not FailureMode.DEGRADE:
            raise _Halt from error

    def _defenses(self, plan: DefensePlan, *stages: Stage) -> list[Defense]:
        built = [_defense(planned) for planned in plan.defenses]
        # Budgets come last: what a later filter drops must not have been charged for.
        free = [
            d for stage in stages for d in built if d.manifest.stage is stage and Need.LEDGER not in d.manifest.needs
        ]
        return free + [d for d in built if d.manifest.stage in stages and Need.LEDGER in d.manifest.needs]

    def _rewritten(self, decision: Decision, evidence: Evidence) -> str:
        query = evidence.request.query
        for defense in self._defenses(decision.plan, Stage.QUERY):
            if isinstance(defense, QueryDefense):
                try:
                    seen = replace(evidence, request=replace(evidence.request, query=query))
                    query = defense.rewrite(seen, decision.profile, self.resources) or query
                except Exception as error:
                    self._fail(decision, defense.manifest.name, error)
        return query

    def _selected(self, decision: Decision, evidence: Evidence) -> tuple[tuple[int, ...], dict[int, str]]:
        kept = tuple(range(len(evidence.candidates)))
        replaced: dict[int, str] = {}
        for defense in self._defenses(decision.plan, Stage.RETRIEVAL, Stage.CONTEXT):
            if not isinstance(defense, SelectionDefense):
                continue
            name = defense.manifest.name
            try:
                selection = defense.select(evidence, decision.profile, self.resources)
                left = _checked(selection, kept)
            except Exception as error:
                self._fail(decision, name, error)
                continue
            still = set(left)
            dropped = tuple((i, selection.dropped.get(i, "")) for i in kept if i not in still)
            decision.outcomes.append(Outcome(name, len(kept), len(left), dropped))
            replaced.update(selection.replaced)
            kept = left
            if dropped or selection.replaced:
                evidence = evidence.keep(kept).with_texts(selection.replaced)
        return kept, {i: replaced[i] for i in kept if i in replaced}


class _Clock:
    """Adds up milliseconds by stage in a decision."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.start = self.last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        spent = self.decision.milliseconds
        spent[stage] = spent.get(stage, 0.0) + (now - self.last) * 1e3
        self.last = now

    def finish(self) -> Decision:
        self.decision.milliseconds["total"] = (time.perf_counter() - self.start) * 1e3
        return self.decision


def _step(flow: _Flow, answer: Any) -> _Ask | tuple[list[Document], Decision]:
    # StopIteration cannot cross a future, so the result is handed over as a value.
    try:
        return flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    except StopIteration as done:
        result: tuple[list[Document], Decision] = done.value
        return result


def _sensed(decision: Decision, profile: RiskProfile) -> None:
    decision.profile = profile
    decision.errors |= {f"signal {name}": f"{error}; missing" for name, error in profile.failed.items()}


def _defense(planned: PlannedDefense) -> Defense:
    try:
        return _built(planned.name, tuple(sorted(planned.parameters.items())))
    except TypeError:  # a list among the parameters: nothing to remember it by
        return build(planned.name, planned.parameters)


@lru_cache(maxsize=512)
def _built(name: str, parameters: tuple[tuple[str, Any], ...]) -> Defense:
    return build(name, dict(parameters))


def _checked(selection: Selection, kept: tuple[int, ...]) -> tuple[int, ...]:
    """A defense may only take away: what it keeps is a subset of what it was given, in the same order."""
    wanted = set(selection.keep)
    left = tuple(i for i in kept if i in wanted)  # plain integers, whatever numpy gave the defense
    if selection.keep != left:
        raise ValueError("the selection is not an ordered subset of the candidates")
    return left


def _copy(document: Document, text: str | None = None) -> Document:
    changed: dict[str, Any] = {"metadata": dict(document.metadata)}
    if text is not None:
        changed["page_content"] = text
    return document.model_copy(update=changed)
