"""Words of a part of a text are those that stand there in the whole."""

from hypothesis import given
from hypothesis import strategies as st

from sentinel._located import MAX_CHARACTERS, first_words, located, sentence_words, sentences, words_within

PIECES = [*".!?。…\n\t\x0c '\"”)]aAbé–\u200b東", "What is ", "it's ", "ﬁve ", "[4] "]
TEXT = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@given(TEXT, st.integers(1, 6))
def test_words_of_a_sentence_are_those_located_in_it(text, count):
    for span, found in sentence_words(text):
        assert words_within(text, span) == found
        assert first_words(text, span, count) == list(found[:count])


@given(TEXT)
def test_sentences_leave_no_gap(text):
    spans = sentences(text)
    assert "".join(text[start:end] for start, end in spans) == text


def test_a_first_word_that_is_longer_than_what_is_looked_at_first_is_whole():
    text = "x" * 200 + " second"
    assert first_words(text, (0, len(text)), 1) == ["x" * 200]
    assert first_words(text, (0, len(text)), 2) == ["x" * 200, "second"]


def test_nothing_beyond_the_limit_is_read():
    text = "word " * MAX_CHARACTERS
    assert words_within(text, (0, len(text))) == located(text)[0]
    assert len(first_words(text, (0, len(text)), MAX_CHARACTERS)) == MAX_CHARACTERS // 5
    assert words_within(text, (MAX_CHARACTERS + 10, len(text))) == ()


def test_a_text_of_stops_takes_linear_time():
    assert len(sentences("." * MAX_CHARACTERS)) == 1
    assert len(sentences(".a" * (MAX_CHARACTERS // 2))) == 1
    assert len(sentences('."' * (MAX_CHARACTERS // 2))) == 1
