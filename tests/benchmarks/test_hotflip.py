from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.attacks.hotflip import HotFlip
from benchmarks.data import load
from benchmarks.runner import Settings, prepare
from sentinel.errors import DataError
from tests.benchmarks.tiny import tiny


def test_given_documents_of_the_targets_that_have_some() -> None:
    data = tiny()
    assert [s.target for s in HotFlip().sessions(data, 0)] == ["q-bridge"]
    assert [(p.target, p.text) for p in HotFlip().planted(data, 0)] == [
        ("q-bridge", "xq zz bridge Karl Odum"),
        ("q-bridge", "wenmere vv Karl Odum"),
    ]


def test_a_data_set_without_any_is_refused_before_work() -> None:
    assert not load("bundled").hotflipped
    data = replace(tiny(), poison=tiny().poison[1:])
    with pytest.raises(DataError, match="hotflip"):
        prepare(data, Settings(policies=["none"], attacks=["hotflip"]))
