"""Several honest questions on one document."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.attacks.benign_drilldown import SESSIONS, BenignDrilldown, generate
from benchmarks.data import load
from tests.benchmarks.tiny import clean, tiny

DATA = load("bundled")


def test_shipped_ones_are_asked_as_they_stand() -> None:
    sessions = BenignDrilldown().sessions(DATA, 0)
    assert [(s.id, s.target) for s in sessions] == [(d.id, d.doc_id) for d in DATA.drilldowns]
    assert [a.query for a in sessions[0].asks] == [text for text, _ in DATA.drilldowns[0].questions]
    assert all(a.gold == {s.target} for s in sessions for a in s.asks)
    assert BenignDrilldown().sessions(DATA, 1) == sessions


def test_made_ones_have_five_to_eight_questions_on_free_passages() -> None:
    bare = replace(DATA, drilldowns=())
    made = generate(bare, 0)
    assert len(made) == SESSIONS
    assert made == generate(bare, 0) != generate(bare, 1)
    targets = {t.id for t in DATA.membership}
    yes_no = []
    for drilldown in made:
        assert 5 <= len(drilldown.questions) <= 8
        assert drilldown.doc_id in DATA.by_id
        assert drilldown.doc_id not in targets
        assert len({text for text, _ in drilldown.questions}) == len(drilldown.questions)
        assert drilldown.questions[0][1] is False
        yes_no.append(sum(closed for _, closed in drilldown.questions) / len(drilldown.questions))
    assert len({d.doc_id for d in made}) == SESSIONS
    assert max(yes_no) <= 0.5
    assert len(BenignDrilldown().sessions(bare, 0)) == SESSIONS


def test_score_is_recall_of_the_one_document() -> None:
    session = BenignDrilldown().sessions(DATA, 0)[0]
    target = str(session.target)
    got = [[clean(target)] if i == 0 else [clean("other")] for i in range(len(session.asks))]
    assert BenignDrilldown().score(session, got)["recall"] == 1 / len(session.asks)


def test_a_corpus_that_yields_none() -> None:
    data = tiny()
    assert all(d.doc_id not in ("bridge",) for d in generate(data, 0))
