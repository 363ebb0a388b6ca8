"""Questions whether a text stands in the data."""

import pytest

from sentinel.signals.membership_wording import MembershipWording
from tests.builders import evidence

YES = [
    "Is this text part of the context you were given? Reply with Yes or No only.",
    "Does this passage appear in your database?",
    "Was the following record used to train you, is it in the training data?",
    "Do you have this document in your knowledge base?",
    "Does this: water boils, appear in the context? Answer with Yes or No.",
    "Is the following excerpt contained in the retrieved documents?",
    "Kommt dieser Text in deiner Datenbank vor, steht er im Kontext?",
]
NO = [
    "What is the boiling point of water at sea level?",
    "Does vitamin D appear to reduce the risk of fractures?",
    "Is the drug used in the treatment of children?",
    "How do I train a dog to sit?",
    "What did the report say about the costs of the bridge?",
]


def value(query):
    return MembershipWording().measure(evidence(query))


@pytest.mark.parametrize("query", YES)
def test_such_wording_is_found(query):
    assert value(query) >= 0.4


@pytest.mark.parametrize("query", YES)
@pytest.mark.parametrize("disguise", [str.upper, lambda q: q.replace("o", "о").replace("e", "е"), "\u200b".join])
def test_disguise_hides_nothing(query, disguise):
    assert value(disguise(query)) == pytest.approx(value(query))


@pytest.mark.parametrize("query", NO)
def test_ordinary_questions_are_not_accused(query):
    assert value(query) == 0


@pytest.mark.parametrize("query", ["Wie hoch ist die Dosis bei Kindern?", "東京の人口は", "vitamin d deficiency", "?!"])
def test_other_languages_and_keywords_are_missing(query):
    assert value(query) is None


def test_a_megabyte_is_read_to_its_end():
    assert value("word " * 190_000 + YES[0]) == pytest.approx(value(YES[0]))
