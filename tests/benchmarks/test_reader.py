"""The ideal reader: fills blanks, goes on with texts, believes whoever ranks first."""

from __future__ import annotations

import pytest

from benchmarks.attacks import Served
from benchmarks.reader import Blank, appears, continuation, fill, states_gold, states_planted

TEXT = "the old bridge was built by Anna Lintorp in 1871 and repaired twice"


def served(*texts: str) -> list[Served]:
    return [Served(f"d{i}", text) for i, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("blank", "word"),
    [
        (Blank(("built", "by"), ("lintorp", "in")), "anna"),
        (Blank(("was", "built"), ()), "by"),
        (Blank((), ("old", "bridge")), "the"),
        (Blank(("lintorp",), ("1871",)), "in"),
        (Blank(("repaired",), ("for",)), None),  # one neighbour is too few
        (Blank(("never", "there"), ("at", "all")), None),
        (Blank((), ()), None),
        (Blank(("repaired", "twice"), ()), None),  # nothing stands behind the last word
    ],
)
def test_a_blank_needs_two_neighbours(blank: Blank, word: str | None) -> None:
    assert fill(blank, served("something else", TEXT)) == word


def test_the_best_aligned_text_fills_and_the_first_of_equals() -> None:
    blank = Blank(("built", "by"), ("lintorp", "in"))
    assert fill(blank, served("built by someone", TEXT)) == "anna"
    assert fill(blank, served("built by Berta Lintorp in 1900", TEXT)) == "berta"
    assert fill(blank, []) is None
    assert fill(Blank(("repaired",), ("for",)), served(TEXT), neighbours=1) == "twice"


def test_continuation_is_the_text_with_the_longest_common_run() -> None:
    assert continuation("the old bridge was", served("an old bridge stands", TEXT)) == TEXT
    assert continuation("anything", []) == ""


def test_appears_is_the_largest_share_of_five_word_runs() -> None:
    assert appears(TEXT, served("nothing", TEXT)) == 1.0
    assert appears(TEXT, served("nothing at all")) == 0.0
    assert appears(TEXT, []) == 0.0
    assert appears("too short", served("too short")) == 0.0
    words = TEXT.split()
    assert appears(TEXT, served(" ".join(words[:9]))) == pytest.approx(5 / 9)


GOLD, POISON, OTHER, FOREIGN = Served("g", ""), Served("p", "", "t"), Served("o", ""), Served("f", "", "another")


@pytest.mark.parametrize(
    ("ranking", "planted", "right"),
    [
        ([POISON, GOLD], True, False),
        ([OTHER, POISON, GOLD], True, False),
        ([GOLD, POISON], False, True),
        ([OTHER, GOLD], False, True),
        ([POISON], True, False),
        ([OTHER], False, False),
        ([], False, False),
        ([FOREIGN, GOLD], False, True),  # planted for another question
        ([FOREIGN, POISON, GOLD], True, False),
    ],
)
def test_who_ranks_first_is_believed(ranking: list[Served], planted: bool, right: bool) -> None:
    assert states_planted(ranking, frozenset({"g"}), "t") is planted
    assert states_gold(ranking, frozenset({"g"}), "t") is right


def test_gold_without_an_attacked_target() -> None:
    assert states_gold([POISON, GOLD], frozenset({"g"}))
    assert not states_gold([POISON], frozenset({"g"}))
    assert states_planted([OTHER, POISON], frozenset(), "t")
