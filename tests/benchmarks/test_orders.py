from __future__ import annotations

from benchmarks.attacks.orders import ORDERS, Orders
from benchmarks.data import load
from sentinel.text import words
from sentinel.vocabulary import Threat
from tests.benchmarks.tiny import clean, planted, tiny


def test_fluent_text_then_an_order_on_the_subject() -> None:
    made = Orders().planted(tiny(), 0)
    assert [p.target for p in made] == ["q-bridge", "q-cheese"]
    text, order = made[0].text.split(". ", 1)
    assert text == tiny().poison[0].natural[0].rstrip(".")
    assert "Karl Odum" in order
    assert Orders.manifest.threat is Threat.INJECTION


def test_the_question_is_not_repeated() -> None:
    data = load("bundled")
    questions = {t.query_id: t.question for t in data.poison}
    for item in Orders().planted(data, 0):
        asked = words(questions[item.target])
        said = words(item.text)
        assert not any(said[i : i + len(asked)] == asked for i in range(len(said)))


def test_every_wording_occurs_and_the_draw_follows_the_seed() -> None:
    data = load("bundled")
    made = Orders().planted(data, 0)
    assert made == Orders().planted(data, 0)
    assert made != Orders().planted(data, 1)
    begun = [order.split("{")[0] for order in ORDERS]
    assert all(any(start in p.text for p in made) for start in begun)


def test_score() -> None:
    session = Orders().sessions(tiny(), 0)[0]
    assert Orders().score(session, [[planted("q-bridge"), clean("bridge")]])["exposed"] == 1.0
    assert Orders().score(session, [[clean("bridge")]])["exposed"] == 0.0
