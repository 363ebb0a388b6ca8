"""AnswerCache: what is asked once, what is told apart, and what a broken disk may not break."""

import os
import sqlite3
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from defenses.generator import AttentiveGenerator, Generator, Prompt
from sentinel import ComponentError, ConfigurationError
from strategist.generators import AnswerCache, cached


class Counting:
    name = "counting"

    def __init__(self, fingerprint="one"):
        self.fingerprint = fingerprint
        self.asked = []

    def generate(self, prompts, *, max_tokens=None):
        self.asked += [("plain", prompt.user, max_tokens) for prompt in prompts]
        return [f"{self.fingerprint} {prompt.user} {max_tokens}" for prompt in prompts]

    def stream(self, prompt, *, max_tokens=None):
        yield from self.generate([prompt], max_tokens=max_tokens)[0].partition(" ")


class Attentive(Counting):
    def generate_isolated(self, prompts, *, max_tokens=None):
        self.asked += [("isolated", prompt.user, max_tokens) for prompt in prompts]
        return [f"isolated {prompt.user}" for prompt in prompts]

    def document_attention(self, prompts, *, max_tokens=None):
        return ["attention", max_tokens]

    def next_token_probabilities(self, prompts, answers):
        return ["probabilities", answers]


PROMPTS = [Prompt("b"), Prompt("a"), Prompt("b"), Prompt("\ud800", system="s")]


def test_a_prompt_is_answered_once_by_any_process(tmp_path):
    inner = Counting()
    cache = cached(inner, tmp_path)
    expected = ["one b 5", "one a 5", "one b 5", "one \ud800 5"]
    assert cache.generate(PROMPTS, max_tokens=5) == expected
    assert [user for _, user, _ in inner.asked] == ["b", "a", "\ud800"]
    other = Counting()
    assert cached(other, tmp_path).generate(PROMPTS, max_tokens=5) == expected
    assert other.asked == []
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_generators_cache import Counting, Prompt, cached
inner = Counting()
cached(inner, {str(tmp_path)!r}).generate([Prompt("a"), Prompt("new")], max_tokens=5)
assert [user for _, user, _ in inner.asked] == ["new"]
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_what_changes_the_answer_is_told_apart(tmp_path):
    inner = Attentive()
    cache = cached(inner, tmp_path)
    variants = [Prompt("a"), Prompt("a", system="s"), Prompt("a", start="s"), Prompt("as")]
    cache.generate(variants)
    cache.generate(variants[:1], max_tokens=3)
    cache.generate_isolated([Prompt("abc", documents=((0, 1),)), Prompt("abc", documents=((0, 2),))])
    cached(Attentive("two"), tmp_path).generate(variants)
    assert len(inner.asked) == 7
    cache.generate([Prompt("a", documents=((0, 1),))])  # where documents stand is nothing to a plain answer
    cache.generate_isolated([Prompt("abc", documents=((0, 2),))])
    assert len(inner.asked) == 7
    assert cache.generate_isolated([Prompt("abc", documents=((0, 2),))]) == ["isolated abc"]


def test_it_is_what_the_generator_is(tmp_path):
    plain, attentive = cached(Counting(), tmp_path), cached(Attentive(), tmp_path)
    assert isinstance(plain, Generator)
    assert not isinstance(plain, AttentiveGenerator)
    assert isinstance(attentive, AttentiveGenerator)
    assert isinstance(attentive, AnswerCache)
    assert (plain.name, plain.fingerprint) == ("counting", "one")
    assert attentive.document_attention(PROMPTS, max_tokens=2) == ["attention", 2]
    assert attentive.next_token_probabilities(PROMPTS, ["x"]) == ["probabilities", ["x"]]
    assert plain.generate([]) == []


def test_streams(tmp_path):
    inner = Counting()
    cache = cached(inner, tmp_path)
    assert list(cache.stream(Prompt("a"))) == ["one", " ", "a None"]
    assert list(cache.stream(Prompt("a"))) == ["one a None"] == cache.generate([Prompt("a")])
    assert len(inner.asked) == 1
    half = cache.stream(Prompt("b"))
    next(half)
    half.close()  # what was left half-way is not kept
    assert list(cache.stream(Prompt("b"))) == ["one", " ", "b None"]


def test_a_generator_without_fingerprint(tmp_path):
    class Bare:
        name = "bare"

        def generate(self, prompts, *, max_tokens=None):
            return ["x"] * len(prompts)

    with pytest.raises(ConfigurationError, match="bare has no fingerprint"):
        cached(Bare(), tmp_path)
    assert cached(Bare(), tmp_path, fingerprint="v1").generate([Prompt("a")]) == ["x"]


def test_bad_answers_are_not_kept(tmp_path):
    inner = Counting()
    cache = cached(inner, tmp_path)
    for bad in ([], [None], ["a", "b"]):
        inner.generate = lambda prompts, max_tokens=None, bad=bad: bad
        with pytest.raises(ComponentError, match="counting"):
            cache.generate([Prompt("a")])
    del inner.generate
    assert cache.generate([Prompt("a")]) == ["one a None"]


def test_a_flipped_bit_is_no_answer(tmp_path):
    cache = cached(Counting(), tmp_path)
    cache.generate(PROMPTS)
    with sqlite3.connect(cache.path) as database:
        database.execute("UPDATE answers SET answer = x'00'")
    inner = Counting()
    assert cached(inner, tmp_path).generate(PROMPTS)[0] == "one b None"
    assert len(inner.asked) == 3


def test_a_broken_file_is_made_anew(tmp_path):
    cache = cached(Counting(), tmp_path)
    cache.path.write_bytes(b"nonsense" * 1000)
    with pytest.warns(RuntimeWarning, match="anew"):
        assert cache.generate(PROMPTS[:1]) == ["one b None"]
    inner = Counting()
    assert cached(inner, tmp_path).generate(PROMPTS[:1]) == ["one b None"]
    assert inner.asked == []


def test_a_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    cache = cached(Counting(), tmp_path / "file")
    with pytest.warns(RuntimeWarning, match="no answer cache"):
        assert cache.generate(PROMPTS[:1]) == ["one b None"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # said once
        assert cache.generate(PROMPTS[:1]) == ["one b None"]


def test_threads_and_permissions(tmp_path):
    folder = tmp_path / "new"
    failures = []

    def work(number):
        try:
            for user in range(10):
                assert cached(Counting(), folder).generate([Prompt(str(user))]) == [f"one {user} None"]
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert failures == []
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0
