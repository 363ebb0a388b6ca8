"""Samples survive the way to disk and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.samples import Sample

text = st.text(max_size=12)
numbers = st.floats(0, 1e6, allow_nan=False)
samples = st.builds(
    Sample,
    policy=text,
    attack=text,
    session=text,
    group=st.none() | text,
    split=st.none() | st.sampled_from(["fit", "calibrate", "test"]),
    member=st.none() | st.booleans(),
    values=st.dictionaries(text, st.none() | numbers, max_size=3),
    served=st.lists(st.lists(text, max_size=3).map(tuple), max_size=3).map(tuple),
    triggered=st.lists(st.booleans(), max_size=3).map(tuple),
    overhead_ms=st.lists(numbers, max_size=3).map(tuple),
    retrieve_ms=st.lists(numbers, max_size=3).map(tuple),
    defenses_run=st.lists(st.integers(0, 9), max_size=3).map(tuple),
    fetched=st.lists(st.integers(0, 99), max_size=3).map(tuple),
    error=st.none() | text,
    answers=st.lists(text, max_size=3).map(tuple),
    answer_values=st.dictionaries(text, st.none() | numbers, max_size=3),
    answer_error=st.none() | text,
    form=st.none() | text,
)


@given(samples)
def test_there_and_back(sample: Sample) -> None:
    line = json.dumps(sample.to_json())
    assert "\n" not in line
    assert Sample.from_json(json.loads(line)) == sample


def test_lines_of_a_run_without_answers_are_read() -> None:
    old = Sample("a", "b", "c").to_json()
    for name in ("answers", "answer_values", "answer_error", "form"):
        del old[name]
    assert Sample.from_json(old) == Sample("a", "b", "c")
    assert not Sample("a", "b", "c").answered
    assert Sample("a", "b", "c", answers=("x",)).answered
    assert Sample("a", "b", "c", answer_error="gone").answered


def test_key() -> None:
    assert Sample("rules", "mba", "mba-7", member=True).key == ("rules", "mba", "mba-7")


@pytest.mark.parametrize("change", [{"served": None}, {"unknown": 1}])
def test_a_strange_line_is_refused(change: dict) -> None:
    with pytest.raises(TypeError):
        Sample.from_json(Sample("a", "b", "c").to_json() | change)
