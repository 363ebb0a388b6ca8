from __future__ import annotations

from statistics import mean, median

import pytest

from benchmarks.attacks.poisonedrag_single import PoisonedRagSingle
from benchmarks.attacks.poisonedrag_single_adaptive import _HEDGED, PoisonedRagSingleAdaptive
from benchmarks.data import load
from sentinel.text import containment
from tests.benchmarks.tiny import clean, planted, tiny

DATA = load("bundled")


def texts(**form: object) -> list[str]:
    return [p.text for p in PoisonedRagSingleAdaptive(form).planted(DATA, 0)]


def test_the_plain_form_is_the_plain_attack() -> None:
    made, plain = PoisonedRagSingleAdaptive(), PoisonedRagSingle()
    assert made.planted(DATA, 0) == plain.planted(DATA, 0)
    assert [s.asks for s in made.sessions(DATA, 0)] == [s.asks for s in plain.sessions(DATA, 0)]


@pytest.mark.parametrize(
    ("where", "low", "high"),
    [("in front", 1.0, 1.0), ("behind", 0.9, 1.0), ("left out", 0, 0.2), ("stated", 0.05, 0.6), ("other words", 0, 0.2),
     ("spread", 0.0, 0.4)],
)  # fmt: skip
def test_how_much_of_the_question_stands_in_the_document(where: str, low: float, high: float) -> None:
    shares = [
        containment(target.question, text, 3) or 0.0
        for target, text in zip(DATA.poison, texts(question=where), strict=True)
    ]
    assert low <= mean(shares) <= high, mean(shares)


def test_every_form_states_the_false_answer() -> None:
    for name, values in PoisonedRagSingleAdaptive.dimensions.items():
        for value in values:
            for target, text in zip(DATA.poison, texts(**{name: value}), strict=True):
                assert str(target.short_incorrect) in text, (name, value)


def test_length_lead_and_tone() -> None:
    usual = median(len(p.text.split()) for p in DATA.passages)
    short, long = (
        mean(len(t.split()) for t in texts(question="left out", length=x)) for x in ("as given", "of a passage")
    )
    assert short < long
    assert abs(long - usual) < abs(short - usual)
    corpus = {p.text.split(".")[0] for p in DATA.passages}
    assert sum(t.split(".")[0] in corpus for t in texts(lead="of a passage")) > 50
    assert all(t.startswith(_HEDGED) for t in texts(question="left out", tone="hedged"))


def test_scored_like_the_plain_form() -> None:
    attack = PoisonedRagSingleAdaptive()
    session = attack.sessions(tiny(), 0)[0]
    assert attack.score(session, [[planted("q-bridge"), clean("bridge")]])["obeyed"] == 1.0
    assert attack.targets(tiny()) == [("q-bridge", None), ("q-cheese", None)]
