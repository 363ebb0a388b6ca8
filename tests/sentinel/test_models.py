"""Features, and the logistic model by hand."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel import DataError
from sentinel.models import Curve, SurpriseModel, candidate_values, request_features


def curve(values=(0.0, 2.0), surprise=(0.0, 1.0), mechanism="m"):
    return Curve(np.array(values, dtype=float), np.array(surprise, dtype=float), mechanism)


def model(slope=2.0, bias=-2.0, **curves):
    return SurpriseModel(curves or {"a": curve(), "b": curve((0.0, 1.0, 3.0), (0.0, 0.5, 3.0), "n")}, slope, bias)


SHARED = model(a=curve(), b=curve((0.0, 1.0), (0.0, 3.0)))


def test_probability_golden():
    # a = 1: half of a decade; b = 2: half way from 0.5 to 3, 1.75 decades; logit = -2 + 2 * (0.5 + 1.75) = 2.5.
    # 1 / (1 + e^-2.5) = 1 / 1.0820850 = 0.9241418
    assert float(model().probability(np.array([1.0, 2.0]))) == pytest.approx(0.9241418, abs=1e-7)
    np.testing.assert_allclose(model().contributions(np.array([1.0, 2.0])), [1.0, 3.5])


def test_what_could_not_be_measured_counts_for_what_is_usual_of_it():
    curves = {"a": curve(), "b": curve(mechanism="n"), "also b": curve(mechanism="n"), "c": curve(mechanism="o")}
    made = SurpriseModel(curves, 2.0, -3.0, usual={"m": 0.25, "n": 1.5, "o": 0.0})
    everything = {"a": np.zeros(2), "b": np.full(2, np.nan), "also b": np.zeros(2), "c": 0.0}
    assert made.unmeasured(everything) == 0.0
    # Missing for each candidate is a property of the texts; only no measurement at all is one of the base.
    assert made.unmeasured({**everything, "also b": None}) == 0.0
    assert made.unmeasured({**everything, "b": None, "also b": None}) == 3.0
    assert made.unmeasured({"c": 0.0}) == 3.5
    assert model().unmeasured({}) == 0.0
    read = SurpriseModel.from_json(json.loads(json.dumps(made.to_json())))
    assert read.usual == made.usual
    assert "usual" not in model().to_json()


@pytest.mark.parametrize("decades", [-0.1, math.nan, math.inf])
def test_what_is_usual_is_a_number_of_decades(decades):
    with pytest.raises(DataError, match="usual"):
        SurpriseModel({"a": curve()}, 1.0, 0.0, usual={"m": decades})


STEPS = ((0.5, -3.0), (1.5, -1.0), (2.0, 4.0))


def test_a_sum_may_be_worth_any_rising_curve():
    stepped = SurpriseModel({"a": curve((0.0, 3.0), (0.0, 3.0))}, 1.0, -4.0, STEPS)
    values = np.array([[0.0], [0.5], [1.0], [1.75], [9.0], [np.nan]])
    # Level below 0.5 and beyond 2, straight between: -4 and what the curve says.
    np.testing.assert_allclose(stepped.log_odds(values), [-7.0, -7.0, -6.0, -2.5, 0.0, -7.0])
    read = SurpriseModel.from_json(json.loads(json.dumps(stepped.to_json())))
    assert read.steps == STEPS
    np.testing.assert_allclose(read.log_odds(values), stepped.log_odds(values))


@pytest.mark.parametrize(
    "steps",
    [
        ((0.0, 1.0), (0.0, 2.0)),
        ((1.0, 0.0), (0.5, 1.0)),
        ((0.0, 1.0), (1.0, 0.5)),
        ((0.0, math.nan),),
        ((math.inf, 0.0),),
    ],
)
def test_steps_that_fall_are_refused(steps):
    with pytest.raises(DataError, match="steps"):
        SurpriseModel({"a": curve()}, 1.0, 0.0, steps)


def test_of_one_mechanism_only_the_most_surprising_counts():
    np.testing.assert_allclose(SHARED.contributions(np.array([1.0, 0.5])), [0.0, 3.0])
    np.testing.assert_allclose(SHARED.contributions(np.array([[2.0, np.nan], [2.0, 0.1]])), [[2.0, 0.0], [2.0, 0.0]])
    # Two that are as surprising are one piece of evidence, not two.
    assert SHARED.contributions(np.array([2.0, 1 / 3])).sum() == pytest.approx(2.0)


def test_a_missing_feature_neither_accuses_nor_acquits():
    base = 1 / (1 + math.exp(2.0))
    assert float(model().probability(np.array([np.nan, np.nan]))) == pytest.approx(base)
    assert float(model().probability(np.array([-5.0, np.nan]))) == pytest.approx(base)


def test_one_wild_value_is_cut():
    np.testing.assert_allclose(model().contributions(np.array([np.inf, -1e300])), [2.0, 0.0])


def test_probability_works_row_by_row():
    rows = np.array([[3.0, 0.25], [np.nan, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(model().probability(rows), [float(model().probability(row)) for row in rows])
    assert model().probability(np.empty((0, 2))).shape == (0,)


@given(st.lists(st.floats(allow_nan=True), min_size=2, max_size=2), st.floats(0, 1e6), st.booleans())
def test_probability_stays_in_range_and_never_falls_with_a_feature(values, more, shared):
    tried = SHARED if shared else model()
    low = float(tried.probability(np.array(values)))
    high = float(tried.probability(np.array([values[0] + more, values[1]])))
    assert 0.0 < low < 1.0
    assert high >= low or math.isnan(values[0] + more)


def test_candidate_values():
    table = candidate_values(("c", "r", "gone"), {"c": np.array([1.0, np.nan]), "r": 0.5, "gone": None}, 2)
    np.testing.assert_array_equal(table, [[1.0, 0.5, np.nan], [np.nan, 0.5, np.nan]])


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
    ("values", "surprise"),
    [((), ()), ((0.0,), (0.0, 1.0)), ((0.0, 0.0), (0.0, 1.0)), ((1.0, 0.0), (0.0, 1.0)), ((0.0, 1.0), (1.0, 0.0)),
     ((0.0, 1.0), (-1.0, 0.0)), ((0.0, np.nan), (0.0, 1.0)), ((0.0, 1.0), (0.0, np.inf))],
)  # fmt: skip
def test_impossible_curves_are_refused(values, surprise):
    with pytest.raises(DataError):
        curve(values, surprise)


@pytest.mark.parametrize(("slope", "bias"), [(-0.1, 0.0), (np.nan, 0.0), (np.inf, 0.0), (1.0, np.inf), (1.0, np.nan)])
def test_impossible_models_are_refused(slope, bias):
    with pytest.raises(DataError):
        model(slope, bias)


points = st.lists(st.floats(-50, 50, allow_subnormal=False), min_size=1, max_size=6, unique=True).map(sorted)


@settings(max_examples=200)
@given(points, st.data())
def test_one_value_has_digit_for_digit_the_surprise_that_an_array_has(values, data):
    steps = data.draw(st.lists(st.sampled_from([0.0, 0.1, 1 / 3, 2.7]), min_size=len(values), max_size=len(values)))
    curve = Curve(np.array(values), np.cumsum(steps), "m")
    asked = [*values, *data.draw(st.lists(st.floats(-60, 60), max_size=5))]
    assert [curve.at(value) for value in asked] == np.interp(asked, values, np.cumsum(steps)).tolist()
    assert all(curve(np.array([v]))[0] == 0 for v in asked if v <= curve.quiet)
    assert curve.at(np.nan) == 0


@settings(max_examples=100)
@given(st.lists(st.tuples(*[st.none() | st.floats(-2, 4)] * 4), min_size=1, max_size=5))
def test_shares_are_the_contributions_of_the_same_table(rows):
    curves = {
        name: Curve(np.array([0.0, 1.0, 2.5]), np.array([first, 0.7, 3.1]), mechanism)
        for name, first, mechanism in (("a", 0.0, "m"), ("b", 0.2, "m"), ("c", 0.0, "m"), ("d", 0.0, "n"))
    }
    fitted = SurpriseModel(curves, 1.3, -4.0)
    table = np.array([[np.nan if v is None else v for v in row] for row in rows])
    signals = {name: table[:, i] for i, name in enumerate("abcd")}
    found = fitted.candidate_shares(signals, request_features(signals), len(rows))
    if np.isnan(table).all():
        assert found is None
    else:
        assert found.tolist() == fitted.contributions(table).tolist()
    for row in table:
        shares = fitted.shares({name: v for name, v in zip("abcd", row.tolist(), strict=True) if v == v})
        assert shares is None if np.isnan(row).all() else shares == fitted.contributions(row).tolist()


@given(st.lists(st.floats(), max_size=12))
def test_request_features_are_those_of_the_finite_values(values):
    finite = sorted(value for value in values if np.isfinite(value))
    expected = {"s:max": finite[-1]} if finite else {}
    if len(finite) > 1:
        expected["s:lead"] = finite[-1] - finite[-2]
    assert request_features({"s": np.array(values, dtype=np.float64)}) == expected


@pytest.mark.parametrize("steps", [(), ((0.0, -3.0), (1.0, 0.5), (4.0, 2.0))])
def test_nothing_surprising_is_the_probability_of_quiet_values(steps):
    curve = Curve(np.array([0.0, 1.0]), np.array([0.0, 2.0]), "m")
    fitted = SurpriseModel({"a": curve, "b": curve}, 1.3, -4.0, steps)
    assert fitted.shares({"a": -1.0}) == [0.0, 0.0]
    assert fitted.unsurprised == fitted.probability(np.array([-1.0, np.nan]))
