"""Shared words, runs and 3-grams found over all candidates at once are those found one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel._overlap import Laid, stretches
from sentinel._passage import codes_of, passage
from sentinel.text import RunFinder, word_ngrams, words
from tests.builders import TEXTS, evidence

few = st.lists(st.sampled_from("the cat sat on a mat é 中 x1 it’s . ? \n".split(" ")), max_size=30).map(" ".join)


@settings(max_examples=150)
@given(few.filter(str.strip), st.lists(few, max_size=6))
def test_like_one_by_one(query, texts):
    found = evidence(query, texts)
    assert found.candidate_words == tuple(words(t) for t in texts)
    assert found.run_lengths == tuple(RunFinder(words(query)).longest(words(t)) for t in texts)
    wanted = word_ngrams(query, 3)
    assert found.shared_trigrams(wanted) == tuple(len(wanted & word_ngrams(t, 3)) for t in texts)
    for text, shared, in_passage in zip(texts, found.shared_words, found.shared_passage_words, strict=True):
        assert shared & set(words(query)) == set(words(text)) & set(words(query))
        asked = set(passage(query).words)
        assert in_passage & asked == set(passage(text).words) & asked


def test_hostile_texts_too():
    texts = [*TEXTS, "a b c " * 30_000, "中文 " * 100]
    found = evidence("word a b c 中 文 Water boils at one hundred", texts)
    query = found.query_words
    assert found.run_lengths == tuple(RunFinder(query).longest(words(t)) for t in texts)


@given(st.sets(st.integers(0, 40)))
def test_stretches_cover_the_places_longest_first(places):
    found = stretches(sorted(places))
    assert sorted(at for start, end in found for at in range(start, end)) == sorted(places)
    assert all(end not in places and start - 1 not in places for start, end in found)
    lengths = [end - start for start, end in found]
    assert lengths == sorted(lengths, reverse=True)


def test_nothing_asked_or_nothing_there():
    assert Laid([], []).places(("a",)) == []
    assert Laid([("a", "b")], [codes_of(("a", "b"))]).places(()) == [[]]
    assert Laid([(), ("b", "a")], [codes_of(()), codes_of(("b", "a"))]).places(("a",)) == [[], [1]]


@pytest.mark.parametrize("text", ["one two", "ﬁne é", "中文", "", "x" * 50_000, "w " * 30_000])
def test_words_are_one_object_where_both_ways_of_cutting_agree(text):
    read = passage(text)
    assert read.text_words == words(text[:40_000])
    if text.isascii() and len(read.words) < 4_000:
        assert read.text_words is read.words
