"""Many requests that each wait for a generator: run one after another up to that point, then answered together.

A request goes through `DefendedRAG` as a user's would, which knows nothing of batches. So each runs in a thread of its
own, and only one of them runs at any time: it has the turn until it asks the generator or ends. Retrieval happens in
the order of arrival, as it would without a generator, and what is random is drawn in that order too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from defenses import AttentiveGenerator, Generator, Prompt
from sentinel.errors import ComponentError, ConfigurationError
from strategist.generators.forwarding import ForwardsAttention

ROOM = 256
"""Requests that wait at the same time at most; each holds a thread."""
AT_ONCE = 32
"""Prompts between two reports of progress."""

Progress = Callable[[int, int], None]
_here = threading.local()


class _Turn:
    """One request in its thread."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.done = False
        self.mode, self.prompts, self.max_tokens = "", (), None  # type: str, Sequence[Prompt], int | None
        self.answers: list[str] | Exception = []
        self._call = call
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._error: BaseException | None = None
        # A request that waits for ever, because the run was interrupted, must not keep the process alive.
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        self._go.acquire()
        _here.turn = self
        try:
            self._call()
        except BaseException as error:  # for whoever runs the turns
            self._error = error
        finally:
            self.done = True
            self._back.release()

    def take(self) -> None:
        """Run until the request asks the generator or ends.

        Raises:
            BaseException: Whatever the request let through.
        """
        self._go.release()
        self._back.acquire()
        if self._error is not None:
            raise self._error

    def ask(self, mode: str, prompts: Sequence[Prompt], max_tokens: int | None) -> list[str]:
        """Called by the request: wait until it is answered."""
        self.mode, self.prompts, self.max_tokens = mode, list(prompts), max_tokens
        self._back.release()
        self._go.acquire()
        if isinstance(self.answers, Exception):
            raise self.answers
        return self.answers


class _Gathering:
    """The generator as requests see it."""

    def __init__(self, inner: Generator) -> None:
        self.inner: Any = inner

    @property
    def name(self) -> str:
        """The inner generator's."""
        return str(self.inner.name)

    @property
    def fingerprint(self) -> str | None:
        """The inner generator's."""
        found: str | None = getattr(self.inner, "fingerprint", None)
        return found

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        """See `Generator.generate`."""
        return self._asked("generate", prompts, max_tokens)

    def _asked(self, mode: str, prompts: Sequence[Prompt], max_tokens: int | None) -> list[str]:
        turn: _Turn | None = getattr(_here, "turn", None)
        if turn is None:  # somebody who does not take turns
            made: list[str] = getattr(self.inner, mode)(prompts, max_tokens=max_tokens)
            return made
        return turn.ask(mode, prompts, max_tokens)


class _AttentiveGathering(ForwardsAttention, _Gathering):
    """The same of a generator whose attention can be changed and read; what is read is not gathered."""

    def generate_isolated(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        """See `AttentiveGenerator.generate_isolated`."""
        return self._asked("generate_isolated", prompts, max_tokens)


class Turns:
    """Runs requests until each waits for the generator, and answers all of them at once.

    Args:
        generator: What answers.
        progress: Called with (done, total) while prompts are answered.
        room: How many requests may wait before all are answered.

    Attributes:
        generator: To be given to the requests in its place.
    """

    def __init__(self, generator: Generator, progress: Progress = lambda *_: None, room: int = ROOM) -> None:
        attentive = isinstance(generator, AttentiveGenerator)
        self.generator: Generator = (_AttentiveGathering if attentive else _Gathering)(generator)
        self._inner: Any = generator
        self._progress, self._room = progress, room
        self._waiting: list[_Turn] = []

    def start(self, call: Callable[[], None]) -> None:
        """Run a request as far as it comes. It keeps its result, or its error, to itself.

        Raises:
            ConfigurationError: The generator cannot be used at all.
        """
        turn = _Turn(call)
        turn.take()
        if not turn.done:
            self._waiting.append(turn)
        if len(self._waiting) >= self._room:
            self.finish()

    def finish(self) -> None:
        """Answer until no request waits any more.

        Raises:
            ConfigurationError: The generator cannot be used at all.
        """
        while self._waiting:
            turns, self._waiting = self._waiting, []
            self._answer(turns)
            for turn in turns:
                turn.take()
            self._waiting = [turn for turn in turns if not turn.done]

    def _answer(self, turns: Sequence[_Turn]) -> None:
        kinds: dict[tuple[str, int | None], list[_Turn]] = {}
        for turn in turns:
            kinds.setdefault((turn.mode, turn.max_tokens), []).append(turn)
        for (mode, max_tokens), group in kinds.items():
            wanted = dict.fromkeys(prompt for turn in group for prompt in turn.prompts)
            # Prompts that begin alike come together: what they share is read once.
            order = sorted(wanted, key=lambda prompt: (prompt.system, prompt.user, prompt.start))
            answers: dict[Prompt, str | Exception] = {}
            for start in range(0, len(order), AT_ONCE):
                chunk = order[start : start + AT_ONCE]
                answers |= zip(chunk, self._generated(mode, chunk, max_tokens), strict=True)
                self._progress(min(start + AT_ONCE, len(order)), len(order))
            for turn in group:
                made = [answers[prompt] for prompt in turn.prompts]
                failed = next((one for one in made if isinstance(one, Exception)), None)
                turn.answers = failed if failed is not None else [str(one) for one in made]

    def _generated(self, mode: str, prompts: Sequence[Prompt], max_tokens: int | None) -> list[str | Exception]:
        """Answers, or for each prompt of its own why there is none: one that is too long fails for itself alone."""
        try:
            made = getattr(self._inner, mode)(prompts, max_tokens=max_tokens)
            if len(made) != len(prompts):
                raise ComponentError(self._inner.name, f"{len(made)} answers to {len(prompts)} prompts")
            return list(made)
        except ConfigurationError:
            raise
        except Exception as error:
            if len(prompts) == 1:
                return [error]
            half = len(prompts) // 2
            return [
                *self._generated(mode, prompts[:half], max_tokens),
                *self._generated(mode, prompts[half:], max_tokens),
            ]
