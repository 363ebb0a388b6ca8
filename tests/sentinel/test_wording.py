"""Question form, language, and patterns that stay linear on hostile input."""

import re
import re._constants as constants
import re._parser as parser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.signals import character_anomaly, extraction_wording, injection_wording, membership_wording, placeholders
from sentinel.text import words
from sentinel.wording import content_words, is_english, plain, yes_no_form

LEXICONS = [m.LEXICON for m in (extraction_wording, injection_wording, membership_wording)]
PATTERNS = [p for lexicon in LEXICONS for p in lexicon.patterns] + [
    p.pattern for m in (placeholders, character_anomaly) for p in vars(m).values() if isinstance(p, re.Pattern)
]


def unbounded_depth(parsed, depth=0):
    """How many unbounded repetitions stand inside one another."""
    deepest = depth
    for operation, argument in parsed:
        if operation in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            _, high, inner = argument
            unbounded = high == constants.MAXREPEAT
            deepest = max(deepest, unbounded_depth(inner, depth + unbounded))
        elif operation is constants.BRANCH:
            deepest = max(deepest, *(unbounded_depth(branch, depth) for branch in argument[1]))
        elif operation is constants.SUBPATTERN:
            deepest = max(deepest, unbounded_depth(argument[-1], depth))
    return deepest


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_repetition_stands_in_another(pattern):
    assert unbounded_depth(parser.parse(pattern)) <= 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Is water wet?", True),
        ("Did the H5N1 virus cluster with clade 2.2.1.2 in C. albicans?", True),
        ("When given early, does the drug help?", True),
        ("In patients with asthma, does exercise help?", True),
        ("The bridge is open, right?", True),
        ("Can you tell me whether the bridge is open?", True),
        ("Can you tell me more about the bridge?", False),
        ("What, if anything, does the drug do?", False),
        ("The bridge is closed. Why is it closed?", False),
        ("Tell me about the bridge", False),
        ("Ist der Virus neu und wurde er beschrieben?", None),
        ("bridge opening hours", None),
        ("?!", None),
    ],
)
def test_yes_no_form(query, expected):
    assert yes_no_form(query) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what is the dose for children", True),
        ("Quelle est la dose pour les enfants", False),
        ("¿Cuál es la dosis para los niños en el hospital?", False),
        ("Wurde der Ausbruch in Mexiko und Kalifornien festgestellt?", False),
        ("東京の人口", False),
        ("", False),
    ],
)
def test_english(text, expected):
    assert is_english(words(text)) is expected


def test_content_words():
    assert content_words(words("What is the dose of aspirin, the dose for 8 days?")) == ("dose", "aspirin", "8", "days")


@given(st.text(max_size=300))
def test_nothing_raises(text):
    plain(text)
    yes_no_form(text)
    for lexicon in LEXICONS:
        found = lexicon.score(text)
        assert found is None or 0 <= found <= 1
