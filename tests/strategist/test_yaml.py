"""The YAML of a configuration: any text is read or refused in one line, and every key has its line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sentinel import ConfigurationError
from strategist._yaml import read


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    try:
        data, lines = read(text, "x")
    except ConfigurationError as error:
        said = str(error)
        data, lines = None, {}
    else:
        said = "x"
    assert said.startswith("x")
    assert "\n" not in said
    assert all(1 <= line <= len(text.splitlines()) + 1 for line in lines.values())
    assert not lines or isinstance(data, dict | list)


def test_lines_are_those_of_the_file():
    data, lines = read("a: 1\n\nb:\n  - c: 2\n  -\n    d: {e: [5]}\n", "x")
    assert data == {"a": 1, "b": [{"c": 2}, {"d": {"e": [5]}}]}
    assert {key: lines[key] for key in [("a",), ("b",), ("b", 0, "c"), ("b", 1, "d", "e", 0)]} == {
        ("a",): 1,
        ("b",): 3,
        ("b", 0, "c"): 4,
        ("b", 1, "d", "e", 0): 6,
    }
