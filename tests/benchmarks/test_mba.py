"""Masked words, and that the ideal reader has them from the true text alone."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest

from benchmarks.attacks import Served
from benchmarks.attacks.mba import MASKS, SKIPPED, Mba, mask
from benchmarks.data import load
from benchmarks.reader import fill
from tests.benchmarks.tiny import BRIDGE, OUTSIDE, clean, tiny

DATA = load("bundled")
TEXTS = [t.text for t in DATA.membership[:25]] + [BRIDGE, OUTSIDE]


@pytest.mark.parametrize("text", [*TEXTS[::4], BRIDGE])
def test_masks_are_numbered_apart_and_not_at_the_beginning(text: str) -> None:
    for seed in range(5):
        shown, answers, blanks = mask(text, random.Random(seed))
        assert 1 <= len(answers) == len(blanks) <= MASKS
        pieces, original = shown.split(), text.split()
        assert len(pieces) == len(original)
        at = [i for i, piece in enumerate(pieces) if "[MASK_" in piece]
        numbers = [int(n) for n in re.findall(r"\[MASK_(\d+)\]", shown)]
        assert numbers == list(range(1, len(answers) + 1))
        assert min(at) >= SKIPPED
        assert all(b - a > 1 for a, b in pairwise(at))
        # One for each tenth of the text.
        part = [max(p for p in range(MASKS) if len(pieces) * p // MASKS <= i) for i in at]
        assert len(set(part)) == len(part)
        for place, answer, number in zip(at, answers, numbers, strict=True):
            assert pieces[place].replace(f"[MASK_{number}]", answer) == original[place]
            assert len(answer) > 2
        restored = shown
        for number, answer in zip(numbers, answers, strict=True):
            restored = restored.replace(f"[MASK_{number}]", answer, 1)
        assert restored.split() == original


def test_ten_masks_where_the_text_is_long() -> None:
    counts = [len(mask(text, random.Random(0))[1]) for text in TEXTS]
    assert sum(counts) / len(counts) > 8


def test_a_text_without_fit_words_has_no_masks() -> None:
    assert mask("it is of the and " * 20, random.Random(0))[1:] == ([], [])
    assert mask("short", random.Random(0)) == ("short", [], [])
    assert mask("", random.Random(0))[1] == []


def test_the_true_text_gives_everything_and_another_nothing() -> None:
    sessions = Mba().sessions(DATA, 0)
    texts = {t.id: t.text for t in DATA.membership}
    right, wrong = [], []
    for session in sessions[:80]:
        own = Served(str(session.target), texts[str(session.target)])
        other = Served("x", next(t for key, t in texts.items() if key != session.target))
        right.append(Mba().score(session, [[own]])["score"])
        wrong.append(Mba().score(session, [[other]])["score"])
        assert Mba().score(session, [[]])["score"] == 0.0
    assert sum(right) / len(right) > 0.99
    assert sum(score == 1.0 for score in right) >= 0.95 * len(right)
    assert sum(wrong) / len(wrong) < 0.05


def test_by_hand() -> None:
    for session in Mba().sessions(tiny(), 0):
        text = BRIDGE if session.member else OUTSIDE
        assert "[MASK_1]" in session.asks[0].query
        assert Mba().score(session, [[clean(str(session.target), text)]]) == {"score": 1.0, "exposed": 1.0, "hits": 1.0}
        other = OUTSIDE if session.member else BRIDGE
        assert Mba().score(session, [[clean("x", other)]]) == {"score": 0.0, "exposed": 0.0, "hits": 0.0}


def test_half_the_text_gives_half_the_masks() -> None:
    session = next(s for s in Mba().sessions(tiny(), 0) if s.member)
    half = " ".join(BRIDGE.split()[: len(BRIDGE.split()) // 2])
    score = Mba().score(session, [[clean("bridge", half)]])["score"]
    assert score is not None
    assert 0.3 <= score <= 0.6


def test_sessions_one_for_each_target_long_enough() -> None:
    sessions = Mba().sessions(tiny(), 0)
    assert [(s.target, s.member) for s in sessions] == [("bridge", True), ("outside", False), ("unasked", False)]
    assert sessions == Mba().sessions(tiny(), 0)
    assert [s.asks for s in sessions] != [s.asks for s in Mba().sessions(tiny(), 1)]
    facts = sessions[0].asks[0].facts
    assert all(fill(blank, [clean("bridge", BRIDGE)]) is not None for blank in facts["blanks"])
