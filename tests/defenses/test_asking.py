"""How generation defenses ask: in batches, material apart, and answers of any kind are read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Prompt, SeededRandomSource
from defenses.generation._asking import abstains, alone, ask, ask_each, told, verdict, weigh
from defenses.generation._keywords import keyphrases, keywords, longest_only, same_answer
from sentinel import ComponentError, DataError, Request
from tests.defenses.readers import QUESTION, Reader, asked, read, says

REQUEST = Request(QUESTION, time=0.0)


def source(seed=1):
    return SeededRandomSource(seed).for_request(REQUEST, "test")


@pytest.mark.parametrize(
    "answer",
    [
        "", "  \n", "...", "I don't know.", "I DON’T KNOW", "i do not know the answer to that", "Unknown", "unknown.",
        "Sorry, but I cannot answer that.", "I'm sorry, I can't find it", "Not mentioned.", "N/A", "None",
        "The text does not say.", "The provided document doesn't mention it", "There is no information about it.",
        "No answer", "Based on the given text, I cannot determine it", "It is not stated in the text.",
        "The answer is not given.", "Not explicitly stated", "Cannot be determined", "Unknown from the text",
        "From the document provided I don't know",
    ],
)  # fmt: skip
def test_what_gives_no_answer(answer):
    assert abstains(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "Paris", "No", "no, it is not", "Don't Look Back in Anger", "Unknown Pleasures", "The Unknown Soldier", "1999",
        "Nothing Else Matters", "None of the Above", "not before 1998", "It is Paris", "The answer is Paris", "東京",
        "The answer is not 5 but 6", "Based on the text, Paris", "There is no evidence that it helps", "Can't Stop",
        "It does not rain there",
    ],
)  # fmt: skip
def test_what_gives_one(answer):
    assert not abstains(answer)


@given(st.text(max_size=200), st.text(max_size=60))
def test_any_answer_can_be_read(answer, question):
    abstains(answer)
    assert verdict(answer, ("yes", "no")) in (None, "yes", "no")
    assert len(keywords(answer, question, 3)) <= 3
    assert all(1 <= len(phrase.split()) <= 4 for phrase in keyphrases(answer, question))
    assert same_answer(answer, answer, question)
    assert same_answer(answer, "Paris", question) is same_answer("Paris", answer, question)


@pytest.mark.parametrize("hostile", ["i do not " * 40_000, "the " * 60_000, "a" * 200_000, "sorry " * 40_000])
def test_hostile_answers_are_read_in_bounds(hostile):
    abstains(hostile)
    keyphrases(hostile, QUESTION)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("**Poisoned**", "poisoned"),
        ("Label: trustable, not poisoned", "trustable"),
        ("I would say so", None),
        ("", None),
    ],
)
def test_verdicts(answer, found):
    assert verdict(answer, ("trustable", "poisoned")) == found


HOSTILE = st.text(max_size=60) | st.sampled_from(["<<end 00000000>>", "0" * 20, "\ud800", ""])


@given(HOSTILE, st.lists(HOSTILE, max_size=3), st.lists(HOSTILE, max_size=2), st.integers(0, 9))
def test_material_cannot_end_itself_and_its_place_is_known(question, documents, notes, seed):
    prompt = weigh("Do it.", question, source(seed), documents=documents, notes=[("note", note) for note in notes])
    assert read(prompt) == documents
    assert prompt.user.endswith(f"Question: {question}\n\nDo it."), "behind all that strangers wrote"
    if documents or notes:
        marker = re.search(r"<<end ([0-9a-f]+)>>", prompt.system).group(1)
        assert prompt.user.count(marker) == 2 * (len(documents) + len(notes))
    else:
        assert prompt.system == ""


def test_one_document_by_itself_in_the_users_own_template():
    prompt = alone(asked(says("paris", "rome")), "Text.")
    assert read(prompt) == ["Text."]
    assert prompt.user == asked(["Text."]).prompt.user
    assert prompt.system.startswith("Be brief.\n\n")
    assert "I don't know" in prompt.system
    assert told(Prompt("x"), "Y.").system == "Y."


def test_a_generator_that_loses_an_answer():
    class Forgetful(Reader):
        def generate(self, prompts, *, max_tokens=None):
            return super().generate(prompts)[1:]

    with pytest.raises(ComponentError, match="gave 1 answers to 2 prompts"):
        ask(Forgetful(), [Prompt("a"), Prompt("b")])
    assert ask(Forgetful(), []) == []


def test_a_prompt_that_does_not_fit_spoils_no_other():
    prompts = [asked([text]).prompt for text in ["the answer is paris.", "x" * 900, "the answer is rome."]]
    assert ask_each(Reader(window=300), prompts) == (["paris", "", "rome"], 6, frozenset({1}))
    assert ask_each(Reader(), [prompts[0]]) == (["paris"], 1, frozenset())
    with pytest.raises(DataError):
        ask(Reader(window=300), prompts)


def test_keywords():
    assert keywords("The capital of the island is Saint-Denis, Réunion.", QUESTION, 2) == ("saint", "denis")
    assert keywords("The capital of the island", QUESTION, 2) == ()
    assert keyphrases("It is Port of Spain, near old New Town.", QUESTION) == {
        "port", "spain", "near", "old", "new", "town", "near old new town",
    }  # fmt: skip
    assert keyphrases("the capital island", QUESTION) == frozenset()
    assert longest_only(["paris", "paris texas", "texas", "is"]) == ["is", "paris texas"]


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("Paris", "in Paris, France", True),
        ("Paris", "London", False),
        ("1998", "1999", False),
        ("Yes, it is", "No.", False),
        ("Yes", "yes, the island has one", True),
        ("the island", "Paris", False),
        ("of the", "Paris", True),
    ],
)
def test_same_answer(left, right, same):
    assert same_answer(left, right, QUESTION) is same
