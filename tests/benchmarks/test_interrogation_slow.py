from __future__ import annotations

import pytest

from benchmarks.attacks.interrogation_slow import COVER, InterrogationSlow
from benchmarks.data import load
from tests.benchmarks.tiny import QUESTIONS, clean, tiny


def test_one_probe_among_five_asks_at_changing_places() -> None:
    data = load("bundled")
    places = set()
    for session in InterrogationSlow().sessions(data, 0)[:40]:
        assert len(session.asks) == 15 * (COVER + 1)
        for start in range(0, len(session.asks), COVER + 1):
            probes = [i for i, ask in enumerate(session.asks[start : start + COVER + 1]) if "coin" in ask.facts]
            assert len(probes) == 1
            places.add(probes[0])
        cover = [ask for ask in session.asks if ask.gold]
        assert len({ask.query for ask in cover}) == len(cover)
        assert all(session.target not in ask.gold for ask in cover)
    assert places == set(range(COVER + 1))


def test_a_small_data_set_repeats_its_benign_questions_but_none_on_the_target() -> None:
    session = InterrogationSlow().sessions(tiny(), 0)[0]
    assert [ask.query for ask in session.asks if "coin" in ask.facts] == list(QUESTIONS)
    assert {ask.query for ask in session.asks if ask.gold} == {"how long does Harpa cheese ripen?"}


def test_hits_are_of_probes_and_recall_of_the_others() -> None:
    session = InterrogationSlow().sessions(tiny(), 0)[0]
    first = next(i for i, ask in enumerate(session.asks) if ask.gold)
    served = [[clean("bridge")] if "coin" in ask.facts else [] for ask in session.asks]
    served[first] = [clean("cheese")]
    assert InterrogationSlow().score(session, served) == {
        "score": 1.0, "hits": 4.0, "exposed": 1.0, "recall": pytest.approx(1 / 16),
    }  # fmt: skip
    # The target among what a benign question brings up is no answer to a probe.
    served = [[clean("bridge")] if ask.gold else [] for ask in session.asks]
    assert InterrogationSlow().score(session, served)["hits"] == 0.0


def test_deterministic_by_seed() -> None:
    assert InterrogationSlow().sessions(tiny(), 3) == InterrogationSlow().sessions(tiny(), 3)
