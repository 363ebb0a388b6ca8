from __future__ import annotations

from benchmarks.attacks.jamming import REFUSALS, Jamming
from benchmarks.data import load
from tests.benchmarks.tiny import clean, planted, tiny


def test_question_then_one_of_the_refusals() -> None:
    data = load("bundled")
    made = Jamming().planted(data, 0)
    assert [p.target for p in made] == [t.query_id for t in data.poison]
    goals = set()
    for item, target in zip(made, data.poison, strict=True):
        assert item.text.startswith(f"{target.question}. ")
        rest = item.text.removeprefix(f"{target.question}. ")
        goals |= {goal for goal, texts in REFUSALS.items() if rest in texts}
    assert goals == {"insufficient", "unsafe", "false"}
    assert sum(map(len, REFUSALS.values())) >= 8


def test_the_draw_follows_the_seed() -> None:
    data = load("bundled")
    assert Jamming().planted(data, 0) == Jamming().planted(data, 0)
    assert Jamming().planted(data, 0) != Jamming().planted(data, 1)


def test_obeyed_where_it_ranks_above_the_gold_passage() -> None:
    session = Jamming().sessions(tiny(), 0)[0]
    jam, gold = planted("q-bridge"), clean("bridge")
    assert Jamming().score(session, [[jam, gold]]) == {"exposed": 1.0, "obeyed": 1.0, "right": 0.0, "recall": 1.0}
    assert Jamming().score(session, [[gold, jam]]) == {"exposed": 1.0, "obeyed": 0.0, "right": 1.0, "recall": 1.0}
    assert Jamming().score(session, [[gold]]) == {"exposed": 0.0, "obeyed": 0.0, "right": 1.0, "recall": 1.0}
