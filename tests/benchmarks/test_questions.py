"""Questions made from a passage's own text."""

from __future__ import annotations

import random

from benchmarks.data import load
from benchmarks.questions import about_fact, document_frequencies, follow_ups, interrogation, telling_words, yes_no
from sentinel.text import words
from tests.benchmarks.tiny import BRIDGE, CHEESE

DATA = load("bundled")
FREQUENCIES = document_frequencies(p.text for p in DATA.passages)


def test_document_frequencies_count_documents_and_not_words() -> None:
    assert document_frequencies(["a a b", "b c", ""]) == {"a": 1, "b": 2, "c": 1}


def test_telling_words_are_rare_ones_without_numbers() -> None:
    frequencies = document_frequencies([BRIDGE, CHEESE])
    found = telling_words("Silda Silda railway most of the 1902 b2b cat", frequencies, 2)
    assert found == ["silda", "most", "railway"]
    assert telling_words("Silda Silda railway", frequencies, 2, most=1) == ["silda"]
    assert telling_words("", frequencies, 2) == []


def test_yes_no_turns_sentences_round() -> None:
    assert yes_no("The bridge at Wenmere was built by Anna Lintorp. It can carry heavy trains.") == [
        "Was the bridge at Wenmere built by Anna Lintorp?",
        "Can it carry heavy trains?",
    ]
    assert yes_no("NASA has launched a new probe.") == ["Has NASA launched a new probe?"]
    assert yes_no("No verb of that kind stands here, alas. Short.") == []


def test_yes_no_is_cut_to_ten_words() -> None:
    (question,) = yes_no(f"The bridge was {' '.join(['very'] * 30)} old.")
    assert len(question.split()) == 3 + 10


def test_follow_ups() -> None:
    made = 0
    for passage in DATA.passages[:40]:
        asked = follow_ups(passage.text, FREQUENCIES, len(DATA.passages), random.Random(1))
        assert asked == follow_ups(passage.text, FREQUENCIES, len(DATA.passages), random.Random(1))
        if asked:
            made += 1
            assert 5 <= len(asked) <= 8
            assert asked[0][1] is False
            assert len({q for q, _ in asked}) == len(asked)
            assert all(q in yes_no(passage.text) for q, closed in asked if closed)
    assert made > 30
    assert follow_ups("too little here", FREQUENCIES, 1000, random.Random(0)) == ()


def test_interrogation_asks_up_to_fifteen_different_questions() -> None:
    for passage in DATA.passages[:30]:
        asked = interrogation(passage.text, FREQUENCIES, len(DATA.passages), random.Random(2))
        assert len(asked) == len(set(asked)) == 15
        assert all(question.endswith("?") for question in asked)
    assert interrogation("", FREQUENCIES, 1000, random.Random(0)) == ()
    assert len(interrogation(BRIDGE, FREQUENCIES, 1000, random.Random(0), most=4)) == 4


def test_about_fact_asks_with_three_telling_words() -> None:
    for number in (True, False):
        asked = about_fact(["bridge", "railway", "silda", "unused"], number, random.Random(3))
        assert {"bridge", "railway", "silda"} <= set(words(asked))
        assert "unused" not in asked
