"""Turns: order, batches, and what fails for itself alone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.turns import AT_ONCE, Turns
from defenses import AttentiveGenerator, Prompt
from sentinel.errors import ComponentError, ConfigurationError


class Echo:
    """Answers with the prompt in capitals; what is asked at once stands in `batches`."""

    name = "echo"
    fingerprint = "echo-1"

    def __init__(self, bad: str = "", error: Exception | None = None) -> None:
        self.batches: list[list[str]] = []
        self.bad, self.error = bad, error or RuntimeError("too long")

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        self.batches.append([prompt.user for prompt in prompts])
        if self.bad and any(self.bad in prompt.user for prompt in prompts):
            raise self.error
        return [f"{prompt.user.upper()}/{max_tokens}" for prompt in prompts]


class Attentive(Echo):
    def generate_isolated(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        return [f"isolated {answer}" for answer in self.generate(prompts, max_tokens=max_tokens)]

    def document_attention(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> Any:
        return [("read", []) for _ in prompts]

    def next_token_probabilities(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> Any:
        return len(prompts), list(answers)


def request(turns: Turns, log: list[str], name: str, rounds: int = 1) -> None:
    """Asks, and asks again with the answer."""
    log.append(f"{name} begins")
    text = name
    for _ in range(rounds):
        (text,) = turns.generator.generate([Prompt(text)], max_tokens=7)
    log.append(f"{name} got {text}")


def test_all_begin_in_order_and_are_answered_at_once() -> None:
    echo, log = Echo(), list[str]()
    turns = Turns(echo)
    for name in "cab":
        turns.start(partial(request, turns, log, name))
    assert log == ["c begins", "a begins", "b begins"]
    assert echo.batches == []
    turns.finish()
    assert log[3:] == ["c got C/7", "a got A/7", "b got B/7"]
    assert echo.batches == [["a", "b", "c"]]  # sorted: what begins alike stands together
    turns.finish()
    assert len(echo.batches) == 1


def test_whoever_asks_again_is_answered_again() -> None:
    echo, log = Echo(), list[str]()
    turns = Turns(echo)
    turns.start(partial(request, turns, log, "once"))
    turns.start(partial(request, turns, log, "twice", 2))
    turns.start(lambda: log.append("never"))
    turns.finish()
    assert log[2:] == ["never", "once got ONCE/7", "twice got TWICE/7/7"]
    assert echo.batches == [["once", "twice"], ["TWICE/7"]]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3)), max_size=12), st.integers(1, 5))
def test_everybody_gets_what_they_would_get_alone(requests: list[tuple[str, int]], room: int) -> None:
    echo, log = Echo(), list[str]()
    turns = Turns(echo, room=room)
    for number, (name, rounds) in enumerate(requests):
        turns.start(partial(request, turns, log, f"{name}{number}", rounds))
    turns.finish()
    expected = {f"{n}{i} got {(f'{n}{i}'.upper() if r else f'{n}{i}') + '/7' * r}" for i, (n, r) in enumerate(requests)}
    assert {line for line in log if " got " in line} == expected
    assert all(len(batch) <= room for batch in echo.batches)


def test_the_same_prompt_is_asked_once_and_many_come_in_pieces() -> None:
    echo, log, told = Echo(), list[str](), list[tuple[int, int]]()
    turns = Turns(echo, lambda done, total: told.append((done, total)))
    for number in range(AT_ONCE + 5):
        turns.start(partial(request, turns, log, f"{number:03}"))
        turns.start(partial(request, turns, log, "same"))
    turns.finish()
    assert [len(batch) for batch in echo.batches] == [AT_ONCE, 6]
    assert told == [(AT_ONCE, AT_ONCE + 6), (AT_ONCE + 6, AT_ONCE + 6)]
    assert log.count("same got SAME/7") == AT_ONCE + 5


def test_what_fails_fails_for_itself_alone() -> None:
    echo = Echo(bad="bad")
    turns, got = Turns(echo), dict[str, str]()

    def asked(name: str) -> None:
        try:
            got[name] = turns.generator.generate([Prompt(name)])[0]
        except RuntimeError as error:
            got[name] = f"error: {error}"

    for name in ("one", "bad two", "three", "four", "five"):
        turns.start(partial(asked, name))
    turns.finish()
    assert got.pop("bad two") == "error: too long"
    assert set(got.values()) == {"ONE/None", "THREE/None", "FOUR/None", "FIVE/None"}


def test_too_few_answers_are_an_error_of_the_generator() -> None:
    class Short(Echo):
        def generate(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
            return []

    turns, caught = Turns(Short()), list[Exception]()

    def asked() -> None:
        try:
            turns.generator.generate([Prompt("x")])
        except ComponentError as error:
            caught.append(error)

    turns.start(asked)
    turns.finish()
    assert "0 answers to 1 prompts" in str(caught[0])


def test_a_generator_that_cannot_be_used_at_all_ends_the_run() -> None:
    turns = Turns(Echo(bad="x", error=ConfigurationError("no such model")))

    def patient() -> None:
        with suppress(Exception):  # as a chain does, for which a generator that fails is one of many
            request(turns, [], "x")

    turns.start(patient)
    with pytest.raises(ConfigurationError, match="no such model"):
        turns.finish()


def test_what_a_request_lets_through_comes_out() -> None:
    turns = Turns(Echo())
    with pytest.raises(KeyError):
        turns.start(lambda: {}["missing"])


def test_attention_stays_at_hand_and_isolated_answers_are_batched() -> None:
    assert not isinstance(Turns(Echo()).generator, AttentiveGenerator)
    inner, got = Attentive(), list[str]()
    turns = Turns(inner)
    generator: Any = turns.generator
    assert isinstance(generator, AttentiveGenerator)
    assert (generator.name, generator.fingerprint) == ("echo", "echo-1")
    for name in "ab":
        turns.start(lambda name=name: got.extend(generator.generate_isolated([Prompt(name)])))
    turns.start(lambda: got.extend(generator.generate([Prompt("c")])))
    turns.finish()
    assert got == ["isolated A/None", "isolated B/None", "C/None"]
    assert inner.batches == [["a", "b"], ["c"]]
    assert generator.document_attention([Prompt("d")]) == [("read", [])]
    assert generator.next_token_probabilities([Prompt("d")], ["x"]) == (1, ["x"])


def test_who_takes_no_turns_is_answered_at_once() -> None:
    assert Turns(Echo()).generator.generate([Prompt("now")]) == ["NOW/None"]
