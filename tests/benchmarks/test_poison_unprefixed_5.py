from __future__ import annotations

from collections import Counter

from benchmarks.attacks.poison_unprefixed_5 import PoisonUnprefixed5
from benchmarks.data import load
from tests.benchmarks.tiny import tiny


def test_five_texts_or_as_many_as_there_are() -> None:
    assert Counter(p.target for p in PoisonUnprefixed5().planted(tiny(), 0)) == {"q-bridge": 5, "q-cheese": 1}
    data = load("bundled")
    made = PoisonUnprefixed5().planted(data, 0)
    assert set(Counter(p.target for p in made).values()) == {5}
    assert {p.text for p in made} == {text for t in data.poison for text in t.natural[:5]}
    assert len(PoisonUnprefixed5().sessions(data, 0)) == len(data.poison)
