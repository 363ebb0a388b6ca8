"""Exactly so many pairs are flipped, always the same ones, and nothing else changes."""

import pytest

pytest.importorskip("datasets")

from datasets import Dataset

from defenses.training import flip_preferences
from sentinel.errors import ConfigurationError, DataError


def pairs(n=50):
    return Dataset.from_dict(
        {
            "prompt": [f"p{i}" for i in range(n)],
            "chosen": [f"c{i}" for i in range(n)],
            "rejected": [f"r{i}" for i in range(n)],
        }
    )


@pytest.mark.parametrize(("rate", "count"), [(0.0, 0), (0.29, 14), (0.2, 10), (0.4, 20), (1.0, 50)])
def test_exactly_the_floor_of_the_share_is_flipped(rate, count):
    flipped = flip_preferences(pairs(), rate)
    assert sum(flipped["flipped"]) == count
    assert flipped["prompt"] == pairs()["prompt"]
    for index, row in enumerate(flipped):
        sides = (f"c{index}", f"r{index}")
        assert (row["chosen"], row["rejected"]) == (sides[::-1] if row["flipped"] else sides)


def test_a_product_just_below_a_whole_number_is_that_number():
    assert sum(flip_preferences(pairs(100), 0.29)["flipped"]) == 29  # 0.29 * 100 = 28.999999999999996


def test_the_seed_decides_which_and_a_higher_rate_adds():
    def rows(rate, seed=1):
        return {i for i, on in enumerate(flip_preferences(pairs(), rate, seed)["flipped"]) if on}

    assert rows(0.2) == rows(0.2)
    assert rows(0.2) != rows(0.2, seed=2)
    assert rows(0.1) < rows(0.2) < rows(0.4)


def test_conversations_are_exchanged_whole():
    data = Dataset.from_list(
        [{"chosen": [{"role": "assistant", "content": "a"}], "rejected": [{"role": "assistant", "content": "b"}]}]
    )
    assert flip_preferences(data, 1.0)[0]["chosen"] == [{"role": "assistant", "content": "b"}]


def test_what_cannot_be_flipped_is_refused():
    for rate in (-0.1, 1.1, float("nan")):
        with pytest.raises(ConfigurationError, match="rate = "):
            flip_preferences(pairs(), rate)
    with pytest.raises(DataError, match="no column 'rejected'"):
        flip_preferences(pairs().remove_columns("rejected"), 0.2)
    with pytest.raises(DataError, match="flipped before"):
        flip_preferences(flip_preferences(pairs(), 0.2), 0.2)
