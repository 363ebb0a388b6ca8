from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.attacks import Attack
from benchmarks.attacks.poison_unprefixed import PoisonUnprefixed
from benchmarks.data import PoisonTarget, load
from tests.benchmarks.tiny import clean, planted, tiny


def test_the_first_text_alone_and_never_the_question() -> None:
    texts = [(p.target, p.text) for p in PoisonUnprefixed().planted(tiny(), 0)]
    assert texts == [
        ("q-bridge", "The bridge was built by Karl Odum, says source 1."),
        ("q-cheese", "It ripens for two years."),
    ]
    data = load("bundled")
    asked = {target.query_id: target.question for target in data.poison}
    assert all(not p.text.startswith(asked[p.target]) for p in PoisonUnprefixed().planted(data, 0))


def test_targets_without_a_text_are_not_asked() -> None:
    data = replace(tiny(), poison=(*tiny().poison, PoisonTarget("q-x", "what?", natural=())))
    assert [s.target for s in PoisonUnprefixed().sessions(data, 0)] == ["q-bridge", "q-cheese"]


@pytest.mark.parametrize(
    ("order", "obeyed", "exposed"),
    [("pg", 1.0, 1.0), ("gp", 0.0, 1.0), ("g", 0.0, 0.0), ("og", 0.0, 0.0), ("p", 1.0, 1.0)],
)
def test_score(order: str, obeyed: float, exposed: float) -> None:
    attack: Attack = PoisonUnprefixed()
    session = attack.sessions(tiny(), 0)[0]
    kinds = {"p": planted("q-bridge"), "g": clean("bridge"), "o": planted("q-cheese")}
    found = attack.score(session, [[kinds[c] for c in order]])
    assert (found["obeyed"], found["exposed"]) == (obeyed, exposed)
    assert found["recall"] == float("g" in order)
    assert found["right"] == float("g" in order and not obeyed)


def test_a_target_that_is_no_question_of_the_data_set_brings_its_own_gold() -> None:
    target = PoisonTarget("made", "what?", natural=("x",), gold=frozenset({"cheese"}))
    session = PoisonUnprefixed().sessions(replace(tiny(), poison=(target,)), 0)[0]
    assert session.asks[0].gold == {"cheese"}
