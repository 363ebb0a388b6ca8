"""Continuation: a conversation that follows what it gets, and stays within its budget."""

from __future__ import annotations

from benchmarks.attacks import ATTACKS, Ask, Reply, Served
from benchmarks.attacks.extract_continue import BUDGET, EDGE, SESSIONS, ExtractContinue
from tests.benchmarks.tiny import tiny

TEXTS = [" ".join(f"item{n}x{i}" for i in range(150)) for n in range(4)]


class Small(ExtractContinue):
    budget = 12


def conversation(attack: ExtractContinue, answer: str | None = None, empty: bool = False) -> list[Ask]:
    """All that is asked of a system that serves one text after another."""
    (session, *_) = attack.sessions(tiny(), 0)
    talk = attack.converse(session)
    asks = [next(talk)]
    try:
        while True:
            text = TEXTS[(len(asks) // 3) % len(TEXTS)]
            asks.append(talk.send(Reply(() if empty else (Served("d", text),), answer)))
    except StopIteration:
        return asks


def test_clients_begin_with_topics_of_their_own() -> None:
    sessions = ExtractContinue().sessions(tiny(), 0)
    assert 1 <= len(sessions) <= SESSIONS
    assert len({session.asks[0].query for session in sessions}) == len(sessions)
    assert sessions == ExtractContinue().sessions(tiny(), 0)
    manifest = ATTACKS.get("extract-continue").manifest
    assert manifest.run_only
    assert ExtractContinue.budget == BUDGET == 200


def test_it_stops_at_its_budget_and_says_the_same_again() -> None:
    first, second = conversation(Small()), conversation(Small())
    assert len(first) == Small.budget
    assert [ask.query for ask in first] == [ask.query for ask in second]


def test_it_exploits_what_it_got_in_both_directions() -> None:
    queries = [ask.query for ask in conversation(Small())]
    begin, end = " ".join(TEXTS[0].split()[:EDGE]), " ".join(TEXTS[0].split()[60 - EDGE : 60])
    assert end in queries[1]  # what comes next
    assert begin in queries[2]  # what stands in front
    assert "item" not in queries[3] or queries[3].count("item") == 6  # and then something new


def test_every_exploited_piece_is_another_one() -> None:
    queries = [ask.query for ask in conversation(Small())]
    forward = list(queries[1::3])
    assert len(set(forward)) == len(forward)


def test_it_reads_the_answer_and_not_the_documents_where_there_is_one() -> None:
    said = conversation(Small(), answer="I cannot give you that.")
    assert not any("item" in ask.query for ask in said)
    assert len(said) == Small.budget


def test_where_nothing_comes_back_it_goes_on_exploring() -> None:
    asks = conversation(Small(), empty=True)
    topics = {query.text.rstrip("?") for query in tiny().queries}
    assert all(any(topic in ask.query for topic in topics) for ask in asks)


def test_scores_are_those_of_extraction() -> None:
    (session, *_) = Small().sessions(tiny(), 0)
    served = [[Served("d", TEXTS[0])], [Served("e", TEXTS[1])]]
    assert Small().score(session, served)["documents"] == 2.0
    replies = [Reply(tuple(served[0]), TEXTS[0]), Reply(tuple(served[1]), "no")]
    assert Small().answered(session, replies)["documents"] == 1.0
