"""Curves from benign values, and slope and bias from both kinds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel import SIGNALS, DataError, Threat
from sentinel.fitting import (
    CAP,
    FAR_OUT,
    KNEE,
    MECHANISMS,
    SLOPE,
    UNSEEN_SPREAD,
    Example,
    curve,
    feature_names,
    fit,
    mechanism,
)
from sentinel.models import SUSPECT

RNG = np.random.default_rng(3)
BELL = np.random.default_rng(5).normal(size=2000)


def examples(benign, attack, name="a", kind="benign"):
    return [Example({name: float(v)}, False, kind) for v in benign] + [
        Example({name: float(v)}, True, "attack") for v in attack
    ]


def test_curve_golden():
    # 1, 2, ..., 100 once each: 51 of 100 are at least 50; smoothed, -log10(51.5 / 100.5) at 50 itself.
    made = curve(np.arange(1.0, 101.0), np.ones(100), 0.0, "m")
    assert float(made(np.array(50.0))) == pytest.approx(-np.log10(51.5 / 100.5), abs=0.01)
    # The last tenth is extrapolated (ten values are the least): from 90 on with a mean excess of 5.5, times what ten
    # values leave open, 20 / chi2(0.05, 20) = 1.843: a decade every 10.14 * ln 10 = 23.34.
    at = -np.log10(11.5 / 100.5)
    assert float(made(np.array(90.0 + 23.34))) == pytest.approx(at + 1, abs=0.01)
    assert float(made(np.array(1e9))) == CAP
    assert float(made(np.array(0.0))) == 0.0


def test_a_signal_that_never_moved_speaks_from_its_first_steps_on():
    made = curve(np.zeros(200), np.ones(200), KNEE, "m")
    assert float(made(np.array(0.0))) == 0.0
    assert float(made(np.array(1.0))) > float(made(np.array(UNSEEN_SPREAD))) >= 0.0


def test_what_hardly_any_text_has_is_as_rare_as_it_is():
    # Two of 1,000 exceed zero. With 95 % confidence it is at most chi2(0.95, 6) / 2 = 6.296 of them: 2.201 decades.
    made = curve(np.array([0.0] * 998 + [0.2, 0.5]), np.ones(1000), 0.0, "m")
    assert float(made(np.array(0.0))) == 0.0
    assert float(made(np.array(0.2))) == pytest.approx(2.201, abs=0.001)
    assert float(made(np.array(0.1))) == pytest.approx(2.201 / 2, abs=0.001)
    assert 2.201 < float(made(np.array(0.5))) < CAP
    # None of 200 did: 3 of 200 at most, 1.824 decades, from the usual deviation of such signals on.
    made = curve(np.zeros(200), np.ones(200), 0.0, "m")
    assert float(made(np.array(UNSEEN_SPREAD))) == pytest.approx(-np.log10(2.9957 / 200), abs=0.001)
    # One that exceeds by next to nothing is as rare, and what is continuous has no such step.
    assert float(curve(np.array([0.0] * 999 + [1e-9]), np.ones(1000), 0.0, "m")(np.array(1e-9))) > 2.0
    smooth = curve(np.arange(1000.0), np.ones(1000), 0.0, "m")
    assert float(smooth(np.array(951.0))) == pytest.approx(1.3, abs=0.05)


@given(
    st.lists(st.floats(-1e3, 1e3) | st.integers(0, 3).map(float), min_size=1, max_size=60),
    st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=10),
    st.sampled_from([0.0, 0.3, KNEE]),
)
def test_curves_never_fall_and_stay_in_bounds(values, asked, knee):
    made = curve(np.array(values), np.ones(len(values)), knee, "m")
    found = made(np.sort(np.array(asked)))
    assert (np.diff(found) >= 0).all()
    assert ((found >= 0) & (found <= CAP)).all()


def test_weights_count_like_repetitions():
    values = RNG.normal(size=60)
    twice = curve(np.concatenate([values, values[:30]]), np.ones(90), 0.0, "m")
    weighted = curve(values, np.r_[np.full(30, 2.0), np.ones(30)], 0.0, "m")
    asked = np.linspace(-3, 1, 20)
    np.testing.assert_allclose(twice(asked), weighted(asked), atol=0.1)


def test_an_attack_far_out_is_found_and_the_bias_is_that_of_the_prevalence():
    model = fit(examples(RNG.normal(size=500), RNG.normal(8, 1, 100)), ["a"], 0.01)
    assert 0 < model.slope <= SLOPE
    # One mechanism at the end of its curve is 2.8 decades: more than 0.15 at a prevalence of 0.01, and no certainty.
    assert 0.15 < float(model.probability(np.array([20.0]))) < 0.9
    assert float(model.probability(np.array([0.0]))) < 0.01
    other = fit(examples(RNG.normal(size=500), RNG.normal(8, 1, 100)), ["a"], 0.1)
    assert other.bias > model.bias + 1


def test_a_signal_that_attacks_move_the_wrong_way_speaks_for_nothing():
    model = fit(examples(RNG.normal(size=500), RNG.normal(-5, 1, 100)), ["a"], 0.01)
    assert float(model.probability(np.array([10.0]))) == pytest.approx(float(model.probability(np.array([0.0]))))


def test_a_mechanism_that_no_attack_showed_counts_all_the_same():
    made = [Example({"a": float(a), "b": float(b)}, False, "benign") for a, b in RNG.normal(size=(400, 2))]
    made += [Example({"a": 8.0, "b": float(b)}, True, "attack") for b in RNG.normal(size=50)]
    model = fit(made, ["a", "b"], 0.01)
    assert float(model.probability(np.array([0.0, 8.0]))) == pytest.approx(
        float(model.probability(np.array([8.0, 0.0]))), abs=0.1
    )


def test_loud_attacks_are_not_averaged_with_silent_ones():
    """Half of the attacks show nothing: one slope doubts the loud half, a rising curve does not."""
    benign = RNG.normal(size=1000)
    attacks = np.concatenate([RNG.normal(size=100), RNG.normal(4.2, 0.2, 100)])
    sloped = fit(examples(benign, attacks), ["a"], 0.01)
    stepped = fit(examples(benign, attacks), ["a"], 0.01, isotonic=True)
    loud, silent = np.array([4.2]), np.array([0.0])
    assert stepped.probability(loud) > 1.5 * sloped.probability(loud)
    # At 4 and beyond lie half of the attacks and of a thousand benign requests none: what half a request allows.
    assert 0.5 < float(stepped.probability(loud)) < 0.95
    assert float(stepped.probability(silent)) < 0.01
    assert stepped.slope == SLOPE
    assert stepped.steps == tuple(sorted(stepped.steps))


def test_what_is_usual_of_a_mechanism_is_halfway_between_attacks_and_others():
    made = fit(examples(RNG.normal(size=1000), RNG.normal(3.0, 0.5, 200)), ["a"], 0.01, knee=0.3)
    surprise = made.curves["a"]
    means = [float(surprise(RNG.normal(*of, 20_000)).mean()) for of in ((0.0, 1.0), (3.0, 0.5))]
    assert made.usual == {"a": pytest.approx(sum(means) / 2, abs=0.1)}
    assert fit(examples(RNG.normal(size=1000), RNG.normal(3.0, 0.5, 200)), ["a"], 0.01, isotonic=True).usual == {}


def test_kinds_weigh_by_their_shares():
    made = examples(RNG.normal(size=400), RNG.normal(9, 1, 50)) + [
        Example({"a": 5.0}, False, "benign-hard") for _ in range(400)
    ]
    rare = fit(made, ["a"], 0.01, shares={"benign": 0.99, "benign-hard": 0.01})
    often = fit(made, ["a"], 0.01, shares={"benign": 0.5, "benign-hard": 0.5})
    assert rare.curves["a"](np.array(5.0)) > often.curves["a"](np.array(5.0))


@pytest.mark.parametrize(
    ("made", "features"),
    [
        ([], ["a"]),
        (examples(range(19), range(30)), ["a"]),
        (examples(range(30), range(19)), ["a"]),
        (examples(range(30), range(30)), []),
        (examples(range(30), range(30)), ["never"]),
    ],
)
def test_too_little_is_a_data_error(made, features):
    with pytest.raises(DataError):
        fit(made, features, 0.01)


@pytest.mark.parametrize("prevalence", [0.0, 1.0, -0.1, 2.0])
def test_a_prevalence_is_a_share(prevalence):
    with pytest.raises(DataError):
        fit(examples(range(30), range(30)), ["a"], prevalence)


def test_a_feature_measured_a_handful_of_times_is_left_out():
    made = examples(RNG.normal(size=100), RNG.normal(5, 1, 50)) + [Example({"b": 1.0}, False, "benign")] * 5
    assert fit(made, ["a", "b"], 0.01).features == ("a",)


def test_feature_names_follow_the_manifests():
    request = feature_names(Threat.MEMBERSHIP, candidate=False)
    assert {"placeholders", "unasked_length", "verbatim_run:max", "verbatim_run:lead"} <= set(request)
    assert "extraction_wording" in request
    assert "placeholders" not in feature_names(Threat.MEMBERSHIP, candidate=False, exclude=["placeholders"])
    candidate = feature_names(Threat.POISONING, candidate=True)
    assert "question_echo" in candidate
    assert "verbatim_run" not in candidate
    assert request == sorted(request)
    assert set(MECHANISMS) <= set(SIGNALS.names())


def test_mechanisms():
    assert mechanism("verbatim_run:lead") == mechanism("aligned_chain:max") == "copying"
    assert mechanism("jamming" + SUSPECT) == "candidates"
    assert mechanism("strangers_signal:max") == "strangers_signal"


@pytest.mark.parametrize("suffix", ["", ":max", ":lead"])
@pytest.mark.parametrize("name", sorted(FAR_OUT))
def test_what_speaks_at_the_far_end_is_silent_before_it_whichever_feature_is_made_of_it(name, suffix):
    tailed = np.random.default_rng(5).exponential(size=2000)  # as a tail is taken to be
    made = fit(examples(tailed, [90.0] * 50, name + suffix), [name + suffix], 0.01, knee=0.0)
    speaks = float((made.curves[name + suffix].quiet < tailed).mean())
    assert -np.log10(speaks) == pytest.approx(FAR_OUT[name], abs=0.1)


def test_a_knee_that_is_further_out_counts():
    far, plain = (
        fit(examples(BELL, [9.0] * 50, name), [name], 0.01, knee=1.7).curves[name] for name in ("answer_cluster", "a")
    )
    assert far.quiet == plain.quiet
