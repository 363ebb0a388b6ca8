"""Copies of a candidate in which something is missing or changed."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel._broken import LEAST, NEAR, REACH
from sentinel._stem import stem
from sentinel.signals.broken_copy import BrokenCopy
from sentinel.text import words
from tests.builders import TEXTS, evidence

TARGET = (
    "The keeper Aldwin carried seven copper kettles across the frozen marsh before the abbot rang the cracked bell, "
    "and nobody in the village asked him what had become of the eighth."
)
# Two words gone, four in another form, no mark.
PIECE = "The keeper Aldwin carries seven copper kettle across the marshes before the abbots rang the bell"
OTHER = "Harpa cheese is made from the milk of mountain goats in the villages above Toren, before the winter."


def measure(query, *texts):
    return BrokenCopy().measure(evidence(query, list(texts)))


def test_a_short_piece_with_words_gone_and_changed_stands_out():
    value = measure(PIECE, OTHER, TARGET)
    assert value[1] > 10.0
    assert value[0] == 0.0
    assert BrokenCopy().reason(evidence(), value).endswith("with something changed in it")


@pytest.mark.parametrize(
    "query",
    [
        TARGET,
        "Who knows where this comes from? The keeper Aldwin carried seven copper kettles across the frozen marsh",
        "what did the keeper Aldwin carry across the marsh?",
        "kettles copper keeper abbot bell village marsh frozen",
        "the of and in to a",
        "a",
    ],
)
def test_what_is_pasted_asked_or_listed_does_not(query):
    assert measure(query, TARGET, OTHER).max() < 3.0


def test_golden():
    text = [f"w{i}" for i in range(20)]
    # One word left out of fourteen: the thirteen others stand as far apart as they did, give or take one. The longest
    # run is of seven, six lie beyond it.
    query = [*text[:7], *text[8:14]]
    assert measure(" ".join(query), " ".join(text)) == pytest.approx([math.sqrt(13 * 6)])
    # Six words are the fewest of which each has five around it; two more stand in common elsewhere.
    far = " ".join([*["y"] * 12, text[18], *["y"] * 12, text[19]])
    assert measure(" ".join([*text[:3], "x", *text[4:7], far]), " ".join(text)) == pytest.approx([math.sqrt(6 * 3)])
    assert measure(" ".join([*text[:3], "x", *text[4:6], far]), " ".join(text)) == pytest.approx([0.0])
    # Fewer than eight different words in common are not looked at.
    assert LEAST == 8
    assert measure(" ".join([*text[:3], "x", *text[4:8]]), " ".join(text)) == pytest.approx([0.0])


def test_two_words_further_apart_is_no_copy():
    text = [f"w{i}" for i in range(20)]
    inserted = " ".join([*text[:5], "x", "y", *text[5:10]])
    assert measure(inserted, " ".join(text)).tolist() == [0.0]
    assert measure(inserted.replace("x ", ""), " ".join(text))[0] > 0.0


def test_clauses_may_change_places():
    first, second = [f"a{i}" for i in range(8)], [f"b{i}" for i in range(8)]
    text = " ".join([*first, *second])
    del first[3], second[5]
    assert measure(" ".join([*second, *first]), text) == pytest.approx([math.sqrt(14 * (14 - 5))])


@pytest.mark.parametrize("texts", [[], [""], ["?!", "   "]])
def test_nothing_to_compare_with(texts):
    assert measure(PIECE, *texts).tolist() == [0.0] * len(texts)
    assert BrokenCopy().measure(evidence("?!", texts)) is None


def slow(query, text):
    """Place by place."""
    asked, said = ([stem(w) for w in words(t)] for t in (query, text))
    same = [(i, j) for i, one in enumerate(asked) for j, other in enumerate(said) if one == other]
    placed = set()
    for i, j in same:
        around = [(k, m) for k, m in same if abs(k - i) <= REACH and abs((m - k) - (j - i)) <= 1]
        if len(around) - 1 >= NEAR:
            placed.add(i)
    run, exact, stands = 0, words(query), words(text)
    for i in range(len(exact)):
        for j in range(len(stands)):
            size = 0
            while exact[i + size : i + size + 1] == stands[j + size : j + size + 1] != ():
                size += 1
            run = max(run, size)
    return (
        math.sqrt(len(placed) * max(0, len(placed) - run)) if placed and len(set(said) & set(asked)) >= LEAST else 0.0
    )


@given(st.integers(0, 10_000))
def test_the_same_as_place_by_place(seed):
    draw = random.Random(seed)
    text = [f"w{draw.randint(0, 25)}" for _ in range(40)]
    query = text[draw.randint(0, 15) : draw.randint(20, 40)]
    for _ in range(draw.randint(0, 4)):
        query[draw.randrange(len(query))] = draw.choice(["x", "", "w3 y"])
    others = [" ".join(draw.sample(text, len(text))), " ".join(f"w{draw.randint(0, 25)}" for _ in range(30))]
    texts = [others[0], " ".join(text), others[1]]
    asked = " ".join(query)
    np.testing.assert_allclose(measure(asked, *texts), [slow(asked, one) for one in texts])


@given(st.permutations(range(len(TEXTS))))
def test_whatever_the_order(order):
    plain = measure(TEXTS[0], *TEXTS)
    np.testing.assert_array_equal(measure(TEXTS[0], *[TEXTS[i] for i in order]), plain[list(order)])
