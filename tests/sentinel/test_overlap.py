"""Shared words, runs and 3-grams found over all candidates at once are those found one by one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel import _overlap
from sentinel._overlap import Laid
from sentinel._passage import passage, stem_codes
from sentinel.text import RunFinder, word_ngrams, words
from tests.builders import TEXTS, evidence

WORDS = "the cat cats sat on a mat mats é 中 x1 it’s . ? \n".split(" ")
few = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)


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


word_rows = st.lists(st.sampled_from("abcdé"), max_size=12).map(tuple)


@given(word_rows, st.lists(word_rows, max_size=4))
def test_stretches_are_the_neighbours_that_are_neighbours_in_the_query_longest_first(query, texts):
    pairs = set(pairwise(query))
    for text, found in zip(texts, Laid(texts, list(map(stem_codes, texts))).stretches(query), strict=True):
        held = {at for at, pair in enumerate(pairwise(text)) if pair in pairs}
        assert {at for start, end in found for at in range(start, end - 1)} == held
        assert all(start - 1 not in held and end - 1 not in held for start, end in found)
        assert found == sorted(found, key=lambda stretch: (stretch[0] - stretch[1], stretch[0]))


@settings(max_examples=50)
@given(few.filter(str.strip), st.lists(few, max_size=4))
def test_words_that_collide_change_no_run(query, texts):
    # With two bits to a bitmap nearly every word is taken for one of the query's until it is looked at.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_overlap, "_SIZE", 2)
        patch.setattr(_overlap, "_BITS", np.uint32(1))
        patch.setattr(_overlap, "_HIGH", np.uint32(31))
        test_like_one_by_one.hypothesis.inner_test(query, texts)


def test_nothing_asked_or_nothing_there():
    assert Laid([], []).places(("a",)) == Laid([], []).stretches(("a", "b")) == []
    assert Laid([("a", "b")], [stem_codes(("a", "b"))]).stretches(("a",)) == [[]]
    assert Laid([("a", "b")], [stem_codes(("a", "b"))]).places(()) == [[]]
    assert Laid([(), ("b", "a")], [stem_codes(()), stem_codes(("b", "a"))]).places(("a",)) == [[], [1]]


@pytest.mark.parametrize("text", ["one two", "ﬁne é", "中文", "", "x" * 50_000, "w " * 30_000])
def test_words_are_one_object_where_both_ways_of_cutting_agree(text):
    read = passage(text)
    assert read.text_words == words(text[:40_000])
    if text.isascii() and len(read.words) < 4_000:
        assert read.text_words is read.words


def test_a_word_stands_where_any_form_of_it_does_and_runs_are_of_the_very_words():
    found = evidence("pathogens invade cells", ["A pathogen invades a cell. Pathogens invade tissue."])
    assert found.places == [[1, 2, 4, 5, 6]]
    assert found.run_lengths == (2,)
    assert found.shared_trigrams(word_ngrams("pathogens invade cells", 3)) == (0,)
