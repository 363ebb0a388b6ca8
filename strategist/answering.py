"""The second half of a request: from the served documents to an answer that has been checked.

Written once, as a flow (see `strategist.drivers`) that gives the answer in pieces; one that is not streamed has just
one piece. Text is given away when no check can change it any more, and never before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from typing import Any, NoReturn, TypeVar

from defenses import (
    AnswerDefense,
    Asked,
    AttentiveGenerator,
    Checked,
    Draft,
    Framed,
    Generated,
    GenerationDefense,
    Prompt,
    PromptDefense,
    Resources,
)
from sentinel.errors import ComponentError, DataError, SentinelError
from sentinel.manifest import Need, Stage
from strategist._answer_checks import checked_answer, checked_check, checked_framed, checked_generated
from strategist._planned import calls_model
from strategist._private_answers import voids
from strategist.answer_setup import AnswerSetup
from strategist.capped import capped
from strategist.decision import AnswerPart, Decision, Finding
from strategist.drivers import Ask
from strategist.guard import Guard
from strategist.pieces import Piece, Streaming
from strategist.resilience import FailureMode, TimeBudgetExceeded

T = TypeVar("T")
Asking = Generator[Ask, Any, T]
GENERATOR = "generator"
TOO_LONG = "longer than the generator's window"
_STRIDE = 24
"""Characters between two looks at an unfinished answer; more of them the longer it is, so that looks stay few."""
_END: Any = object()


class _Refused(Exception):
    """A part failed and nothing may be said."""


class Answering:
    """The answer to one request. Used once.

    Args:
        setup: What answers it.
        guard: Limits, breakers and counters.
        resources: What defenses draw from.
        decision: The record of the first half; its answer part is filled in.
        texts: The documents that were served.
        streamed: Whether to give the answer away as it comes.
    """

    def __init__(
        self,
        setup: AnswerSetup,
        guard: Guard,
        resources: Resources,
        decision: Decision,
        texts: Sequence[str],
        streamed: bool = False,
    ) -> None:
        self.setup, self.guard, self.resources, self.decision = setup, guard, resources, decision
        self.texts, self.request = tuple(texts), decision.request
        self.enforced = decision.mode != "shadow"
        self.generator = capped(setup.generator, setup.max_tokens)
        self.part = decision.answer = AnswerPart(setup.generator.name, setup.config, streamed=streamed)
        self.refusal = setup.template.not_found
        self._prompt: Prompt | None = None
        self._shown: tuple[str, ...] = ()
        self._given = ""
        self._looked = 0
        self._checks: tuple[AnswerDefense, ...] = ()
        self._settled: list[str] = []
        self._waiting = not streamed
        self._hung: set[str] = set()
        self._last = time.perf_counter()

    def run(self) -> Streaming[str]:
        """From documents to the answer, in pieces; together they are `AnswerPart.text`.

        Raises:
            ComponentError: The generator failed and the mode is not `closed`, or something failed after a part of the
                answer had been given away.
            DataError: The question alone, or with any one document, is longer than the generator's window.
        """
        try:
            yield from self._answered()
        except _Refused as refused:
            if self._given:
                self.part.outcome = "failed"
                raise ComponentError("answer", "a part failed when a part of the answer was out") from refused
            self.part.outcome = "refused"
            yield from self._give(self.refusal)
        except Exception:
            self.part.outcome = "failed"
            raise
        finally:
            self.part.calls = self.generator.calls
            self.part.text = self._given

    def _answered(self) -> Streaming[str]:
        part, setup = self.part, self.setup
        if (
            self.enforced
            and not self.texts
            and any(made.endswith("; closed") for made in self.decision.errors.values())
        ):
            raise _Refused  # nothing was retrieved because something failed: that is no empty corpus
        if not self.texts and setup.no_context == "decline":
            part.outcome = "declined"
            yield from self._give(self.refusal)
            return
        self._checks = setup.in_force(Stage.ANSWER, self.decision.plan)
        self._settled = [""] * len(self._checks)
        # In a shadow nothing is changed, so nothing has to wait; the whole is looked at in the end.
        self._waiting |= self.enforced and any(defense.look_back is None for defense in self._checks)
        framed = yield from self._framed()
        raw = yield from self._generated(framed)
        yield from self._finished(raw)

    # The prompt

    def _framed(self) -> Asking[Framed]:
        framed = Framed(self.texts)
        defenses: Sequence[PromptDefense] = self.setup.in_force(Stage.PROMPT, self.decision.plan)
        self.part.prompt = tuple(defense.manifest.name for defense in defenses)
        for defense in defenses if self.enforced else ():

            def call(defense: PromptDefense = defense, framed: Framed = framed) -> Framed:
                outer = defense.frame(framed.documents, self.request, self.resources)
                return checked_framed(outer, framed)

            name = defense.manifest.name
            framed = yield from self._tried("defend", "prompt", name, call, framed, model=calls_model(defense))
        return framed

    def _asked(self, framed: Framed, kept: Sequence[int]) -> Asking[Asked]:
        question, documents = self.request.query, tuple(framed.documents[i] for i in kept)

        def write(documents: Sequence[str]) -> Prompt:
            return self.setup.template.write(question, documents, framed.system)

        prompt = yield Ask("", "template", lambda: write(documents))
        self._prompt, self._shown = prompt, tuple(self.texts[i] for i in kept)
        self._lap("prompt")
        return Asked(question, documents, prompt, write)

    # The generator

    def _generated(self, framed: Framed) -> Generator[Ask | Piece[str], Any, str]:
        """What was generated, from as many documents as the generator's window takes."""
        defense, count = self._generation(), len(framed.documents)
        kept = list(range(count))
        while True:
            asked = yield from self._asked(framed, kept)
            try:
                return (yield from self._attempted(defense, asked, kept))
            except DataError as error:
                if len(kept) > 1:
                    kept.pop()
                elif kept and kept[0] + 1 < count:
                    # Too long even alone. Whoever plants such a document must not be able to keep the others out.
                    kept = list(range(kept[0] + 1, count))
                else:
                    self.decision.errors[GENERATOR] = f"{type(error).__name__}; raised"
                    raise
                self.part.dropped = {place: TOO_LONG for place in range(count) if place not in kept}

    def _attempted(
        self, defense: GenerationDefense | None, asked: Asked, kept: Sequence[int]
    ) -> Generator[Ask | Piece[str], Any, str]:
        if defense is not None and self.enforced:

            def call(defense: GenerationDefense = defense) -> Generated:
                made = defense.generate(asked, self.generator, self.request, self.resources)
                return checked_generated(made, len(asked.documents))

            name = defense.manifest.name
            made = yield from self._tried("generate", "generate", name, call, None, waits=True, passes=DataError)
            if made is not None:
                self.part.dropped |= {kept[place]: reason for place, reason in made.dropped.items()}
                # The budget is charged all the same: a refund would tell what was planned.
                self.part.spent = None if voids(self.decision.plan) else made.spent
                return made.text
        if self.part.streamed and self.generator.streams:
            return (yield from self._streamed(asked.prompt))
        raw = yield from self._of_generator(lambda: checked_answer(self.generator.generate([asked.prompt])))
        self.guard.succeeded(GENERATOR)
        return raw

    def _generation(self) -> GenerationDefense | None:
        defense: GenerationDefense | None = next(iter(self.setup.in_force(Stage.GENERATION, self.decision.plan)), None)
        if defense is None:
            return None
        name = self.part.generation = defense.manifest.name
        if Need.ATTENTION in defense.manifest.needs and not isinstance(self.generator, AttentiveGenerator):
            self._left_out(name, "NoAttention")
            return None
        return defense

    def _streamed(self, prompt: Prompt) -> Generator[Ask | Piece[str], Any, str]:
        context = copy_context()  # one for the whole stream: what its libraries put there is there at the next piece
        chunks: Iterator[str] | None = None
        raw = ""
        try:
            chunks = yield from self._of_generator(partial(context.run, lambda: iter(self.generator.stream(prompt))))
            while True:
                chunk = yield from self._of_generator(partial(context.run, next, chunks, _END), raw)
                if chunk is _END:
                    break
                if not isinstance(chunk, str):
                    self._generator_failed(TypeError("a piece of an answer is no text"))
                raw += chunk
                if (yield from self._looked_at(raw)):
                    break
        finally:
            if chunks is not None:
                self.guard.pool.submit(partial(_closed, context, chunks))  # it may take its time
        if not raw.strip():
            self._generator_failed(ValueError("no answer"))
        self.guard.succeeded(GENERATOR)
        return raw

    def _of_generator(self, call: Callable[[], T], begun: str | None = None) -> Asking[T]:
        """Ask the generator for an answer, or for the next piece of one, of which `begun` is there."""
        try:
            if begun is None:
                self.guard.admit(GENERATOR)
            answer: T = yield Ask("generate", GENERATOR, call, waits=True)
        except DataError as error:
            if begun:
                self._generator_failed(error)
            self.guard.succeeded(GENERATOR)  # it works; the prompt was too long
            raise
        except Exception as error:
            self._generator_failed(error)
        finally:
            self._lap("generate")
        return answer

    def _generator_failed(self, error: Exception) -> NoReturn:
        self.guard.failed(GENERATOR, error)
        closed = self.enforced and self.setup.on_error is FailureMode.CLOSED and not self._given
        self.decision.errors[GENERATOR] = f"{type(error).__name__}; {'closed' if closed else 'raised'}"
        if closed:
            self.guard.count("closed")
            raise _Refused from error
        # Our own messages hold no user text; other people's may.
        cause = str(error) if isinstance(error, SentinelError) else f"{type(error).__name__} where an answer belongs"
        raise ComponentError(self.part.generator, cause) from error

    # The checks

    def _looked_at(self, raw: str) -> Generator[Ask | Piece[str], Any, bool]:
        """Give away what no check can change any more; True if nothing may follow."""
        if self._waiting or len(raw) - self._looked < (max(_STRIDE, len(raw) // 20) if self._checks else 1):
            return False
        self._looked = len(raw)
        text = raw
        for place, defense in enumerate(self._checks if self.enforced else ()):
            checked = yield from self._check(defense, text, final=False)
            if checked is None:
                self._waiting = True  # not looked at is not clean: the rest waits for the whole
                return False
            if checked.stop:
                return True
            settled = checked.text[: max(0, len(checked.text) - (defense.look_back or 0))]
            if not settled.startswith(self._settled[place]):
                if not self._settled[place].startswith(settled):
                    self.decision.errors[defense.manifest.name] = "took back what it had settled; waited"
                    self._waiting = True
                    return False
                settled = self._settled[place]
            self._settled[place] = text = settled
        if text.strip():
            yield from self._give(text)
        return False

    def _finished(self, raw: str) -> Streaming[str]:
        part, text = self.part, raw
        for defense in self._checks:
            if defense.manifest.name in self._hung:
                continue
            checked = yield from self._check(defense, text, final=True)
            if checked is not None:
                reasons = tuple(checked.reasons)
                part.findings.append(Finding(defense.manifest.name, reasons, checked.text != text, checked.stop))
                text = checked.text
        if not text.strip():
            text = self.refusal
        withheld = text == self.refusal and raw.strip() != self.refusal
        part.outcome = "withheld" if withheld else "changed" if text != raw else "answered"
        yield from self._give(text if self.enforced else raw)

    def _check(self, defense: AnswerDefense, text: str, final: bool) -> Asking[Checked | None]:
        assert self._prompt is not None
        draft = Draft(text, self._shown, self._prompt, final)

        def call() -> Checked:
            return checked_check(defense.check(draft, self.request, self.resources))

        name, model = defense.manifest.name, calls_model(defense)
        return (yield from self._tried("defend", "check", name, call, None, model=model, final=final))

    def _give(self, text: str) -> Streaming[str]:
        """Give away what of a text is not given away yet."""
        if not text.startswith(self._given):
            self.decision.errors["answer"] = "checks changed what had been given away; raised"
            raise ComponentError("answer", "the checks of the whole answer changed what had been given away")
        more, self._given = text[len(self._given) :], text
        if more:
            yield Piece(more)
            self._last = time.perf_counter()  # the caller's time is not ours

    # What may fail

    def _tried(
        self,
        limit: str,
        stage: str,
        component: str,
        call: Callable[[], T],
        otherwise: T,
        *,
        model: bool = False,
        waits: bool = False,
        final: bool = True,
        passes: type[Exception] | tuple[()] = (),
    ) -> Asking[T]:
        """Ask a defense: `otherwise` is what goes on where it fails, unless the mode is `closed`.

        A check of an unfinished answer that fails is no more than a reason to wait for the whole; one that hangs is
        not asked again, or nothing would be left of its stage's time for the others.
        """
        guard = self.guard
        try:
            guard.admit(component)
            guarded = guard.calling_model(component, call) if model else call
            answer: T = yield Ask(limit, component, guarded, model=model, waits=waits)
        except Exception as error:
            if passes and isinstance(error, passes):
                guard.succeeded(component)
                raise
            guard.failed(component, error)
            if isinstance(error, TimeBudgetExceeded):
                self._hung.add(component)
            if final or component in self._hung:
                self._left_out(component, type(error).__name__, error)
            else:
                self.decision.errors[component] = f"{type(error).__name__}; waited"
            return otherwise
        else:
            guard.succeeded(component)
            return answer
        finally:
            self._lap(stage)

    def _left_out(self, component: str, what: str, cause: Exception | None = None) -> None:
        mode = self.setup.on_error
        self.decision.errors[component] = f"{what}; {mode.value}"
        if self.enforced and mode is FailureMode.CLOSED:
            self.guard.count("closed")
            raise _Refused from cause
        self.guard.count("degraded")

    def _lap(self, stage: str) -> None:
        now = time.perf_counter()
        spent, more = self.decision.milliseconds, (now - self._last) * 1e3
        for name in (stage, "total"):
            spent[name] = spent.get(name, 0.0) + more
        self._last = now


def _closed(context: Context, chunks: Iterator[str]) -> bool:
    close = getattr(chunks, "close", None)
    if close is not None:
        with suppress(Exception):  # one that hangs cannot be closed, and the answer is settled already
            context.run(close)
    return True
