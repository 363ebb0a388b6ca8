"""A canary never leaves, whole or in chunks."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import build
from defenses.answer._reading import ELISION
from sentinel import ConfigurationError
from tests.defenses.answer_suite import check, check_promises, stream

CANARY = "ZQX-77aa01bc"
GUARD = build("canary_check", {"canaries": (CANARY, "the blue heron 9")})


@pytest.mark.parametrize(
    "form",
    [
        CANARY, CANARY.lower(), "ZQX 77aa01bc", "Z Q X 7 7 a a 0 1 b c", "Z.Q.X\n77.aa.01.bc",
        "ZQX\u200b-77\u200baa01bc", "ＺＱＸ７７ａａ０１ｂｃ", "ZQX-77аа01bс", "The  Blue/Heron: 9", CANARY[::-1],
        CANARY.encode().hex(), f"`{CANARY}`",
        *(base64.b64encode(b"abc"[:n] + CANARY.encode() + b"ef").decode() for n in range(4)),
    ],
)  # fmt: skip
def test_every_form_ends_the_answer(form):
    checked = check(GUARD, f"It is {form}, and more.")
    assert checked.stop
    assert checked.reasons == ("holds a canary",)
    assert checked.text.startswith("It is ")
    assert checked.text.endswith(ELISION)
    assert len(checked.text) < 14, "base64 of what stood before it is no part of it"
    for size in (1, 4, 9):
        assert stream(GUARD, f"It is {form}, and more.", size) == checked.text


def test_golden():
    assert check(GUARD, f"Key: {CANARY}.").text == f"Key: {ELISION}"
    plain = build("canary_check", {"canaries": (CANARY,), "encoded": False})
    assert check(plain, CANARY[::-1]).text == CANARY[::-1]


@pytest.mark.parametrize("text", ["", "ZQX", "ZQX-77aa01b", "The blue heron has 9 eggs.", "🙂 — “x”\r\n\u200b"])
def test_other_answers_are_untouched(text):
    assert check(GUARD, text).text == text
    assert not check(GUARD, text).stop
    assert check(build("canary_check"), CANARY).text == CANARY


def test_only_the_beginning_of_a_canary_is_held_back():
    assert check(GUARD, "It is ", final=False).text == "It is "
    assert check(GUARD, "It is ZQX-7", final=False).text == "It is "


def test_of_two_that_overlap_neither_leaves():
    guard = build("canary_check", {"canaries": ("aaaabbbbcccc", "bbbbccccddddeeee", "bbbbcccc"), "encoded": False})
    assert check(guard, "x aaaabbbbccccddddeeee").text == f"x {ELISION}"


@given(
    st.lists(
        st.sampled_from(["ZQX", "-", "77aa", "01bc", " ", "cb10", "zq", "\u200b", "x", "the blue ", "heron 9"]),
        max_size=25,
    ),
    st.lists(st.integers(0, 100), max_size=5),
)
def test_promises(parts, cuts):
    whole = check_promises(GUARD, "".join(parts), cuts)
    bare = "".join(c for c in whole.text.lower() if c.isalnum() and c.isascii())
    assert "zqx77aa01bc" not in bare
    assert "theblueheron9" not in bare


@given(st.text(max_size=80), st.lists(st.integers(0, 80), max_size=4))
def test_promises_on_any_text(text, cuts):
    assert check_promises(GUARD, text, cuts).text == text


@pytest.mark.parametrize("canary", ["short", "-------------", "x" * 201, ""])
def test_bad_parameters(canary):
    with pytest.raises(ConfigurationError, match="canary_check"):
        build("canary_check", {"canaries": (canary,)})
