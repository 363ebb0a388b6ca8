"""A generator for one request: its prompts are counted, its answers bounded, its kind kept."""

import pytest

from defenses import AttentiveGenerator, Generator, Prompt
from strategist.capped import capped
from tests.strategist.rag_world import ANSWER, Attentive, Scripted, Whole

PROMPT = Prompt("q")


@pytest.mark.parametrize(
    ("limit", "asked", "given"), [(None, None, None), (None, 5, 5), (7, None, 7), (7, 5, 5), (7, 9, 7)]
)
def test_no_answer_is_longer_than_the_user_wants(limit, asked, given):
    inner = Attentive()
    generator = capped(inner, limit)
    assert generator.generate([PROMPT], max_tokens=asked) == [ANSWER]
    assert generator.generate_isolated([PROMPT], max_tokens=asked) == [ANSWER]
    assert generator.document_attention([PROMPT], max_tokens=asked) == [(ANSWER, [])]
    assert inner.limits == [given] * 3
    assert "".join(generator.stream(PROMPT)) == ANSWER
    assert inner.limits[-1] == limit


def test_prompts_are_counted_by_request():
    inner = Attentive()
    generator = capped(inner, None)
    generator.generate([PROMPT] * 3)
    generator.generate_isolated([PROMPT])
    generator.document_attention([PROMPT] * 2)
    generator.next_token_probabilities([PROMPT], [""])
    list(generator.stream(PROMPT))
    assert generator.calls == 8
    assert capped(inner, None).calls == 0


def test_its_kind_is_that_of_the_inner_one():
    assert isinstance(capped(Attentive(), 3), AttentiveGenerator)
    plain = capped(Scripted(), 3)
    assert isinstance(plain, Generator)
    assert not isinstance(plain, AttentiveGenerator)
    assert plain.name == "scripted"
    assert plain.streams
    assert not capped(Whole(), 3).streams
