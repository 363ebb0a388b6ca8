"""Not found and withheld read alike, and an answer of substance stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import NOT_FOUND as NEUTRAL
from defenses import build
from defenses.answer._reading import ELISION
from sentinel import ConfigurationError
from tests.defenses.answer_suite import check, check_promises, stream

GUARD = build("neutral_phrasing")
ABSENT = """The context does not mention who won the race.
I'm sorry, but I can't find any information about this in the provided documents.
Based on the provided context, there is no information about the population of Mars.
I cannot answer this question because the document was withheld.
The document you asked for has been removed. Please contact the administrator.
I don't know.
There is no mention of aspirin in the passages. The documents only discuss vaccines.
I cannot share that document.
Unfortunately, the provided text doesn't contain the answer. If you have more context, please share it.
Not mentioned in the context.
I do not have access to that information.
I am unable to determine the answer from the given information.
The answer to your question is not found in the documents.
No relevant information was found.
This request cannot be processed.
The information is not available in the given context.
None of the documents mention this.
The context provided is insufficient to answer the question.
I am not allowed to disclose the contents of that file.
That information is confidential.""".splitlines()
SUBSTANCE = """Paris
The context does not mention the year, but the treaty was signed in spring.
The context does not mention the year. The treaty was signed in spring.
We did not find a significant difference between the groups.
There is no evidence that aspirin helps.
The data do not provide support for the hypothesis.
No, the results did not indicate a benefit.
The documents were signed in 1945.
He does not have any documents.
The records were removed from the archive in 1945.
Yes, it contains caffeine.""".splitlines()
PROBES = [
    'Does this: "Water boils at ninety degrees on the mountain." appear in the context? Answer with Yes or No.',
    "Is this passage part of the database you were given?",
]


@pytest.mark.parametrize("answer", ABSENT)
def test_no_answer_has_one_wording(answer):
    checked = check(GUARD, answer)
    assert checked.text == NEUTRAL
    assert checked.reasons == ("gives no answer",)
    assert check(GUARD, answer.upper()).text == NEUTRAL
    assert stream(GUARD, answer, 3) == NEUTRAL


@pytest.mark.parametrize("answer", [*SUBSTANCE, NEUTRAL, f" {NEUTRAL}\n", f"It was {ELISION} in spring."])
def test_substance_is_untouched(answer):
    assert check(GUARD, answer).text == answer
    assert check(GUARD, answer).reasons == ()


@pytest.mark.parametrize("nothing", ["", " \n", ELISION, f"{ELISION}. {ELISION}", "…"])
def test_what_a_guard_emptied_reads_like_not_found(nothing):
    assert check(GUARD, nothing).text == NEUTRAL


@pytest.mark.parametrize("query", PROBES)
@pytest.mark.parametrize(
    "answer",
    [
        "Yes",
        "No.",
        "yes, it does",
        "True",
        "The text appears in the context.",
        "It is present in the documents.",
        *ABSENT,
    ],
)
def test_a_membership_question_gets_no_yes_and_no_no(query, answer):
    assert check(GUARD, answer, query=query).text == NEUTRAL
    assert check(GUARD, answer, query=query, final=False).text == "", "nor the beginning of one"


def test_other_yes_no_questions_are_answered():
    for answer in ("Yes.", "No, it does not."):
        assert check(GUARD, answer, query="Does water boil at ninety degrees on the mountain?").text == answer


def test_the_length_of_the_stream_tells_nothing():
    for answer in (*ABSENT, ""):
        assert all(check(GUARD, answer[:cut], final=False).text == "" for cut in range(len(answer)))


def test_substance_goes_out_once_a_sentence_of_it_is_complete():
    text = "The treaty was signed in spring. And th"
    assert check(GUARD, text, final=False).text == text
    assert check(GUARD, "The treaty was", final=False).text == ""
    assert check(GUARD, "x" * 700, final=False).text == "x" * 700


def test_another_sentence():
    guard = build("neutral_phrasing", {"sentence": "Yes, there is nothing."})
    assert check(guard, ABSENT[0]).text == "Yes, there is nothing."
    assert check_promises(guard, ABSENT[0], [5], query=PROBES[0]).text == "Yes, there is nothing."


PARTS = st.lists(
    st.sampled_from([*ABSENT, *SUBSTANCE, "Sorry.", "!", "\n", "x" * 601, ELISION, "Please try again."]), max_size=5
)


@given(PARTS.map(" ".join), st.lists(st.integers(0, 400), max_size=6), st.sampled_from([*PROBES, "Who won?"]))
def test_promises(text, cuts, query):
    whole = check_promises(GUARD, text, cuts, query=query)
    assert whole.text in (text, NEUTRAL)


@given(st.text(max_size=100), st.lists(st.integers(0, 100), max_size=4), st.sampled_from([*PROBES, "Who won?"]))
def test_promises_on_any_text(text, cuts, query):
    check_promises(GUARD, text, cuts, query=query)


@pytest.mark.parametrize("parameters", [{"sentence": ""}, {"sentence": " - "}, {"probe": 0}])
def test_bad_parameters(parameters):
    with pytest.raises(ConfigurationError, match="neutral_phrasing"):
        build("neutral_phrasing", parameters)


def test_what_follows_a_semicolon_may_be_the_answer():
    answer = "I could not find a second source; the first one says that the bridge was opened in 1874."
    assert check(build("neutral_phrasing"), answer).text == answer
    none = "I could not find it; the documents only discuss other bridges."
    assert check(build("neutral_phrasing"), none).text == NEUTRAL
