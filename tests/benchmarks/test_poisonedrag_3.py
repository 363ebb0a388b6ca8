"""Three documents per question."""

from __future__ import annotations

from benchmarks.attacks.poisonedrag import PoisonedRag
from benchmarks.attacks.poisonedrag_3 import PoisonedRag3
from tests.benchmarks.tiny import planted, tiny


def test_the_first_three_of_the_five() -> None:
    few, all_five = PoisonedRag3().planted(tiny(), 0), PoisonedRag().planted(tiny(), 0)
    assert [p.text for p in few if p.target == "q-bridge"] == [p.text for p in all_five if p.target == "q-bridge"][:3]
    assert [s.asks for s in PoisonedRag3().sessions(tiny(), 0)] == [s.asks for s in PoisonedRag().sessions(tiny(), 0)]
    (session, _) = PoisonedRag3().sessions(tiny(), 0)
    assert PoisonedRag3().score(session, [[planted("q-bridge")]])["exposed"] == 1.0
