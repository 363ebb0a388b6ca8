"""`DefendedRAG`: retrieval and generation in one Runnable, with defenses and one decision over both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from langchain_core.callbacks import (
    AsyncCallbackManagerForChainRun,
    CallbackManagerForChainRun,
    adispatch_custom_event,
    dispatch_custom_event,
)
from langchain_core.documents import Document
from langchain_core.runnables import AddableDict, RunnableConfig, RunnableSerializable
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from defenses import Generator
from sentinel.errors import DataError, unknown_name
from strategist._face import RELOADING, Face
from strategist._runtime import Runtime, Sink
from strategist.answer_configuration import AnswerSpec
from strategist.answer_setup import AnswerSetup, NoContext
from strategist.answering import Answering
from strategist.callers import Caller, split_caller
from strategist.configuration import SentinelConfig
from strategist.decision import Decision
from strategist.pieces import apieces, pieces
from strategist.rag_prompt import RagTemplate
from strategist.resilience import FailureMode
from strategist.retriever import EVENT, DefendedRetriever

RagInput = str | dict[str, Any]
RagOutput = dict[str, Any]
_PYTHON = ("generator", "prompt_defenses", "generation", "answer_defenses", "template")
"""Options that a Python program may give beside a configuration; they stay through a reload."""


class _Halves(NamedTuple):
    """What a request reads of its chain, once; a reload puts others in their place."""

    retriever: DefendedRetriever
    setup: AnswerSetup


class DefendedRAG(Face, RunnableSerializable[RagInput, RagOutput]):
    """Answers questions from documents: defended retrieval, prompt defenses, a generator, answer defenses.

        rag = DefendedRAG(retriever=store, generator=model, prompt_defenses=["spotlight"])
        rag.invoke("when does the bridge close?", {"configurable": {"client_id": "ward-7"}})["answer"]

    It takes a question, or a dict that has it under `input` or `question`, and gives what LangChain's retrieval chains
    give: `{"input", "context", "answer"}`, and the `decision_id` beside them. `stream` gives dicts that add up to it;
    the answer in them comes as far as no answer defense can change it any more. A defense that can only check a whole
    answer makes the stream wait for it.

    `from_config` builds it and its retriever from one `sentinel.yaml`, and `reload` puts another in force.

    What is configured here is always in force; prompt, generation and answer defenses that a request's plan names come
    on top (of generation defenses there is one, and the configured one goes first). In a shadow, also for clients
    outside the retriever's `sample`, the answer is that of the plain chain, and the decision records what answer
    defenses would have done; a generation defense is then not asked. With policy `none` and nothing configured this is
    a plain chain.

    There is one `Decision` for both halves, with its `answer` filled in. The retriever's sinks and those given here
    get it when the answer is complete, once, and so does the callback event `sentinel_decision`. Documents that carry
    the whole record (the retriever's `attach="full"`) carry that of the retrieval alone.

    When a part fails, `on_error` decides. A prompt, generation or answer defense that fails is left out (`degrade`,
    `open`), and the decision's errors say so; in the mode `closed` the answer is the template's `not_found` instead. A
    generator that raises, takes longer than `resilience.generate` or gives nothing ends in `ComponentError`, or in the
    mode `closed` in `not_found`. After a piece of the answer is out, any of these is a `ComponentError`. Documents
    that are more than the generator's window takes are left out from the lowest-ranked up, and recorded.

    Attributes:
        retriever: A `DefendedRetriever`, or whatever `DefendedRetriever.wrap` takes.
        generator: What answers: a LangChain chat model, anything else that `load_generator` takes, or a `Generator`.
        prompt_defenses: Names of prompt defenses, pairs of name and parameters, or defenses; the last is outermost.
        generation: One generation defense, given in the same way; None to ask once.
        answer_defenses: Answer defenses, given in the same way, in the order in which they check.
        template: A `RagTemplate`, a LangChain prompt template, or anything with its two members.
        max_tokens: The longest answer, for every call; None for the generator's own limit.
        on_error: What becomes of a request when a part of the answer's half fails; None for the retriever's mode. A
            retriever that is wrapped here gets it too.
        no_context: What to do where no documents were served: `ask` all the same, with a prompt that says so, or
            `decline` with `not_found`. Declining takes no time, which can be told from an answer that takes some.
        sinks: Called with every decision, besides the retriever's.

    Raises:
        ConfigurationError: Something is unknown, impossible or of another kind, or voids what `dp_answer` promises.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")
    framework: ClassVar[type[BaseModel]] = RunnableSerializable
    called: ClassVar[Mapping[str, str]] = {"generator": "_named"}

    retriever: Any
    generator: Any
    prompt_defenses: Sequence[Any] = ()
    generation: Any = None
    answer_defenses: Sequence[Any] = ()
    template: Any = Field(default_factory=RagTemplate)
    max_tokens: int | None = Field(None, ge=1, strict=True)
    on_error: FailureMode | None = None
    no_context: NoContext = "ask"
    sinks: Sequence[Sink] = ()

    _halves: _Halves = PrivateAttr()
    _named: str | None = PrivateAttr(default=None)

    def model_post_init(self, context: Any, /) -> None:
        """Build what requests share. Nothing here changes afterwards; `reload` puts others in its place."""
        mode = {} if self.on_error is None else {"on_error": self.on_error}
        given = self.retriever
        retriever = given if isinstance(given, DefendedRetriever) else DefendedRetriever.wrap(given, **mode)
        self.__dict__.update(retriever=retriever, generator=_generator(self.generator))
        self._given = {
            name: found for name in _PYTHON if name in self.model_fields_set and (found := getattr(self, name))
        }
        policy = retriever._runtime.engine.policy
        self._halves = _Halves(retriever, AnswerSetup.of(self, retriever.on_error, policy))

    @classmethod
    def from_config(
        cls, retriever: Any, config: SentinelConfig | Path | str, generator: Any = None, **given: Any
    ) -> DefendedRAG:
        """Build both halves as a configuration says.

        Args:
            retriever: What to wrap; see `DefendedRetriever.from_config`. A `DefendedRetriever` stays as it is: another
                one around the same base takes its place here, and shares with it what outlives its `reload`.
            config: The configuration, or the path of a `sentinel.yaml`.
            generator: What answers, instead of what the configuration names.
            given: What only Python can give: defenses or a template that are objects, and what
                `DefendedRetriever.from_config` takes. Sinks come on top of the configuration's; anything else that
                both give is refused.

        Raises:
            ConfigurationError: The configuration is wrong, or says what `given` says too, or nobody names a generator.
            DataError: A file that it names cannot be read.
        """
        known = (cls.own_fields() | DefendedRetriever.own_fields()) - {"retriever", "base"}
        for name in given:
            if name not in known:
                raise unknown_name("option", name, known)
        own = {name: given.pop(name) for name in (*_PYTHON, "max_tokens", "no_context") if name in given}
        if generator is not None:
            own["generator"] = generator
        config = SentinelConfig.of(config)
        with RELOADING:  # what a retriever shares must not be reloaded meanwhile
            return cls._built(retriever, config, own, given, own)

    @classmethod
    def _built(
        cls,
        retriever: Any,
        config: SentinelConfig,
        given: dict[str, Any],
        below: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> DefendedRAG:
        """Build both halves.

        Args:
            retriever: What to wrap, or whose base to wrap again.
            config: The configuration.
            given: What Python gave of the answer's half; it stays through reloads.
            below: What Python gives of the retriever's half besides.
            options: What the answer's half is built with beside its configuration.
        """
        answer = config.answer or AnswerSpec()
        made = answer.options(options)
        made["generator"] = _generator(made["generator"])
        if isinstance(retriever, DefendedRetriever):
            half = retriever.renewed(config, below)
        else:
            half = DefendedRetriever.from_config(retriever, config, **below)
        chain = cls(retriever=half, **made)
        if "generator" in given:
            given = {**given, "generator": chain.generator}
        chain._given = given
        chain._named = None if "generator" in given else answer.generator
        return chain

    def reload(self, config: SentinelConfig | Path | str) -> None:
        """Put another configuration in force, both halves at once.

        A request that has begun ends under the configuration that it began with, retrieval and answer. What the program
        gave in Python stays, the generator too; one that the configuration names is kept while its name is the same.
        For the retriever's part see `DefendedRetriever.reload`; one that was given in Python stays as it is, and
        another takes its place. If anything is wrong with the new one, the old stays in force.

        Raises:
            ConfigurationError: As `from_config`.
            DataError: As `from_config`.
        """
        config = SentinelConfig.of(config)
        with RELOADING:
            options = dict(self._given)
            if self._named is not None and config.answer is not None and config.answer.generator == self._named:
                options["generator"] = self.generator
            fresh = self._built(self.retriever, config, self._given, {}, options)
            self.__dict__.update({name: fresh.__dict__[name] for name in self.own_fields() - {"sinks"}})
            self._named = fresh._named
            self._halves = fresh._halves  # requests read this and nothing else, once

    @property
    def config_hash(self) -> str:
        """16 hexadecimal digits of the answer's half in force, as every decision's `answer` carries them.

        The other half's are `retriever.config_hash`.
        """
        return self._halves.setup.config

    def health(self) -> dict[str, Any]:
        """How the parts of both halves stand; see `DefendedRetriever.health`."""
        return self._halves.retriever.health()

    def invoke(self, input: RagInput, config: RunnableConfig | None = None, **kwargs: Any) -> RagOutput:
        """Answer one question. Who asks is read from the run's configurable, as `DefendedRetriever` does.

        Args:
            input: The question, or a dict that has it under `input` or `question`.
            config: LangChain's run configuration.
            kwargs: Not used.

        Returns:
            `input`, `context` (the documents that were served), `answer` and `decision_id`.

        Raises:
            DataError: There is no question, it is empty or too long, or longer than the generator's window.
            ComponentError: The generator failed.
            Exception: Whatever the retriever's base raises.
        """
        caller, config = split_caller(config)
        return self._call_with_config(partial(self._whole, caller), input, config)

    async def ainvoke(self, input: RagInput, config: RunnableConfig | None = None, **kwargs: Any) -> RagOutput:
        """Answer one question without blocking the event loop. See `invoke`."""
        caller, config = split_caller(config)
        return await self._acall_with_config(partial(self._awhole, caller), input, config)

    def stream(self, input: RagInput, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[RagOutput]:
        """Answer one question in pieces: dicts that add up to what `invoke` gives. See there.

        A generator that is asked in a stream may be given up by leaving the loop or closing the iterator.
        """
        caller, config = split_caller(config)
        made: list[Iterator[RagOutput]] = []

        def transformer(
            inputs: Iterator[RagInput], run_manager: CallbackManagerForChainRun, config: RunnableConfig
        ) -> Iterator[RagOutput]:
            made.append(self._pieces(caller, next(inputs), run_manager, config, streamed=True))
            return made[0]

        try:
            yield from self._transform_stream_with_config(iter([input]), transformer, config)
        finally:
            for iterator in made:
                iterator.close()  # type: ignore[attr-defined]

    async def astream(
        self, input: RagInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[RagOutput]:
        """Answer one question in pieces without blocking the event loop. See `stream`."""
        caller, config = split_caller(config)

        def transformer(
            inputs: AsyncIterator[RagInput], run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig
        ) -> AsyncIterator[RagOutput]:
            return self._apieces(caller, input, run_manager, config, streamed=True)

        async def inputs() -> AsyncIterator[RagInput]:
            yield input

        async for piece in self._atransform_stream_with_config(inputs(), transformer, config):
            yield piece

    def _whole(
        self, caller: Caller, input: RagInput, run_manager: CallbackManagerForChainRun, config: RunnableConfig
    ) -> RagOutput:
        whole = AddableDict()
        for piece in self._pieces(caller, input, run_manager, config, streamed=False):
            whole = whole + piece
        return dict(whole)

    async def _awhole(
        self, caller: Caller, input: RagInput, run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig
    ) -> RagOutput:
        whole = AddableDict()
        async for piece in self._apieces(caller, input, run_manager, config, streamed=False):
            whole = whole + piece
        return dict(whole)

    def _pieces(
        self,
        caller: Caller,
        input: RagInput,
        run_manager: CallbackManagerForChainRun,
        config: RunnableConfig,
        *,
        streamed: bool,
    ) -> Iterator[AddableDict]:
        question, halves = _question(input), self._halves  # once: a reload must not come between two looks at it
        yield AddableDict(input=question)
        taken: list[tuple[Runtime, Decision]] = []
        documents = halves.retriever.invoke(question, _asked_by(caller, config), take=lambda *both: taken.append(both))
        runtime, decision = taken[0]
        course = _course(halves.setup, runtime, decision, documents, streamed)
        try:
            yield AddableDict(context=documents)
            for text in pieces(course.run(), runtime.engine.guard):
                yield AddableDict(answer=text)
        finally:
            if run_manager.handlers and _told(halves.setup, decision):
                dispatch_custom_event(EVENT, decision.record(), config={"callbacks": run_manager.get_child()})
            runtime.tell(decision, self.sinks)
        yield AddableDict(decision_id=decision.id)

    async def _apieces(
        self,
        caller: Caller,
        input: RagInput,
        run_manager: AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
        *,
        streamed: bool,
    ) -> AsyncIterator[AddableDict]:
        question, halves = _question(input), self._halves
        yield AddableDict(input=question)
        taken: list[tuple[Runtime, Decision]] = []
        asked = _asked_by(caller, config)
        documents = await halves.retriever.ainvoke(question, asked, take=lambda *both: taken.append(both))
        runtime, decision = taken[0]
        course = _course(halves.setup, runtime, decision, documents, streamed)
        answer = apieces(course.run(), runtime.engine.guard)
        try:
            yield AddableDict(context=documents)
            async for text in answer:
                yield AddableDict(answer=text)
        finally:
            await answer.aclose()
            if run_manager.handlers and _told(halves.setup, decision):
                await adispatch_custom_event(EVENT, decision.record(), config={"callbacks": run_manager.get_child()})
            if runtime.sinks or self.sinks:  # they may wait for a disk
                await asyncio.to_thread(runtime.tell, decision, self.sinks)
        yield AddableDict(decision_id=decision.id)


def _course(
    setup: AnswerSetup, runtime: Runtime, decision: Decision, documents: Sequence[Document], streamed: bool
) -> Answering:
    engine = runtime.engine
    texts = [document.page_content for document in documents]
    return Answering(setup, engine.guard, engine.resources_of(decision), decision, texts, streamed)


def _told(setup: AnswerSetup, decision: Decision) -> bool:
    """Whether there is an event: as with the retriever there is none for a plain chain."""
    return decision.mode != "passive" or setup.defends


def _question(input: Any) -> str:
    if isinstance(input, str):
        return input
    question = (input.get("input") or input.get("question")) if isinstance(input, Mapping) else None
    if not isinstance(question, str):
        raise DataError("the question must be text, or a dict with the text under 'input' or 'question'")
    return question


def _asked_by(caller: Caller, config: RunnableConfig) -> RunnableConfig:
    """The configuration with who asks put back, for the retriever to take it out again."""
    return {**config, "configurable": {**(config.get("configurable") or {}), **caller._asdict()}}


def _generator(spec: Any) -> Generator:
    from strategist.generators import load_generator

    generator: Generator = load_generator(spec)
    return generator
