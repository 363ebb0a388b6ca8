"""`DefendedRAG`: retrieval and generation in one Runnable, with defenses and one decision over both."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Self, cast

from langchain_core.callbacks import (
    AsyncCallbackManagerForChainRun,
    CallbackManagerForChainRun,
    adispatch_custom_event,
    dispatch_custom_event,
)
from langchain_core.documents import Document
from langchain_core.runnables import AddableDict, RunnableConfig, RunnableSerializable
from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator

from defenses import AnswerDefense, AttentiveGenerator, Defense, GenerationDefense, Generator, PromptDefense, build
from sentinel.errors import ConfigurationError, DataError, unknown_name
from sentinel.manifest import Need
from strategist._runtime import Runtime, Sink
from strategist.answer_setup import AnswerSetup, NoContext
from strategist.answering import Answering
from strategist.callers import Caller, split_caller
from strategist.decision import Decision
from strategist.pieces import apieces, pieces
from strategist.rag_prompt import RagTemplate, template_of
from strategist.resilience import FailureMode
from strategist.retriever import EVENT, DefendedRetriever

RagInput = str | dict[str, Any]
RagOutput = dict[str, Any]


class DefendedRAG(RunnableSerializable[RagInput, RagOutput]):
    """Answers questions from documents: defended retrieval, prompt defenses, a generator, answer defenses.

        rag = DefendedRAG(retriever=store, generator=model, prompt_defenses=["spotlight"])
        rag.invoke("when does the bridge close?", {"configurable": {"client_id": "ward-7"}})["answer"]

    It takes a question, or a dict that has it under `input` or `question`, and gives what LangChain's retrieval chains
    give: `{"input", "context", "answer"}`, and the `decision_id` beside them. `stream` gives dicts that add up to it;
    the answer in them comes as far as no answer defense can change it any more. A defense that can only check a whole
    answer makes the stream wait for it.

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
        ConfigurationError: Something is unknown, impossible or of another kind.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

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

    _setup: AnswerSetup = PrivateAttr()

    @model_validator(mode="wrap")
    @classmethod
    def _in_our_words(cls, options: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(options)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else "options"
            if first["type"] == "extra_forbidden":
                raise unknown_name("option", name, cls.model_fields) from None
            if first["type"] == "missing":
                raise ConfigurationError(f"{name} is missing") from None
            raise ConfigurationError(f"{name} = {first['input']!r:.80}: {first['msg']}") from None

    def model_post_init(self, context: Any, /) -> None:
        """Build what requests share; nothing here changes afterwards."""
        mode = {} if self.on_error is None else {"on_error": self.on_error}
        given = self.retriever
        retriever = given if isinstance(given, DefendedRetriever) else DefendedRetriever.wrap(given, **mode)
        generator = _generator(self.generator)
        self.__dict__.update(retriever=retriever, generator=generator)
        chosen = [self.generation] if self.generation is not None else []
        prompts = _defenses("prompt_defenses", self.prompt_defenses, PromptDefense)
        generation = next(iter(_defenses("generation", chosen, GenerationDefense)), None)
        answers = _defenses("answer_defenses", self.answer_defenses, AnswerDefense)
        attentive = isinstance(generator, AttentiveGenerator)
        if generation is not None and Need.ATTENTION in generation.manifest.needs and not attentive:
            raise ConfigurationError(
                f"generation: {generation.manifest.name} needs a generator whose attention can be read, a "
                f"transformers model in this process; {generator.name} is none"
            )
        template = template_of(self.template)
        configured = [d for d in (*prompts, generation, *answers) if d is not None]
        settings = {
            "defenses": [(d.manifest.name, d.model_dump()) for d in configured],
            "generator": [generator.name, getattr(generator, "fingerprint", None)],
            "template": repr(template.write("{question}", ["{document}"])),
            "not_found": template.not_found,
            "max_tokens": self.max_tokens,
            "on_error": self.on_error,
            "no_context": self.no_context,
        }
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=_plain).encode()).hexdigest()[:16]
        self._setup = AnswerSetup(
            generator,
            template,
            prompts,
            generation,
            answers,
            self.max_tokens,
            self.on_error or retriever.on_error,
            self.no_context,
            digest,
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if name in type(self).model_fields and name not in RunnableSerializable.model_fields:
            raise ConfigurationError(f"{name} cannot be set on a chain in use; make another one")
        super().__setattr__(name, value)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A chain with some options changed; what stays the same is shared."""
        if not update:
            return super().model_copy(deep=deep)
        return type(self)(**{**{name: self.__dict__[name] for name in type(self).model_fields}, **update})

    def health(self) -> dict[str, Any]:
        """How the parts of both halves stand; see `DefendedRetriever.health`."""
        return cast(DefendedRetriever, self.retriever).health()

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
        question = _question(input)
        yield AddableDict(input=question)
        taken: list[tuple[Runtime, Decision]] = []
        documents = self.retriever.invoke(question, _asked_by(caller, config), take=lambda *both: taken.append(both))
        runtime, decision = taken[0]
        course = self._course(runtime, decision, documents, streamed)
        try:
            yield AddableDict(context=documents)
            for text in pieces(course.run(), runtime.engine.guard):
                yield AddableDict(answer=text)
        finally:
            if run_manager.handlers and self._told(decision):
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
        question = _question(input)
        yield AddableDict(input=question)
        taken: list[tuple[Runtime, Decision]] = []
        asked = _asked_by(caller, config)
        documents = await self.retriever.ainvoke(question, asked, take=lambda *both: taken.append(both))
        runtime, decision = taken[0]
        course = self._course(runtime, decision, documents, streamed)
        answer = apieces(course.run(), runtime.engine.guard)
        try:
            yield AddableDict(context=documents)
            async for text in answer:
                yield AddableDict(answer=text)
        finally:
            await answer.aclose()
            if run_manager.handlers and self._told(decision):
                await adispatch_custom_event(EVENT, decision.record(), config={"callbacks": run_manager.get_child()})
            if runtime.sinks or self.sinks:  # they may wait for a disk
                await asyncio.to_thread(runtime.tell, decision, self.sinks)
        yield AddableDict(decision_id=decision.id)

    def _course(self, runtime: Runtime, decision: Decision, documents: Sequence[Document], streamed: bool) -> Answering:
        engine = runtime.engine
        texts = [document.page_content for document in documents]
        return Answering(self._setup, engine.guard, engine.resources_of(decision), decision, texts, streamed)

    def _told(self, decision: Decision) -> bool:
        """Whether there is an event: as with the retriever there is none for a plain chain."""
        return decision.mode != "passive" or self._setup.defends


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


def _plain(value: object) -> Any:
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def _generator(spec: Any) -> Generator:
    from strategist.generators import load_generator

    generator: Generator = load_generator(spec)
    return generator


def _defenses(option: str, given: Any, kind: Any) -> tuple[Any, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigurationError(f"{option} must be a list of defenses or their names")
    made = []
    for one in given:
        defense: Any = one
        if isinstance(one, str):
            defense = build(one)
        elif (
            isinstance(one, tuple | list) and len(one) == 2 and isinstance(one[0], str) and isinstance(one[1], Mapping)
        ):
            defense = build(one[0], one[1])
        if not isinstance(defense, kind):
            what = (
                f"{defense.manifest.name} works at the stage {defense.manifest.stage.value}"
                if isinstance(defense, Defense)
                else f"{type(one).__name__} is no defense, name, or pair of name and parameters"
            )
            raise ConfigurationError(f"{option}: {what}")
        made.append(defense)
    names = [defense.manifest.name for defense in made]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(f"{option} names {twice[0]} twice")
    return tuple(made)
