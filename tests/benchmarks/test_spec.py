"""A defense and its parameters in a line of text."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.spec import spec, specs
from sentinel.errors import ConfigurationError

VALUES = st.one_of(
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.text("abcXYZ 0123,=-", max_size=9), max_size=3),
)


def test_names_and_parameters() -> None:
    assert spec(" sdag ") == ("sdag", {})
    assert spec("safe_redirect condition=generic  hard_stop=false") == (
        "safe_redirect",
        {"condition": "generic", "hard_stop": False},
    )
    assert specs(" a x=1.5 , b y=[1,2] z=[],") == [("a", {"x": 1.5}), ("b", {"y": [1, 2], "z": []})]
    assert specs("") == specs(" , ") == []
    with pytest.raises(ConfigurationError, match=re.escape("'leak_guard 60': write parameters as leak_guard p")):
        specs("sdag, leak_guard 60")


@given(
    st.lists(st.tuples(st.sampled_from(["one", "two"]), st.dictionaries(st.sampled_from("pqr"), VALUES)), max_size=3)
)
def test_what_is_written_is_read(given_: list[tuple[str, dict[str, object]]]) -> None:
    text = ",".join(" ".join([name, *(f"{k}={json.dumps(v)}" for k, v in own.items())]) for name, own in given_)
    assert specs(text) == given_
