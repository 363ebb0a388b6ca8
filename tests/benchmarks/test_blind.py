from __future__ import annotations

import pytest

from benchmarks.attacks.blind import Blind
from benchmarks.runner import Settings, prepare
from sentinel.errors import DataError
from tests.benchmarks.ready_made import check_family
from tests.benchmarks.tiny import tiny


def test_given_documents_and_the_questions_they_are_for() -> None:
    check_family(Blind())


def test_a_data_set_without_any_is_refused_before_work() -> None:
    with pytest.raises(DataError, match="needs blind_documents"):
        prepare(tiny(), Settings(policies=["none"], attacks=["blind"]))
