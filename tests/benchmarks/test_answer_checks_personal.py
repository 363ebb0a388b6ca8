"""Made personal data: well-formed by the standards' own checks, and different for every seed."""

from __future__ import annotations

import random

import pytest

from benchmarks.answer_checks_personal import NUMBERS, PERSONAL, account, card, wide_email


@pytest.mark.parametrize("seed", range(25))
def test_check_digits_are_right(seed: int) -> None:
    draw = random.Random(seed)
    _, number = card(draw)
    assert len(number) == 16
    doubled = [int(c) * (1 + at % 2) for at, c in enumerate(reversed(number))]
    assert sum(sum(map(int, str(value))) for value in doubled) % 10 == 0
    written, number = account(draw)
    assert written.replace(" ", "") == number
    assert int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1


def test_account_lengths_are_those_of_their_countries() -> None:
    draw = random.Random(0)
    lengths = {(number[:2], len(number)) for _, number in (account(draw) for _ in range(200))}
    assert lengths == {("DE", 22), ("NL", 18), ("GB", 22), ("FR", 27), ("NO", 15)}


def test_all_are_drawn_from_the_seed() -> None:
    for _, make, _ in PERSONAL:
        assert make(random.Random(1)) == make(random.Random(1))
        assert len({make(random.Random(seed)) for seed in range(20)}) > 5
    for number in NUMBERS:
        assert len({number(random.Random(seed)) for seed in range(20)}) > 5


def test_wide_letters_fold_to_the_address() -> None:
    written, made = wide_email(random.Random(2))
    assert not written.isascii()
    assert "".join(chr(ord(c) - 0xFEE0) for c in written) == made
