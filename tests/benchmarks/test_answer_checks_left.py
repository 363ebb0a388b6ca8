"""The count of what is left: golden by hand, and one that fails when a guard lets out a word too many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.answer_checks_left import RUN, cut_words, left_of, left_words

TEN = "One two three four five six seven eight nine ten."
OTHER = "red green blue black white brown grey pink gold silver"


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (TEN, 10),
        ("", 0),
        ("ONE, two;\nthree - four\tfive", 5),
        ("one two three four", 0),  # a run too short
        ("so it is two three four five six then", 5),
        ("one two three four five … and then: six seven eight nine ten", 10),
        ("one two three four five six and four five six seven eight", 8),
        ("one two three four […] five six seven eight", 0),  # no run reaches across a cut
        ("one two three four x five six seven eight nine", 5),
        ("ten nine eight seven six five four three two one", 0),
        ("onetwothreefourfive", 0),
    ],
)
def test_words_that_stand_in_runs(answer: str, left: int) -> None:
    assert left_words(answer, TEN) == left


def test_written_together_runs_are_found_by_their_letters() -> None:
    assert left_words("onetwothreefourfivesix […] nineten", TEN, joined=True) == 6
    assert left_words("onetwothr[…]eefourfivesix", TEN, joined=True) == 0
    assert left_words("onetwo threefour fivesix", TEN, joined=True) == 6


def test_what_a_document_repeats_counts_once() -> None:
    twice = f"{TEN} {OTHER} {TEN}"
    assert left_words(TEN, twice) == 10
    assert left_of(twice, [twice], 5, 1.0).words == 24, "the second time only what leads over to it"
    assert left_of(TEN, [twice], 10, 1.0).beyond == 0


def test_short_documents_and_other_scripts() -> None:
    assert left_words("It says: no entry.", "No entry") == 2
    assert left_words("anything", "") == 0
    assert cut_words("東京は日本。 Größe isn’t 1,5 […] ﬁn") == [*"東京は日本", "grösse", "isn’t", "1", "5", "", "fin"]
    assert left_words("東京は日本の首都", "東京は日本の首都です") == 8


def test_beyond_the_limit_of_one_and_of_all() -> None:
    both = [TEN, OTHER]
    assert left_of(f"{TEN} {OTHER}", both, 10, 1.0) == (20, 20, 0)
    assert left_of(f"{TEN} {OTHER}", both, 8, 1.0) == (20, 20, 4)  # two of each
    assert left_of(f"{TEN} {OTHER}", both, 8, 0.5) == (20, 20, 10)  # ten of all
    assert left_of(f"{TEN} {OTHER}", both, 12, 0.1) == (20, 20, 8)  # `each` where it is more
    assert left_of("one two three four five six", both, 5, 1.0) == (20, 6, 1), "a single word too many shows"


@given(st.lists(st.sampled_from("abcdefgh"), max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_never_more_than_stands_there(document: list[str], start: int, stop: int) -> None:
    part = document[start:stop]
    left = left_words(" ".join(part), " ".join(document))
    assert 0 <= left <= len(document)
    if len(document) >= RUN > len(part):
        assert left == 0
    if len(set(document)) == len(document) and len(part) >= RUN:
        assert left == len(part)
