"""The exponential mechanism for a similarity threshold: by hand, in proportion, and within its epsilon."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from defenses import Resources, SeededRandomSource, build
from defenses.retrieval.dp_retrieval import DpRetrieval, draw_threshold, probabilities, top_k_utility, top_p_utility
from sentinel import ConfigurationError, RiskProfile
from tests.builders import candidates, evidence

SIMILARITIES = [0.8, 0.5, 0.2]
COSINES = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=12)


def test_top_k_golden():
    # Pieces (-1, .2], (.2, .5], (.5, .8], (.8, 1] serve 3, 2, 1, 0 of three; k = 1, so U = -2, -1, 0, -1.
    edges, utility = top_k_utility(SIMILARITIES, 1)
    np.testing.assert_allclose(edges, [-1, 0.2, 0.5, 0.8, 1])
    np.testing.assert_allclose(utility, [-2, -1, 0, -1])
    # epsilon = 2 ln 2: exp(epsilon U / 2) = 2^U. Weights 1.2/4, .3/2, .3, .2/2 = .30, .15, .30, .10, sum .85.
    np.testing.assert_allclose(probabilities((edges, utility), 2 * math.log(2)), np.array([30, 15, 30, 10]) / 85)


def test_top_p_golden():
    # Bounds 0 and 1, alpha = ln 16: w = 16^(s - 1): 16^-0.5 = .25 and 16^-0.75 = .125, in all .375, half of it .1875.
    edges, utility = top_p_utility([0.5, 0.25], 0.5, math.log(16), (0.0, 1.0))
    np.testing.assert_allclose(edges, [-1, 0.25, 0.5, 1])
    np.testing.assert_allclose(utility, [-0.1875, -0.0625, -0.1875])
    # epsilon = 32 ln 2: exp(epsilon U / 2) = 2^(16 U) = 1/8, 1/2, 1/8 by lengths 1.25, .25, .5: .15625, .125, .0625.
    chances = probabilities((edges, utility), 32 * math.log(2))
    np.testing.assert_allclose(chances, np.array([0.15625, 0.125, 0.0625]) / 0.34375)
    np.testing.assert_allclose(top_p_utility([0.9], 0.25, 3.0, (0.0, 0.8))[1], [-0.75, -0.25])


def test_ties_and_bounds():
    edges, utility = top_k_utility([0.5, 0.5, 1.0000001, -1.2], 2)
    np.testing.assert_allclose(edges, [-1, 0.5, 1])
    # On (-1, .5] three are served: what lies at -1 is reached by no threshold above -1.
    np.testing.assert_allclose(utility, [-1, -1])
    assert top_k_utility([], 2)[1].tolist() == [-2]


def test_huge_epsilon_overflows_nothing():
    chances = probabilities(top_k_utility(np.linspace(0, 0.9, 500).tolist(), 5), 1000.0)
    assert chances.sum() == pytest.approx(1.0)
    assert chances.max() == pytest.approx(1.0)


def density(pieces, epsilon, at):
    edges, _ = pieces
    piece = np.searchsorted(edges, at, side="left") - 1
    return probabilities(pieces, epsilon)[piece] / np.diff(edges)[piece]


@given(COSINES, st.floats(-1, 1, width=32), st.integers(1, 6), st.sampled_from([0.1, 1.0, 5.0]), st.floats(0.05, 0.95))
def test_the_density_of_neighbours_stays_within_epsilon(found, more, k, epsilon, p):
    grid = np.unique(np.clip(np.concatenate([found, [more, -0.999, 1.0], np.linspace(-0.99, 1, 41)]), -0.999, 1))
    for utility in (
        lambda s: top_k_utility(s, k),
        lambda s: top_p_utility(s, p, 3.0),
        lambda s: top_p_utility(s, p, 5.0, (0.0, 0.4)),
    ):
        with_it, without = density(utility([*found, more]), epsilon, grid), density(utility(found), epsilon, grid)
        ratio = np.abs(np.log(with_it) - np.log(without))
        assert ratio.max() <= epsilon * (1 + 1e-6)


DRAWS = 20_000
LEVEL = 1e-6


def bounds(hits):
    """Clopper-Pearson: the share that so many hits stand for."""
    low = beta.ppf(LEVEL / 2, hits, DRAWS - hits + 1) if hits else 0.0
    high = beta.ppf(1 - LEVEL / 2, hits + 1, DRAWS - hits) if hits < DRAWS else 1.0
    return low, high


def drawn(found, epsilon, seed):
    pieces, source = top_k_utility(found, 2), random.Random(seed)
    return np.array([draw_threshold(pieces, epsilon, source) for _ in range(DRAWS)])


def violations(left, right, epsilon):
    """Events "above t" and "at most t" more likely on the left than epsilon allows, beyond what chance explains."""
    counts = [(int((left > t).sum()), int((right > t).sum())) for t in np.linspace(-0.9, 0.95, 24)]
    counts += [(DRAWS - a, DRAWS - b) for a, b in counts]
    return [1 for a, b in counts if bounds(a)[0] > math.exp(epsilon) * bounds(b)[1]]


# The worst neighbours: k = 2, and a third document of middling similarity turns a perfect piece into a poor one.
NEIGHBOURS = ([0.9, 0.88], [0.9, 0.88, 0.86])


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 2.0])
def test_draws_on_neighbouring_candidates_stay_within_epsilon(epsilon):
    left, right = (drawn(found, epsilon, seed) for seed, found in enumerate(NEIGHBOURS))
    assert not violations(left, right, epsilon)
    assert not violations(right, left, epsilon)


def test_the_statistical_test_finds_a_mechanism_that_breaks_its_promise():
    left, right = (drawn(found, 4.0, seed) for seed, found in enumerate(NEIGHBOURS))
    assert violations(left, right, 1.0) or violations(right, left, 1.0)


def test_draws_follow_the_probabilities():
    pieces = top_k_utility(SIMILARITIES, 1)
    source = random.Random(3)
    counts = np.histogram([draw_threshold(pieces, 2 * math.log(2), source) for _ in range(DRAWS)], pieces[0])[0]
    np.testing.assert_allclose(counts / DRAWS, np.array([30, 15, 30, 10]) / 85, atol=4 * 0.5 / math.sqrt(DRAWS))


def test_a_large_epsilon_serves_the_first_k_and_a_small_one_does_not():
    found = evidence(found=candidates("abcdefgh", np.linspace(0.9, 0.2, 8).tolist()), k=3)
    sizes = {
        epsilon: [
            len(DpRetrieval(epsilon=epsilon).select(found, RiskProfile(), Resources(SeededRandomSource(i))).keep)
            for i in range(200)
        ]
        for epsilon in (0.01, 100.0)
    }
    assert set(sizes[100.0]) == {3}
    assert len(set(sizes[0.01])) > 4


@pytest.mark.parametrize("utility", ["top_k", "top_p"])
def test_copies_count_once_and_share_one_fate(utility):
    def keep(texts, similarities, seed):
        found = evidence(found=candidates(texts, similarities), k=2)
        defense = DpRetrieval(epsilon=1.0, utility=utility)
        return set(defense.select(found, RiskProfile(), Resources(SeededRandomSource(seed))).keep)

    for seed in range(30):
        once = keep("abc", [0.9, 0.5, 0.1], seed)
        assert keep("abcaa", [0.9, 0.5, 0.1, 0.9, 0.9], seed) == once | ({3, 4} if 0 in once else set())


def test_what_has_no_similarity_stays_and_the_rest_has_a_reason():
    found = evidence(found=candidates("abc", [0.9, None, -0.9]), k=1)
    selection = DpRetrieval(epsilon=500.0).select(found, RiskProfile(), Resources(SeededRandomSource(1)))
    assert selection.keep == (0, 1)
    assert selection.dropped == {2: "below the drawn threshold"}


def test_it_says_what_is_private_and_what_is_not():
    assert "threshold only" in DpRetrieval.manifest.guarantee
    assert "not differentially private" in DpRetrieval.manifest.guarantee


@pytest.mark.parametrize(
    "wrong", [{"epsilon": 0}, {"p": 1.0}, {"utility": "top"}, {"least": 0.8}, {"most": 1.5}, {"alpha": -1}]
)
def test_bad_parameters(wrong):
    with pytest.raises(ConfigurationError, match="dp_retrieval"):
        build("dp_retrieval", wrong)
