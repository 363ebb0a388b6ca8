"""TrustRAG's n-gram rule alone."""

import pytest

from defenses import Resources
from defenses.context.ngram_filter import NgramFilter
from sentinel import RiskProfile
from tests.builders import candidates, evidence

PAIR = ["the city is paris", "the city is rome"]  # ROUGE-L 2 * 3 / 8 = .75
OTHER = "bees dance at noon"


def select(texts, **parameters):
    found = evidence(found=candidates(texts))
    return NgramFilter(**parameters).select(found, RiskProfile(), Resources())


def test_both_of_a_pair_go():
    selection = select([*PAIR, OTHER])
    assert selection.keep == (2,)
    assert set(selection.dropped.values()) == {"shares its wording with another"}


@pytest.mark.parametrize(("rouge", "kept"), [(0.74, (2,)), (0.75, (0, 1, 2))])
def test_the_limit_itself_is_no_pair(rouge, kept):
    assert select([*PAIR, OTHER], rouge=rouge).keep == kept


def test_copies_count_once():
    assert select([OTHER] * 1000).keep == tuple(range(1000))
    assert select([*PAIR, PAIR[0].upper()]).keep == ()


@pytest.mark.parametrize("texts", [[], ["a"], ["", " "]])
def test_nothing_to_compare(texts):
    assert select(texts).dropped == {}
