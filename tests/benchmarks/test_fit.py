"""What becomes an example of what, and what is kept apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.data import load
from benchmarks.fit import (
    CLEAN,
    GOLD,
    SKIPPED,
    candidate_examples,
    fit_models,
    request_examples,
    training_traffic,
)
from benchmarks.generated import BENIGN
from benchmarks.splits import split
from sentinel.errors import DataError
from sentinel.models import SUSPECT
from sentinel.threat_models import ThreatModels
from sentinel.vocabulary import Threat
from tests.benchmarks.made_readings import reading, world
from tests.benchmarks.tiny import tiny


def test_requests_of_other_threats_are_no_examples() -> None:
    found = request_examples(world(), Threat.MEMBERSHIP)
    assert {e.kind for e in found} == {*BENIGN, "mba", "direct"}
    assert {e.kind for e in found if e.positive} == {"mba", "direct"}
    assert {e.kind for e in request_examples(world(), Threat.MEMBERSHIP, ["mba"]) if e.positive} == {"direct"}


def test_a_poisoning_that_did_not_come_back_is_no_example() -> None:
    came, stayed = (reading("poisonedrag", 1, threat=Threat.POISONING, aimed=aimed) for aimed in ((1,), ()))
    assert len(request_examples([came, stayed], Threat.POISONING)) == 1


def test_the_first_questions_of_an_interrogation_are_no_examples() -> None:
    asked = [reading("interrogation", 1, threat=Threat.MEMBERSHIP, member=True, turn=t) for t in range(5)]
    assert len(request_examples(asked, Threat.MEMBERSHIP)) == 3


def test_candidates_are_gold_clean_or_aimed_at_the_question() -> None:
    found = candidate_examples(
        [
            reading(gold=(0,), question_echo=(0.1, 0.2, np.nan, 0.4)),
            reading("poisonedrag", threat=Threat.POISONING, planted=(1, 2), aimed=(2,), question_echo=(0, 0.3, 0.9, 0)),
            reading("mba", threat=Threat.MEMBERSHIP, question_echo=(1, 1, 1, 1)),
        ],
        Threat.POISONING,
    )
    assert [(e.kind, e.positive) for e in found] == [
        (GOLD, False), (CLEAN, False), (CLEAN, False), (CLEAN, False), ("poisonedrag", True)
    ]  # fmt: skip
    assert [dict(e.features) for e in found] == [
        {"question_echo": 0.1}, {"question_echo": 0.2}, {}, {"question_echo": 0.4}, {"question_echo": 0.9}
    ]  # fmt: skip


def test_models_of_the_threats_that_there_are_examples_of() -> None:
    models = fit_models(world(), "here")
    assert models.request.keys() == {Threat.MEMBERSHIP, Threat.POISONING}
    assert models.candidate.keys() == {Threat.POISONING}
    assert models.request[Threat.POISONING].features == ("poisoning" + SUSPECT,) or (
        "poisoning" + SUSPECT in models.request[Threat.POISONING].features
    )
    assert models.fitted_on == "here"
    assert ThreatModels.loads(models.dumps()).dumps() == models.dumps()
    assert fit_models(world(), "here").dumps() == models.dumps()


def test_a_family_that_was_left_out_is_found_by_what_it_alone_shows() -> None:
    model = fit_models(world(), "", leave_out=["mba"]).request[Threat.MEMBERSHIP]

    def odds(shown: float) -> float:
        values = {"placeholders": shown, "query_length": 3.0}
        return float(model.log_odds(np.array([values.get(name, np.nan) for name in model.features])))

    assert odds(0.8) > odds(0.0) + 1


def test_signals_and_threats_can_be_left_out() -> None:
    models = fit_models(world(), "", without=["placeholders"], threats=[Threat.MEMBERSHIP])
    assert models.request.keys() == {Threat.MEMBERSHIP}
    assert "placeholders" not in models.request[Threat.MEMBERSHIP].features
    assert not fit_models(world(), "", without=["question_echo"], threats=[Threat.POISONING]).candidate


def test_training_traffic_is_generated_and_reads_one_part_of_the_benign_sessions() -> None:
    data = load("bundled")
    traffic = training_traffic(data, 0)
    names = [t.attack.manifest.name for t in traffic]
    assert names[:3] == list(BENIGN)
    assert not set(SKIPPED) & set(names)
    assert {t.data.name for t in traffic} == {f"{data.name}-generated-0"}
    every = {t.attack.manifest.name: t for t in training_traffic(data, 0, None)[:3]}
    for item in traffic[:3]:
        dealt = split(every[item.attack.manifest.name].sessions, 0, item.attack.manifest.name)
        assert {s.id for s in item.sessions} == {key for key, part in dealt.items() if part == "fit"}
    asked = [ask for session in traffic[3].sessions for ask in session.asks]
    planted_for = {s.asks[0].query for t in traffic if t.attack.manifest.name == "pia" for s in t.sessions}
    assert names[3] == "benign"
    assert not traffic[3].planted
    assert {ask.query for ask in asked} == planted_for
    assert all(ask.gold for ask in asked)
    assert not {s.id for s in traffic[0].sessions} & {s.id for s in traffic[3].sessions}
    tested = {t.id for t in data.membership}
    assert not tested & {s.target for t in traffic[3:] for s in t.sessions}


def test_data_without_free_passages_cannot_be_fitted() -> None:
    with pytest.raises(DataError, match="too few passages"):
        training_traffic(replace(tiny(), queries=tiny().queries), 0)


def test_a_log_of_questions_is_benign_traffic_enough() -> None:
    data = load("bundled")
    log = replace(data, queries=tuple(replace(q, gold=frozenset()) for q in data.queries), drilldowns=(), hard=())
    traffic = training_traffic(log, 0)
    by_name = {t.attack.manifest.name: t for t in reversed(traffic)}
    assert {*BENIGN, "mba", "direct", "poisonedrag"} <= set(by_name)
    assert all(by_name[name].sessions for name in BENIGN)
    assert not any(ask.gold for s in by_name["benign"].sessions for ask in s.asks)
    assert "case" not in {s.group for s in by_name["benign-hard"].sessions}, "made of the passage that answers"
