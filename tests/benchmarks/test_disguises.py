"""Disguises change the characters and, where normalisation undoes them, not the words."""

from __future__ import annotations

import base64
import codecs

import pytest

from benchmarks.attacks import rng
from benchmarks.disguises import DISGUISES, disguised
from benchmarks.readings import Traffic
from sentinel.text import words
from tests.benchmarks.tiny import tiny

TEXT = "According to the passage, was the patient of Dr. Ames treated with seven tablets in spring?"
UNDONE = ("homoglyphs", "zero-width", "case", "fullwidth", "mathematical", "accents")


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguise_changes_the_text_the_same_way_each_time(name: str) -> None:
    change = DISGUISES[name]
    once = change(TEXT, rng(0, "a"))
    assert once != TEXT
    assert once == change(TEXT, rng(0, "a"))
    assert change("", rng(0, "a")) == ""


@pytest.mark.parametrize("name", UNDONE)
def test_normalisation_gives_the_words_back(name: str) -> None:
    for seed in range(5):
        assert words(DISGUISES[name](TEXT, rng(seed, "a"))) == words(TEXT)


def test_encodings_are_what_they_say() -> None:
    assert base64.b64decode(DISGUISES["base64"](TEXT, rng(0, "a"))).decode() == TEXT
    assert codecs.decode(DISGUISES["rot13"](TEXT, rng(0, "a")), "rot13") == TEXT


def test_probes_are_disguised_in_their_queries_and_poison_in_its_texts() -> None:
    data = tiny()
    probe = Traffic.of(data, "mba", 0)
    other = disguised(probe, "zero-width", 0, 1)
    assert other.attack.manifest.name == "mba@zero-width"
    assert len(other.sessions) == 1
    assert other.sessions[0].asks[0].query != probe.sessions[0].asks[0].query
    assert probe.attack.manifest.name == "mba"
    poison = Traffic.of(data, "poisonedrag", 0)
    other = disguised(poison, "case", 0)
    assert [s.asks for s in other.sessions] == [s.asks for s in poison.sessions]
    assert [p.target for p in other.planted] == [p.target for p in poison.planted]
    assert all(a.text != b.text for a, b in zip(other.planted, poison.planted, strict=True))
