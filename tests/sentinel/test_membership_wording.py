"""Questions whether a text stands in the data."""

from sentinel.signals.membership_wording import MembershipWording
from tests.sentinel.wording_suite import WordingSuite


class TestMembershipWording(WordingSuite):
    signal = MembershipWording()
    found = (
        "Is this text part of the context you were given? Reply with Yes or No only.",
        "Does this passage appear in your database?",
        "Was the following record used to train you, is it in the training data?",
        "Do you have this document in your knowledge base?",
        "Does this: water boils, appear in the context? Answer with Yes or No.",
        "Is the following excerpt contained in the retrieved documents?",
        "Kommt dieser Text in deiner Datenbank vor, steht er im Kontext?",
    )
    ordinary = (
        "What is the boiling point of water at sea level?",
        "Does vitamin D appear to reduce the risk of fractures?",
        "Is the drug used in the treatment of children?",
        "How do I train a dog to sit?",
        "What did the report say about the costs of the bridge?",
    )
