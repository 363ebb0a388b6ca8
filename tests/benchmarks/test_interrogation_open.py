from __future__ import annotations

import random
import re

import pytest

from benchmarks.attacks.interrogation import Interrogation
from benchmarks.attacks.interrogation_open import InterrogationOpen
from benchmarks.data import load
from benchmarks.questions import opened
from sentinel.text import words

CLOSED = re.compile(
    r"^(is|are|was|were|do|does|did|has|have|had|can|could|may|might|will|would|should|must) ", re.IGNORECASE
)


def test_no_question_can_be_answered_by_yes_or_no() -> None:
    data = load("bundled")
    closed = Interrogation().sessions(data, 0)
    for session, plain in zip(InterrogationOpen().sessions(data, 0), closed, strict=True):
        assert (session.member, session.target) == (plain.member, plain.target)
        for ask, before in zip(session.asks, plain.asks, strict=True):
            assert not CLOSED.match(ask.query)
            assert ask.facts == before.facts
            assert len(set(words(ask.query)) & set(words(before.query))) >= 2


@pytest.mark.parametrize(
    ("question", "kept", "gone"),
    [
        ("Did Zofia Dragarth buy the heater on 19 January 2023?", "Zofia Dragarth buy the heater", "2023"),
        ("Is it true that the costs came to £281?", "the costs", "281"),
        ("Does the study report a rise in CRP levels?", "a rise in CRP levels", "the study report"),
        ("According to the authors, is the vaccine safe?", "the vaccine safe", "According"),
        ("Was liver ultrasound used?", "liver ultrasound used", "?!"),
        ("Wurde der Impfstoff zugelassen?", "Impfstoff zugelassen", "??"),
    ],
)
def test_the_topic_stays_and_the_asked_value_goes(question: str, kept: str, gone: str) -> None:
    for seed in range(20):
        text = opened(question, random.Random(seed))
        assert kept in text
        assert gone not in text


def test_linear_on_hostile_questions() -> None:
    for text in ("is " + "in " * 50_000 + "1", "Did " + "a, " * 50_000, "1 " * 100_000, "on 1" * 50_000):
        opened(text[:100_000], random.Random(0))
