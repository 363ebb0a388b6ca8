"""Where defenses draw from: repeatable in the benchmark, unpredictable in production."""

import random

from defenses import RandomSource, Resources, SeededRandomSource, SystemRandomSource
from sentinel import Request


def test_seeded_draws_depend_on_seed_request_and_purpose_alone():
    def draw(seed=1, purpose="noise", **changes):
        request = Request(**{"query": "q", "time": 1.0, **changes})
        return SeededRandomSource(seed).for_request(request, purpose).random()

    assert draw() == draw()
    changed = [draw(seed=2), draw(query="p"), draw(client_id="c"), draw(time=2.0), draw(purpose="marker")]
    assert len({draw(), *changed}) == 6
    assert 0 <= draw(query="\ud800 a lone surrogate") < 1


def test_production_draws_from_the_operating_system():
    assert isinstance(Resources().random, SystemRandomSource)
    assert isinstance(Resources().random.for_request(Request("q"), "noise"), random.SystemRandom)


def test_both_sources_are_sources():
    assert isinstance(SeededRandomSource(1), RandomSource)
    assert isinstance(SystemRandomSource(), RandomSource)
