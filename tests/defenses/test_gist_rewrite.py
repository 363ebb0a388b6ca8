"""Questions stay, pasted text shrinks to its most telling words."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources, build
from defenses.query.gist_rewrite import telling
from sentinel import ConfigurationError, RiskProfile
from sentinel.text import words
from tests.builders import QUERY, evidence

PASTED = (
    "Mitochondrial dysfunction in cultured astrocytes was assessed after exposure to rotenone at 50 nM for 24 hours. "
    "Viability fell by thirty percent and glutathione was depleted in most of the dishes."
)


class Corpus:
    """What the defense asks of a corpus profile."""

    def idf(self, word):
        return {"rotenone": 9.0, "dishes": 8.0, "most": 99.0}.get(word, float("nan") if word == "hours" else 1.0)


def rewrite(query, corpus=None, **parameters):
    found = evidence(query)
    object.__setattr__(found, "corpus", corpus)
    return build("gist_rewrite", parameters).rewrite(found, RiskProfile(), Resources())


@pytest.mark.parametrize(
    "query",
    [
        QUERY,
        "rotenone toxicity astrocytes",
        "I have read of it. Is it true?",
        "  x \n y",
        "x " * 20,
        "?",
        "Is 'it' so?",
    ],
)
def test_what_holds_nothing_long_is_searched_for_as_it_is(query):
    assert rewrite(query) == query


def test_the_question_stays_and_the_excerpt_shrinks():
    found = rewrite(f"{PASTED} What was the dose of rotenone?", words=4)
    assert found == "Mitochondrial dysfunction astrocytes glutathione\nWhat was the dose of rotenone?"


@pytest.mark.parametrize("marks", ['"{}"', "“{}”", "«{}»", "```{}```", "\n{}\n", "{}\n"])
def test_quoted_and_pasted_blocks(marks):
    query = f"Does this: {marks.format(PASTED)} appear in the context?"
    kept = rewrite(query, words=5)
    assert "appear in the context?" in kept
    assert len(words(kept)) <= 5 + len(words("does this appear in the context"))
    assert not {"cultured", "assessed", "exposure"} & set(words(kept))


def test_the_rarest_words_of_the_corpus_are_kept_in_order():
    assert rewrite(PASTED, Corpus(), words=2) == "rotenone dishes", "most is a function word"
    assert rewrite(PASTED, Corpus(), words=3) == "rotenone hours dishes", "a word without an idf weighs its length"


def test_telling_golden():
    # Length by occurrences: rivers 6, silt 4 / 2, carry 5, a function word and a single letter never.
    assert telling(["rivers", "Carry", "silt", "and", "Silt", "x"], 2, None) == ["rivers", "Carry"]
    assert telling(["rivers", "Carry", "silt", "and", "Silt", "x"], 9, None) == ["rivers", "Carry", "silt"]
    assert telling(["and", "of"], 5, None) == []


def test_a_probe_dressed_as_a_question_is_no_question():
    assert len(words(rewrite(f"{PASTED[:-1].replace('. ', ', and ')}?", words=6))) == 6


def test_longest_question():
    ask = "Which of the many dishes in the laboratory held cells that survived the treatment?"
    assert ask in rewrite(f"{PASTED} {ask}")
    assert ask not in rewrite(f"{PASTED} {ask}", question=5)


@pytest.mark.parametrize("query", ["the of and " * 30, "… " * 50, "“" * 40, '"' * 41, ". " * 40])
def test_never_empty(query):
    assert rewrite(query, free=0) == query


PIECES = st.sampled_from([PASTED, "What is it?", '"', "“", "”", "\n", ": ", "short one. ", "Is it so? ", "«", "?", " "])


@given(st.lists(PIECES, min_size=1, max_size=8), st.integers(1, 20), st.integers(0, 30))
def test_a_second_pass_changes_nothing_and_nothing_is_invented(pieces, most, free):
    query = "".join(pieces)
    if query.strip():
        once = rewrite(query, words=most, free=free)
        assert once.strip()
        assert rewrite(once, words=most, free=free) == once
        assert set(words(once)) <= set(words(query))
        assert once == query or len(words(once)) < len(words(query))


@pytest.mark.parametrize("part", ['"', "“", "„", "```", "a ", ". ", "\n", "a-", ": "])
def test_hostile_input_takes_linear_time(part):
    start = time.perf_counter()
    rewrite(part * (300_000 // len(part)) + "x")
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("wrong", [{"words": 0}, {"free": -1}, {"question": 2}, {"word": 3}])
def test_bad_parameters(wrong):
    with pytest.raises(ConfigurationError, match="gist_rewrite"):
        build("gist_rewrite", wrong)
