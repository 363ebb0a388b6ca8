"""The models file, its hash, and what moves with the prevalence."""

import json
import math

import numpy as np
import pytest

from sentinel import DataError, Threat, ThreatModels
from sentinel.models import SUSPECT, Curve, SurpriseModel
from sentinel.threat_models import shipped_models


def curve(values=(0.0, 2.0), surprise=(0.0, 1.0), mechanism="m"):
    return Curve(np.array(values, dtype=float), np.array(surprise, dtype=float), mechanism)


def model(bias=-2.0):
    return SurpriseModel({"a": curve(), "b": curve((0.0, 1.0, 3.0), (0.0, 0.5, 3.0), "n")}, 2.0, bias)


MODELS = ThreatModels(
    {
        Threat.MEMBERSHIP: model(),
        Threat.POISONING: SurpriseModel({"poisoning" + SUSPECT: curve((-4.0, 2.0), (0.0, 1 / 3))}, 0.7, 0.0),
    },
    {Threat.POISONING: SurpriseModel({"c": curve()}, 2.0, -1.5)},
    0.02,
    "bundled",
)


def test_another_prevalence_moves_the_odds_and_nothing_else():
    moved = MODELS.at(0.2)
    shift = math.log(0.2 / 0.8) - math.log(0.02 / 0.98)
    values = np.array([1.0, 0.5])
    for threat, feature in ((Threat.MEMBERSHIP, values), (Threat.POISONING, np.array([0.5]))):
        before, after = MODELS.request[threat], moved.request[threat]
        here = feature + shift if threat is Threat.POISONING else feature  # candidates' odds move as well
        assert float(after.log_odds(here)) == pytest.approx(float(before.log_odds(feature)) + shift)
    assert moved.prevalence == 0.2
    assert moved.at(0.02).request[Threat.MEMBERSHIP].bias == pytest.approx(-2.0)
    with pytest.raises(DataError):
        MODELS.at(1.0)


def test_models_round_trip():
    text = MODELS.dumps()
    again = ThreatModels.loads(text)
    assert again.dumps() == text
    assert again.hash == MODELS.hash
    assert len(again.hash) == 16
    assert (again.prevalence, again.fitted_on) == (0.02, "bundled")
    values = np.array([0.3])
    assert again.candidate[Threat.POISONING].probability(values) == MODELS.candidate[Threat.POISONING].probability(
        values
    )


def test_the_hash_sees_every_number():
    changed = ThreatModels({**MODELS.request, Threat.MEMBERSHIP: model(bias=-2.0000001)}, MODELS.candidate, 0.02)
    assert changed.hash != MODELS.hash


def broken(**changes):
    data = json.loads(MODELS.dumps())
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = data
        for parent in parents:
            inner = inner[parent]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        broken(schema=1),
        broken(schema=None),
        broken(request=[]),
        broken(request={"theft": {}}),
        broken(request={"membership": []}),
        broken(prevalence="often"),
        broken(fitted_on=None),
        broken(prevalence=0.0),
        broken(request__membership__curves=None),
        broken(request__membership__curves=[]),
        broken(request__membership__curves__a__values=[1.0]),
        broken(request__membership__curves__a__values=["x", "y"]),
        broken(request__membership__curves__a__values=[float("nan"), 1.0]),
        broken(request__membership__curves__a__surprise=[1.0, 0.0]),
        broken(request__membership__slope=-1.0),
        broken(request__membership__bias="x"),
        broken(request__membership__bias=float("inf")),
    ],
)
def test_bad_models_are_data_errors(text):
    with pytest.raises(DataError):
        ThreatModels.loads(text)


@pytest.mark.parametrize("raw", [None, b"\xff\xfe\x00", b"not json"])
def test_unreadable_files_are_data_errors_that_name_the_file(tmp_path, raw):
    path = tmp_path / "my-models.json"
    if raw is not None:
        path.write_bytes(raw)
    with pytest.raises(DataError, match=r"my-models\.json"):
        ThreatModels.load(path)


def test_a_file_round_trips_and_the_shipped_one_loads(tmp_path):
    (tmp_path / "m.json").write_text(MODELS.dumps())
    assert ThreatModels.load(tmp_path / "m.json").hash == MODELS.hash
    assert shipped_models() is shipped_models()


def test_the_signals_are_those_that_a_curve_reads_whatever_it_reads_of_them():
    lead = SurpriseModel({"c:lead": curve(), "c:max": curve(), "poisoning" + SUSPECT: curve()}, 1.0, -1.0)
    assert ThreatModels({Threat.MEMBERSHIP: lead}, {Threat.POISONING: model()}).signals == {"a", "b", "c"}
    assert ThreatModels().signals == frozenset()
