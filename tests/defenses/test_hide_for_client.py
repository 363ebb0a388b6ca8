"""Hide from a client what this client's history has concentrated on."""

import numpy as np
import pytest

from defenses import Resources, build
from sentinel import ConfigurationError, RiskProfile, Threat
from tests.builders import candidates, evidence, near, seeded_vector

NAMES = ["yes_no_run", "document_concentration", "weight_in_document"]
NAN = float("nan")
DEFAULT = build("hide_for_client")


def select(signals, found=None, keep=None, **parameters):
    whole = evidence(found=candidates(["a", "b", "c", "d"]) if found is None else found)
    whole = whole if keep is None else whole.keep(keep)
    profile = RiskProfile({name: None if v is None else np.array(v, float) for name, v in signals.items()})
    return build("hide_for_client", parameters).select(whole, profile, Resources())


@pytest.mark.parametrize("name", NAMES)
def test_each_signal_alone_hides_at_its_threshold(name):
    threshold = getattr(DEFAULT, name)
    selection = select({name: [threshold - 0.01, threshold, NAN, 99.0]})
    assert selection.keep == (0, 2)
    assert set(selection.dropped) == {1, 3}
    assert all(reason.startswith(f"this client keeps asking about it ({name}") for reason in selection.dropped.values())
    assert select({name: [threshold] * 4}, **{name: threshold + 1}).keep == (0, 1, 2, 3)


@pytest.mark.parametrize("signals", [{}, dict.fromkeys(NAMES), {n: [NAN] * 4 for n in NAMES}, {"other": [9.0] * 4}])
def test_what_is_missing_hides_nothing(signals):
    assert select(signals).dropped == {}


def test_a_value_for_the_whole_request_or_too_few_values_hide_nothing_else():
    profile = RiskProfile({"yes_no_run": 9.0})
    assert DEFAULT.select(evidence(found=["a", "b"]), profile, Resources()).dropped == {}
    assert select({"yes_no_run": [9.0]}).keep == (1, 2, 3)


def test_values_belong_to_positions_and_not_to_places():
    # An earlier defense took position 0 away; the arrays still run over all candidates.
    assert select({"yes_no_run": [0, 0, 9, 0]}, keep=[1, 2, 3]).keep == (1, 3)


def test_near_duplicates_go_with_it_and_their_own_neighbours_do_not():
    target, other = seeded_vector(1), seeded_vector(2)
    copy = near(target, 7, 0.15)
    vectors = [target, copy, other, None]
    found = candidates(["target", "copy", "other", "target"], vectors=vectors)
    selection = select({"yes_no_run": [9, 0, 0, 0]}, found)
    assert selection.keep == (2,)
    assert selection.dropped[1] == selection.dropped[3] == "near-duplicate of a hidden document"
    assert select({"yes_no_run": [9, 0, 0, 0]}, found, cosine=0.999).keep == (1, 2), "by text alone"
    chain = [target, near(target, 7, 0.2), near(near(target, 7, 0.2), 7, 0.2)]
    cosines = [float(target @ v) for v in chain]
    assert select(
        {"yes_no_run": [9, 0, 0]}, candidates("abc", vectors=chain), cosine=(cosines[1] + cosines[2]) / 2
    ).keep == (2,)


@pytest.mark.parametrize("odd", [np.full(16, np.nan, np.float32), np.ones(3, np.float32), None])
def test_vectors_that_cannot_be_compared_hide_nothing_more(odd):
    found = candidates("ab", vectors=[seeded_vector(1), odd])
    assert select({"yes_no_run": [9, 0]}, found).keep == (1,)
    assert select({"yes_no_run": [0, 9]}, found).keep == (0,)


def test_a_document_stays_hidden_as_long_as_the_history_counts_it():
    # The defense keeps nothing itself: the same profile has the same outcome, whenever and however often.
    outcomes = {select({"document_concentration": [0, 12, 0, 0]}).keep for _ in range(5)}
    assert outcomes == {(0, 2, 3)}


def test_manifest():
    assert DEFAULT.manifest.threats == {Threat.MEMBERSHIP, Threat.EXTRACTION}
    with pytest.raises(ConfigurationError, match=r"hide_for_client\.yes_no_run"):
        build("hide_for_client", {"yes_no_run": 0})
