"""What is remembered of texts is bounded in bytes, the same for every thread, and changes no result."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel._memory import CACHED_CHARACTERS, OVERHEAD, Memory, forget, remembered
from sentinel._passage import _passage, passage, read_all, read_once


def counting(megabytes=1.0, per_character=1.0):
    calls = []

    @remembered(megabytes, per_character)
    def length(text):
        calls.append(text)
        return len(text)

    return length, calls


def test_what_is_asked_twice_is_worked_out_once():
    length, calls = counting()
    assert [length(t) for t in ("a", "bb", "a", "bb")] == [1, 2, 1, 2]
    assert calls == ["a", "bb"]


def test_megabytes_are_not_kept_in_memory():
    length, calls = counting()
    long, short = "x" * (CACHED_CHARACTERS + 1), "x" * CACHED_CHARACTERS
    assert [length(t) for t in (long, long, short, short)] == [len(long), len(long), len(short), len(short)]
    assert calls == [long, long, short]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 40), max_size=200))
def test_the_bound_holds_whatever_is_asked(asked):
    memory = Memory(10 * (OVERHEAD + 20) / 2**20, 1.0)
    for number in asked:
        memory.keep("x" * number, number)
        assert memory.bytes <= memory.limit
        assert memory.bytes == sum(memory.cost(text) for text in {"x" * n for n in range(41)} if memory.find(text))


def test_what_is_in_use_stays_and_the_oldest_unused_goes():
    memory = Memory(3 * (OVERHEAD + 1) / 2**20, 1.0)
    for text in "abc":
        memory.keep(text, text)
    memory.find("a")[1] = True
    memory.keep("d", "d")
    assert [text for text in "abcd" if memory.find(text)] == ["a", "c", "d"]


def test_a_text_that_costs_more_than_everything_is_not_kept():
    memory = Memory(1 / 2**20, 1.0)
    memory.keep("a", 1)
    assert len(memory) == memory.bytes == 0


def test_a_result_of_none_is_remembered():
    calls = []

    @remembered(1)
    def nothing(text):
        calls.append(text)

    assert nothing("a") is nothing("a") is None
    assert calls == ["a"]


def test_an_error_is_not_remembered():
    @remembered(1)
    def fails(text):
        raise ValueError(text)

    for _ in range(2):
        with pytest.raises(ValueError, match="a"):
            fails("a")
    assert len(fails.memory) == 0


@given(st.lists(st.lists(st.sampled_from(["a", "bb", "ccc", "x" * 2_000]), max_size=6), max_size=6))
def test_several_texts_are_worked_out_together_and_each_of_them_once(batches):
    memory, handed = Memory(1.0, 1.0, longest=1_000), []

    def work(texts):
        handed.extend(texts)
        return map(len, texts)

    for texts in batches:
        assert memory.all(texts, work) == list(map(len, texts))
    for text in ("a", "bb", "ccc"):
        assert handed.count(text) == any(text in texts for texts in batches)
    assert handed.count("x" * 2_000) == sum("x" * 2_000 in texts for texts in batches)  # too long to be remembered


def test_threads_see_the_same():
    length, _ = counting(megabytes=20 * OVERHEAD / 2**20)
    texts = ["x" * (i % 50) for i in range(4_000)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(length, texts)) == [len(t) for t in texts]
    assert length.memory.bytes == sum(length.memory.cost(t) for t in set(texts) if length.memory.find(t))


def test_everything_can_be_forgotten():
    length, calls = counting()
    length("a")
    forget()
    length("a")
    assert calls == ["a", "a"]


def test_what_is_read_off_a_passage_goes_with_it():
    calls = []

    @read_once
    def words(text):
        calls.append(text)
        return len(passage(text).words)

    assert words("one two") == words("one two") == 2
    assert calls == ["one two"]
    forget()
    assert words("one two") == 2
    assert calls == ["one two"] * 2


def test_reading_all_is_reading_each():
    texts = ["one two", "three", "", "one two"]
    calls = []

    @read_once
    def length(text):
        calls.append(text)
        return float(len(text))

    length("three")
    assert read_all(length, texts, list(map(passage, texts))) == list(map(float, map(len, texts)))
    assert calls == ["three", "one two", ""]


def test_hostile_documents_stay_within_the_bound_of_passages():
    for number in range(300):
        passage(f"{number} " + "ab. " * 9_000)
    assert _passage.memory.bytes <= _passage.memory.limit
    assert 0 < len(_passage.memory) < 300
