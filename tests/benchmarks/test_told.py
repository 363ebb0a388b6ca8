from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._falsehoods import _LEADS, _PRAISE, _RESTATED
from benchmarks._told import _VOICES, Claim, in_voices, on_answer, on_question
from sentinel.text import word_ngrams
from tests.benchmarks.tiny import BRIDGE, CHEESE

POOL = {"year": ["1871", "1933"], "name": ["Karl Odum"], "number": ["12,500", "88"]}
TELLING = ("bridge", "wenmere", "railway")


def draw() -> random.Random:
    return random.Random(7)


def test_another_answer_of_the_same_kind_takes_the_place_of_the_true_one() -> None:
    claim = on_answer(BRIDGE, "Anna Lintorp", ["1933", "red", "Karl Odum", "Per"], draw())
    assert claim == Claim(
        "Anna Lintorp",
        "Karl Odum",
        "The bridge at Wenmere was built by the engineer Karl Odum between 1871 and 1874.",
        0,
    )
    number = on_answer(BRIDGE, "1902", ["Karl Odum", "1933"], draw())
    assert number is not None
    assert number.false == "1933"
    assert number.place == 2


def test_one_of_another_length_where_none_is_as_long() -> None:
    claim = on_answer(BRIDGE, "Anna Lintorp", ["Per"], draw())
    assert claim is not None
    assert claim.false == "Per"


@pytest.mark.parametrize(
    ("answer", "others"),
    [
        ("Karl Odum", ["Per Odum"]),  # stands nowhere
        ("187", ["12"]),  # only a part of another number
        ("Anna Lintorp", ["1933"]),  # no other name
        ("1902", ["1874"]),  # the passage says that too, elsewhere
    ],
)
def test_no_claim_on_an_answer(answer: str, others: list[str]) -> None:
    assert on_answer(BRIDGE, answer, others, draw()) is None


def test_on_a_question_the_value_of_the_sentence_that_it_is_about() -> None:
    claim = on_question("what did repairs cost the town after storms", BRIDGE, POOL, draw())
    assert claim is not None
    assert (claim.true, claim.place) == ("1902", 2)
    assert claim.false == "1933"  # of its kind the only one that the passage has not
    assert "1902" not in claim.sentence


def test_where_there_is_no_value_the_statement_is_denied() -> None:
    claim = on_question("of what is Harpa cheese made, of goats?", CHEESE, {}, draw())
    assert claim is not None
    assert claim.true is None
    assert claim.false == claim.sentence
    assert "cheese is not made from the milk" in claim.sentence
    text = "The wheels of this cheese are not salted at all by shepherds."
    other = on_question("are the wheels of cheese salted by shepherds", text, {}, draw())
    assert other is not None
    assert other.sentence == "The wheels of this cheese are salted at all by shepherds."


def test_no_claim_where_nothing_is_about_the_question_or_can_be_changed() -> None:
    assert on_question("who won the cup final last year?", BRIDGE, POOL, draw()) is None
    assert on_question("shepherds sell cheese?", "Shepherds sell most cheese at the autumn market.", {}, draw()) is None


def test_each_voice_says_the_false_thing_once_and_never_the_true_one() -> None:
    claim = on_answer(BRIDGE, "Anna Lintorp", ["Karl Odum"], draw())
    assert claim is not None
    made = in_voices(claim, BRIDGE, TELLING, 6, draw())
    assert len(set(made)) == 6
    assert all(text.count("Karl Odum") == 1 and "Anna Lintorp" not in text for text in made)
    assert not any("{" in text or "  " in text for text in made)
    assert in_voices(claim, BRIDGE, TELLING, 2, draw()) == made[:2]


def test_voices_around_the_claim_come_from_the_passage() -> None:
    claim = on_question("which storms damaged the northern pillar", BRIDGE, POOL, draw())
    assert claim is not None
    made = in_voices(claim, BRIDGE, TELLING, 6, draw())
    (copied,) = [text for text in made if text.startswith("It carries the coastal railway")]
    assert copied.endswith("crowns.")


@given(st.integers(), st.integers(1, 6))
def test_the_same_draw_gives_the_same_texts(seed: int, count: int) -> None:
    claim = Claim("1902", "1933", "Heavy storms damaged the northern pillar in 1933.", 1)
    first, second = (in_voices(claim, BRIDGE, TELLING, count, random.Random(seed)) for _ in range(2))
    assert first == second
    assert len(first) <= count
    assert all("1933" in text and "1902" not in text for text in first)


def test_the_voices_are_none_that_models_are_fitted_on() -> None:
    def wording(voices: tuple[str, ...]) -> set[tuple[str, ...]]:
        """Runs of three words, none of them a place to fill."""
        return {gram for voice in voices for gram in word_ngrams(voice, 3) if all(len(word) > 1 for word in gram)}

    assert not wording((*_LEADS, *_RESTATED, *_PRAISE)) & wording(_VOICES)
