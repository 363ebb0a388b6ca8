"""Codes of words are the same however they are come by, and what is remembered of them is bounded."""

import itertools
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel import _passage
from sentinel._passage import codes_of, passage, stem_codes
from sentinel._stem import stem

WORDS = st.lists(st.text(min_size=1, max_size=60) | st.sampled_from(["cats", "naïve", "\ud800", "中"]), max_size=20)


def crc(word):
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


@given(WORDS)
def test_codes_are_those_of_the_words_and_of_their_stems(found):
    for _ in range(2):  # worked out, and remembered
        assert codes_of(found).tolist() == list(map(crc, found))
        assert stem_codes(found).tolist() == [crc(stem(word)) for word in found]
    assert codes_of(found).dtype == stem_codes(found).dtype == np.uint32


def test_codes_golden():
    # They stand in profiles on disk: another code would make every one of them wrong.
    assert codes_of(["treaty", "naïve"]).tolist() == [2231668375, 3574563174]


def test_the_table_of_codes_starts_anew_when_it_is_full_and_keeps_no_long_words(monkeypatch):
    monkeypatch.setattr(_passage, "_table", table := _passage._Table())
    monkeypatch.setattr(_passage, "_TABLE_WORDS", 10)
    found = [f"w{i}" for i in range(37)] + ["x" * 1_000]
    assert codes_of(found).tolist() == list(map(crc, found))
    assert 0 < len(table) <= 10
    assert all(len(word) < 1_000 for word in table)


@pytest.mark.parametrize(
    ("text", "bounds", "asks"),
    [
        ("One two. Three? Four", (0, 2, 3, 4), (False, True, False)),
        ("“One” – two…\nthree", (0, 2, 3), (False, False)),
        ("... one two", (0, 2), (False,)),
        ("", (0,), ()),
    ],
)
def test_sentences_golden(text, bounds, asks):
    read = passage(text)
    assert (read.bounds, read.asks) == (bounds, asks)
    assert read.sentences == list(itertools.pairwise(bounds))


def test_what_stands_between_words_is_told_from_space():
    assert passage("(one two, three - four five").broken.tolist() == [True, False, True, True, False]
