"""Decoding towards a vector: the model's probabilities by hand, and a search that finds what it is sent for."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._decoding import AWAY, BACKOFF, NgramModel, Words, beam_search, copied_run, plain, towards
from tests.benchmarks.datasets import BagOfWords

MODEL = NgramModel(["The old bridge fell. The old bridge stood.", "The old tower fell."])


def test_probabilities_by_hand() -> None:
    weights = MODEL.weights(("The", "old"))
    assert weights == {"bridge": pytest.approx(2 / 3), "tower": pytest.approx(1 / 3)}
    # A context that was never seen leaves the bigram alone, at the weight of the backoff.
    assert MODEL.weights(("of", "old")) == {k: pytest.approx(BACKOFF * v) for k, v in weights.items()}
    assert MODEL.weights(("never", "seen")) == {}
    assert MODEL.log_probability(("The", "old", "tower")) == pytest.approx(math.log(1 / 3))
    assert MODEL.log_probability(("The", "old", "sheep")) == pytest.approx(math.log(1e-6))
    assert MODEL.log_probability(("The", "old")) == 0.0


def test_openings_are_beginnings_of_sentences() -> None:
    assert set(MODEL.openings) == {("The", "old", "bridge"), ("The", "old", "tower")}


def test_continuations_come_from_the_corpus_and_prefer_what_is_wanted() -> None:
    draw = random.Random(0)
    made = [MODEL.continued(("The", "old"), 2, frozenset({"tower"}), draw) for _ in range(60)]
    assert {words[2:] for words in made} <= {("bridge", "fell."), ("bridge", "stood."), ("tower", "fell.")}
    assert sum(words[2] == "tower" for words in made) > 35  # 20 of 60 without preference
    assert MODEL.continued(("never", "seen"), 3, frozenset(), draw) == ("never", "seen")


def test_joined_pieces_bring_a_wanted_word_behind_a_comma() -> None:
    made = MODEL.joined(("It", "rained"), frozenset({"tower"}), random.Random(0))
    assert made == ("It", "rained,", "The", "old", "tower", "fell.")
    assert MODEL.joined(("It", "rained"), frozenset({"sheep"}), random.Random(0)) == ("It", "rained")
    assert MODEL.joined(("on", "the"), frozenset({"tower"}), random.Random(0)) == ("on", "the")


def test_the_search_finds_what_it_is_sent_for() -> None:
    letters = "abcdef"

    def score(texts: Sequence[Words]) -> list[float]:
        return [sum(word == wanted for word, wanted in zip(text, "faced", strict=False)) for text in texts]

    beams = beam_search([("f",), ("a",)], lambda words: [(*words, c) for c in letters], score, 4, 2)
    assert (beams[0].words, beams[0].score) == (tuple("faced"), 5)
    assert len(beams) == 2
    assert beam_search([], lambda words: [], score, 3, 2) == []
    # Where nothing can be made longer, what there is stays.
    assert [b.words for b in beam_search([("f",)], lambda words: [], score, 3, 2)] == [("f",)]


def test_the_score_is_the_cosine_of_the_finished_text() -> None:
    model = BagOfWords()

    def embed(texts: Sequence[str]) -> np.ndarray:
        return np.array([model.vector(text) for text in texts], dtype=np.float32)

    near, far = embed(["bridge tower"]), embed(["cheese"])
    score = towards(near, far, "claim", embed)
    expected = embed(["bridge claim"]) @ (near[0] - AWAY * far[0])
    assert score([("bridge",)]) == pytest.approx(expected, abs=1e-6)
    assert score([("bridge",)])[0] > score([("cheese",)])[0]
    assert towards(near, None, "", embed)([("bridge", "tower")])[0] == pytest.approx(1.0, abs=1e-5)


words = st.lists(st.sampled_from("a b c d e f".split()), max_size=9)


@given(words, words)
def test_copied_runs_against_all_substrings(one: list[str], two: list[str]) -> None:
    runs = [i - j for i in range(len(one) + 1) for j in range(i) if f" {' '.join(one[j:i])} " in f" {' '.join(two)} "]
    assert copied_run(tuple(one), " ".join(two)) == max(runs, default=0)


def test_punctuation_hides_no_copy() -> None:
    assert copied_run(("The", "OLD,", "bridge?"), "was the old bridge there") == 3
    assert plain('"Bridge?') == "bridge"
