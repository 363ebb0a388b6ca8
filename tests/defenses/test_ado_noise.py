"""ADO's noise: as large as computed, and therefore a coin."""

import math
import random
from statistics import NormalDist

import pytest

from defenses import Resources, SeededRandomSource
from defenses.retrieval.ado_noise import AdoNoise, noise_scale
from sentinel import RiskProfile
from tests.builders import candidates, evidence

FOUND = evidence(found=candidates("abcd", [0.8, 0.7, 0.6, 0.5]))


class Fixed:
    """A source whose Gaussian draws are a given number of standard deviations."""

    def __init__(self, deviations):
        self.deviations = deviations

    def for_request(self, request, purpose):
        generator = random.Random(0)
        generator.gauss = lambda mean, deviation: mean + self.deviations * deviation
        return generator


def test_noise_scale_golden():
    # ln(1.25 / 0.01) = 4.828314; 2 * sqrt(9.656627) / 3 = 2 * 3.107511 / 3 = 2.071674.
    assert noise_scale(3.0, 0.01) == pytest.approx(2.071674, abs=1e-6)
    assert noise_scale(10.0, 0.01) == pytest.approx(0.621502, abs=1e-6)
    assert noise_scale(1.5, 0.01) == pytest.approx(2 * noise_scale(3.0, 0.01))


@pytest.mark.parametrize(
    ("noise", "keep"),
    [(-5.0, (0, 1, 2, 3)), (0.0, (0, 1, 2, 3)), (0.05, (0, 1, 2)), (0.25, (0,)), (0.35, ()), (5.0, ())],
)
def test_what_lies_below_the_noisy_threshold_goes(noise, keep):
    source = Resources(Fixed(noise / noise_scale(3.0, 0.01)))
    assert AdoNoise().select(FOUND, RiskProfile(), source).keep == keep


def test_a_candidate_without_a_similarity_is_kept():
    found = evidence(found=candidates("abc", [0.8, None, 0.5]))
    assert AdoNoise().select(found, RiskProfile(), Resources(Fixed(9))).keep == (1,)


def test_in_effect_a_coin_decides_between_all_and_none():
    # The threshold starts at the last of four similarities that span 0.3. All are kept where the noise is at most 0:
    # 0.500. None is kept where it exceeds 0.3: 1 - Phi(0.3 / 2.07) = 0.442. That leaves 0.058 for anything between.
    # (With a threshold inside the span, as in the published pipeline, the same noise gives 0.47, 0.48 and 0.05.)
    draws = 4000
    sizes = [
        len(AdoNoise().select(FOUND, RiskProfile(), Resources(SeededRandomSource(seed))).keep) for seed in range(draws)
    ]
    none = 1 - NormalDist().cdf(0.3 / noise_scale(3.0, 0.01))
    assert none == pytest.approx(0.442, abs=5e-4)
    for size, expected in ((4, 0.5), (0, none)):
        error = math.sqrt(expected * (1 - expected) / draws)
        assert sizes.count(size) / draws == pytest.approx(expected, abs=4 * error)


def test_the_published_shares_follow_from_the_scale():
    # A threshold 0.156 above the worst and 0.104 below the best of the candidates.
    noise = NormalDist(0.0, noise_scale(3.0, 0.01))
    assert noise.cdf(-0.156) == pytest.approx(0.47, abs=5e-3)
    assert 1 - noise.cdf(0.104) == pytest.approx(0.48, abs=5e-3)
