"""Drop what the fitted models suspect, by position over all candidates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Resources
from defenses.context.suspicion_filter import SuspicionFilter
from sentinel import DataError, RiskProfile, Threat
from tests.builders import candidates, evidence

POISONING, JAMMING = Threat.POISONING, Threat.JAMMING


def select(suspicion, positions=(0, 1, 2, 3), **parameters):
    profile = RiskProfile(suspicion={t: np.array(values) for t, values in suspicion.items()})
    found = evidence(found=candidates("abcd")).keep(positions)
    return SuspicionFilter(**parameters).select(found, profile, Resources())


def test_what_exceeds_the_threshold_goes_for_any_threat():
    suspicion = {POISONING: [0.95, 0.9, 0.1, 0.1], JAMMING: [0.1, 0.1, 0.99, float("nan")]}
    selection = select(suspicion)
    assert selection.keep == (1, 3), "the threshold itself and the unknown stay"
    assert selection.dropped == {0: "suspicion of poisoning 0.95", 2: "suspicion of jamming 0.99"}
    assert select(suspicion, threats={JAMMING}).keep == (0, 1, 3)
    assert select(suspicion, threshold=0.0, threats=[POISONING]).keep == ()


def test_arrays_run_over_all_candidates_by_position():
    assert select({POISONING: [0.0, 0.99, 0.0, 0.99]}, positions=(1, 2)).keep == (2,)
    assert select({POISONING: [0.99]}, positions=(2, 3)).keep == (2, 3), "a short array says nothing of the rest"


def test_membership_is_not_its_business_unless_asked():
    assert select({Threat.MEMBERSHIP: [1.0] * 4}).keep == (0, 1, 2, 3)
    assert select({Threat.MEMBERSHIP: [1.0] * 4}, threats={Threat.MEMBERSHIP}).keep == ()


def test_threshold_golden():
    scores = [i / 100 for i in range(1, 100)]  # 99 scores, .01 to .99
    assert SuspicionFilter.threshold_at(scores, 0.01) == 0.99  # the ceil(100 * .99) = 99th
    assert SuspicionFilter.threshold_at(scores, 0.05) == 0.95
    assert SuspicionFilter.threshold_at(scores, 0.005) == 1.0  # 199 scores would be needed
    assert SuspicionFilter.threshold_at([], 0.5) == 1.0
    assert SuspicionFilter.threshold_at([0.3] * 200, 0.05) == 0.3


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0.001, 0.999))
def test_the_rate_holds_on_the_scores_themselves(scores, fpr):
    threshold = SuspicionFilter.threshold_at(scores, fpr)
    assert sum(score > threshold for score in scores) <= fpr * (len(scores) + 1)


@pytest.mark.parametrize(
    ("scores", "fpr"), [([0.5], 0.0), ([0.5], 1.0), ([0.5], float("nan")), ([1.5], 0.1), ([float("nan")], 0.1)]
)
def test_bad_input_is_refused(scores, fpr):
    with pytest.raises(DataError):
        SuspicionFilter.threshold_at(scores, fpr)
