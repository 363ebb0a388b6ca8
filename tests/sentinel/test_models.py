"""Features, the logistic model by hand, and the models file."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel import DataError, Threat, ThreatModels
from sentinel.models import CLIP, LogisticModel, request_features, shipped_models


def model(features=("a", "b"), center=(1.0, 0.0), scale=(2.0, 0.5), weight=(1.0, 0.5), bias=-2.0):
    return LogisticModel(features, *(np.array(values, dtype=float) for values in (center, scale, weight)), bias)


MODELS = ThreatModels(
    {Threat.MEMBERSHIP: model(), Threat.POISONING: model(("c:max",), (0.1,), (1 / 3,), (0.7,), 0.0)},
    {Threat.POISONING: model(("c",), (0.0,), (1.0,), (2.0,), -1.5)},
    0.02,
    "bundled",
)


def test_probability_golden():
    # a = 3: (3 - 1) / 2 * 1.0 = 1; b = 0.25: (0.25 - 0) / 0.5 * 0.5 = 0.25; logit = -2 + 1 + 0.25 = -0.75.
    # 1 / (1 + e^0.75) = 1 / 3.1170000 = 0.3208213
    assert float(model().probability(np.array([3.0, 0.25]))) == pytest.approx(0.3208213, abs=1e-7)
    np.testing.assert_allclose(model().contributions(np.array([3.0, 0.25])), [1.0, 0.25])


def test_a_missing_feature_neither_accuses_nor_acquits():
    base = 1 / (1 + math.exp(2.0))
    assert float(model().probability(np.array([np.nan, np.nan]))) == pytest.approx(base)
    assert float(model().probability(np.array([1.0, np.nan]))) == pytest.approx(base)


def test_one_wild_value_is_cut():
    np.testing.assert_allclose(model().contributions(np.array([np.inf, -1e300])), [CLIP * 1.0, -CLIP * 0.5])


def test_probability_works_row_by_row():
    rows = np.array([[3.0, 0.25], [np.nan, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(model().probability(rows), [float(model().probability(row)) for row in rows])
    assert model().probability(np.empty((0, 2))).shape == (0,)


@given(st.lists(st.floats(allow_nan=True), min_size=2, max_size=2), st.floats(0, 1e6))
def test_probability_stays_in_range_and_never_falls_with_a_feature(values, more):
    low = float(model().probability(np.array(values)))
    high = float(model().probability(np.array([values[0] + more, values[1]])))
    assert 0.0 < low < 1.0
    assert high >= low or math.isnan(values[0] + more)


def test_request_features():
    features = request_features(
        {
            "number": 0.5,
            "missing": None,
            "nan": float("nan"),
            "infinite": float("inf"),
            "many": np.array([0.25, np.nan, 1.0, 0.75]),
            "one": np.array([np.nan, 2.0]),
            "none": np.array([np.nan]),
            "empty": np.array([]),
        }
    )
    assert features == {"number": 0.5, "many:max": 1.0, "many:lead": 0.25, "one:max": 2.0}


@given(st.lists(st.floats(-1e6, 1e6), min_size=2))
def test_features_do_not_depend_on_the_order_of_candidates(values):
    forward = request_features({"s": np.array(values)})
    assert forward == request_features({"s": np.array(values[::-1])})
    assert forward["s:lead"] >= 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"center": (1.0,)},
        {"scale": (1.0, 0.0)},
        {"scale": (1.0, -1.0)},
        {"weight": (np.nan, 1.0)},
        {"weight": (-0.1, 1.0)},
        {"bias": float("inf")},
        {"features": ("a",)},
    ],
    ids=str,
)
def test_impossible_models_are_refused(wrong):
    with pytest.raises(DataError):
        model(**wrong)


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
        broken(schema=2),
        broken(schema=None),
        broken(request=[]),
        broken(request={"theft": {}}),
        broken(request={"membership": []}),
        broken(prevalence="often"),
        broken(fitted_on=None),
        broken(request__membership__weight=None),
        broken(request__membership__weight=[1.0]),
        broken(request__membership__weight=["x", "y"]),
        broken(request__membership__weight=[float("nan"), 1.0]),
        broken(request__membership__scale=[0.0, 1.0]),
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
