"""A histogram of keywords released under (epsilon, delta): Gaussian noise, a threshold, and their accounting.

Each answer adds 1 to the counts of at most m keywords. Noise of N(0, sigma^2) is added to every count that is not 0,
and the keywords whose noisy count exceeds tau are released. The domain is unknown: counts of 0 get no noise.

Neighbours differ in one answer: one more, one less, or one replaced by another. Replacing moves up to m counts down
and up to m up: L2 sensitivity sqrt(2 m), against sqrt(m) for adding or removing alone. Up to m keywords stand in one
histogram only, with a count of 1 there; one of them passes with probability 1 - q, q = Phi((tau - 1) / sigma).

T such releases, chosen adaptively, are (epsilon, delta)-differentially private for
    delta = 1 - q^(mT) + q^(mT) * delta_G(sqrt(2 m T) / sigma, epsilon).
Proof: let P and Q be the outputs' laws on neighbours and P0, Q0 those of the noisy counts of the shared keywords
alone. A release without any unshared keyword has P = q^a P0 and Q = q^b Q0 with a, b <= m, for the noise of the
keywords is independent; so P = q^m P0 + (1 - q^m) R for some law R, and Q >= q^m Q0. Over T releases P(S) <=
1 - q^(mT) + q^(mT) P0(S), P0(S) <= exp(epsilon) Q0(S) + delta_G(epsilon) as Gaussian mechanisms compose by the root of
the sum of squares (Dong, Roth and Su, arXiv 1905.02383, corollary 3.3), and Q0(S) <= q^(-mT) Q(S).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Noise:
    """How a histogram is released.

    Attributes:
        sigma: Standard deviation of the noise on a count.
        threshold: What a noisy count must exceed.
    """

    sigma: float
    threshold: float


def gaussian_delta(mu: float, epsilon: float) -> float:
    """The smallest delta of a Gaussian mechanism: Phi(mu/2 - eps/mu) - exp(eps) Phi(-mu/2 - eps/mu).

    Args:
        mu: Its L2 sensitivity over the noise's standard deviation.
        epsilon: At least 0.

    Source: Balle and Wang (2018), arXiv 1805.06530, theorem 8.
    """
    if mu <= 0.0:
        return 0.0
    from scipy.special import log_ndtr

    above = math.exp(log_ndtr(mu / 2 - epsilon / mu))
    return max(0.0, above - math.exp(epsilon + log_ndtr(-mu / 2 - epsilon / mu)))


def composed_delta(noise: Noise, keywords: int, releases: int, epsilon: float) -> float:
    """The delta of so many releases together: see the module.

    Args:
        noise: How each is released.
        keywords: m, what one answer may add to.
        releases: T.
        epsilon: At least 0.
    """
    stays, passes = _unshared(noise, keywords * releases)
    return passes + stays * gaussian_delta(math.sqrt(2 * keywords * releases) / noise.sigma, epsilon)


def composed_epsilon(noise: Noise, keywords: int, releases: int, delta: float) -> float:
    """The smallest epsilon at which so many releases are (epsilon, delta)-private; infinite where none is."""
    if composed_delta(noise, keywords, releases, 0.0) <= delta:
        return 0.0
    if _unshared(noise, keywords * releases)[1] >= delta:
        return math.inf
    return _crossing(lambda epsilon: delta - composed_delta(noise, keywords, releases, epsilon), 1.0)


@lru_cache(maxsize=64)
def calibrate(epsilon: float, delta: float, keywords: int, releases: int) -> Noise:
    """The noise with the lowest threshold of those under which so many releases are (epsilon, delta)-private.

    What goes to the threshold's part of delta and what to the noise's is searched in twentieths.

    Args:
        epsilon: For all releases together, above 0.
        delta: The same, in (0, 1).
        keywords: m.
        releases: T.
    """
    from scipy.special import ndtri

    found: list[Noise] = []
    for twentieth in range(1, 20):
        passes = delta * twentieth / 20
        gaussian = (delta - passes) / (1.0 - passes)
        mu = _crossing(lambda mu, gaussian=gaussian: gaussian_delta(mu, epsilon) - gaussian, 1.0)  # type: ignore[misc]
        # A hair more noise than the root asks for: its last digits may lie on either side.
        sigma = math.sqrt(2 * keywords * releases) / mu * (1.0 + 1e-9)
        one = -math.expm1(math.log1p(-passes) / (keywords * releases))
        found.append(Noise(sigma, 1.0 + sigma * (-float(ndtri(one)) + 1e-9)))
    return min(found, key=lambda noise: noise.threshold)


def release(counts: Mapping[str, int], noise: Noise, source: random.Random) -> list[str]:
    """The keywords whose noisy count exceeds the threshold, the highest noisy count first.

    No noisy number is handed out, only which of them lie above and in what order. Keywords are drawn for in
    alphabetical order, so that a repeatable source gives the same for the same counts.
    """
    noisy = {word: counts[word] + source.gauss(0.0, noise.sigma) for word in sorted(counts) if counts[word] > 0}
    passed = (word for word, count in noisy.items() if count > noise.threshold)
    return sorted(passed, key=lambda word: -noisy[word])


def _unshared(noise: Noise, most: int) -> tuple[float, float]:
    """The probabilities that none of so many keywords with a count of 1 passes, and that one does."""
    from scipy.special import log_ndtr

    log_stays = most * float(log_ndtr((noise.threshold - 1.0) / noise.sigma))
    return math.exp(log_stays), -math.expm1(log_stays)


def _crossing(rising: Callable[[float], float], high: float) -> float:
    """Where a rising function of a positive number crosses 0."""
    from scipy.optimize import brentq

    while rising(high) < 0.0:
        high *= 2.0
    low = high / 2.0
    while rising(low) > 0.0:
        low /= 2.0
    return float(brentq(rising, low, high, xtol=1e-14, rtol=1e-13))
