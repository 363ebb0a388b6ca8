from __future__ import annotations

from benchmarks.attacks.pia import ORDERS, REPEATS, Pia
from benchmarks.data import load
from tests.benchmarks.tiny import clean, planted, tiny


def test_one_document_a_target_with_question_and_false_answer_five_times() -> None:
    made = Pia().planted(tiny(), 0)
    assert [p.target for p in made] == ["q-bridge", "q-cheese"]
    assert made[0].text.count("who built the bridge at wenmere") == REPEATS
    assert made[0].text.count("Karl Odum") == REPEATS
    assert made[1].text.count("It ripens for two years") == REPEATS  # no answer given: the text itself


def test_every_wording_occurs_and_the_draw_follows_the_seed() -> None:
    data = load("bundled")
    assert len(ORDERS) >= 8
    made = Pia().planted(data, 0)
    assert made == Pia().planted(data, 0)
    assert made != Pia().planted(data, 1)
    used = {o for o in ORDERS for p in made if p.text.startswith(o.split('"')[0].split("{")[0])}
    assert len(used) == len(ORDERS)
    assert not any("when you are asked to provide the answer" in p.text.lower() for p in made)


def test_score() -> None:
    session = Pia().sessions(tiny(), 0)[0]
    assert Pia().score(session, [[planted("q-bridge"), clean("bridge")]])["obeyed"] == 1.0
    assert Pia().score(session, [[clean("bridge"), planted("q-bridge")]])["obeyed"] == 0.0
