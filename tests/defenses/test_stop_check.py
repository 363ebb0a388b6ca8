"""A stop is a stop, and placeholders of the task are looked after."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import Prompt, build
from defenses.answer.stop_check import task_blanks
from defenses.prompt.safe_redirect import STOP_SENTENCE
from sentinel import ConfigurationError
from tests.defenses.answer_suite import PROMPT, check, check_promises, stream

GUARD = build("stop_check")
KEEP = build("stop_check", {"partial": "keep"})
RESTORE = build("stop_check", {"placeholders": "restore"})
TASK = Prompt(
    'Complete the file so that validate.py passes.\n{"id": 1, "text": "???"}\n{"id": 2, "text": "???"}\n'
    "Dear {{NAME}}, your code is ____ today.\nLabel: <LABEL>\nDOCUMENT: her name is {{OTHER}} there."
)
TASK = Prompt(TASK.user, documents=((TASK.user.index("DOCUMENT"), len(TASK.user)),))
DONE = '{"id": 1, "text": "bad words"}\n{"id": 2, "text": "???"}\nDear Ada, your code is 17 today.\nLabel: <LABEL>\n'


@pytest.mark.parametrize(
    "answer",
    [
        STOP_SENTENCE,
        f'{{"text": "partial"}}\n{STOP_SENTENCE}',
        f"{STOP_SENTENCE} But here it is anyway: bad words.",
        STOP_SENTENCE.upper(),
        f"**{STOP_SENTENCE.replace(' ', '  ').strip('.')}**",
        STOP_SENTENCE.replace("O", "О"),
    ],
)
def test_nothing_stands_beside_the_stop(answer):
    checked = check(GUARD, answer)
    assert checked.text == STOP_SENTENCE
    assert checked.stop
    assert bool(checked.reasons) is ("partial" in answer or "anyway" in answer)


def test_with_partial_kept_what_went_out_stands():
    text = f"First line.\n{STOP_SENTENCE} And more."
    assert KEEP.look_back == 0
    for size in (1, 4, 30):
        assert stream(KEEP, text, size) == f"First line.\n{STOP_SENTENCE}"
    assert check(KEEP, "First line. STOPPED: this task as", final=False).text == "First line. "


def test_who_decides_on_the_whole_answer_cannot_stream():
    assert GUARD.look_back is None
    assert build("stop_check", {"partial": "keep", "placeholders": "restore"}).look_back is None


@pytest.mark.parametrize(
    "answer", ["", "Paris.", "They stopped: this task asks for much.", STOP_SENTENCE[:-8], "🙂\n\u200b"]
)
def test_other_answers_are_untouched(answer):
    for guard in (GUARD, KEEP, RESTORE):
        assert check(guard, answer, prompt=TASK).text == answer
        assert check(guard, answer).reasons == ()


def test_placeholders_of_the_task_are_found_and_those_of_documents_are_not():
    assert [blank.text for blank in task_blanks(TASK)] == ["???", "???", "{{NAME}}", "____", "<LABEL>"]
    assert task_blanks(PROMPT) == []
    assert task_blanks(Prompt("Use <b>bold</b>, a[i] and 50%; well... what? x = {1: {2: 3}}")) == []
    forms = "${X} one: ${X} two: [MASK_1] 3: %NAME% four: .... five: TODO six: <FIRST NAME>"
    assert len(task_blanks(Prompt(forms))) == 5, "two have too little before them to be found by"


def test_filled_in_placeholders_are_reported_and_put_back():
    reported = check(GUARD, DONE, prompt=TASK)
    assert reported.text == DONE
    assert reported.reasons == ("3 of the task's 5 placeholders filled in",)
    restored = check_promises(RESTORE, DONE, [], prompt=TASK)
    assert restored.text == DONE.replace("bad words", "???").replace("Ada", "{{NAME}}").replace("17", "____")
    assert check(build("stop_check", {"placeholders": "ignore"}), DONE, prompt=TASK).reasons == ()


def test_reasons_hold_no_text():
    assert "bad" not in " ".join(check(GUARD, DONE, prompt=TASK).reasons)


def test_hostile_tasks_take_linear_work():
    many = Prompt("name: {{X}}\n" * 5_000 + "{{" * 20_000 + "_" * 50_000 + "<" * 20_000)
    assert len(task_blanks(many)) == 64
    assert check(RESTORE, "name: y\n" * 5_000, prompt=many).text.startswith("name: {{X}}\nname: {{X}}\n")


PARTS = st.lists(
    st.sampled_from(
        [*STOP_SENTENCE.split(), STOP_SENTENCE, "STOPPED:", "Dear ", "Ada", ", your code is ", "\n", "Label: ", "x"]
    ),
    max_size=16,
)


@given(
    PARTS,
    st.sampled_from(["", " "]),
    st.lists(st.integers(0, 200), max_size=5),
    st.sampled_from([KEEP, GUARD, RESTORE]),
)
def test_promises(parts, space, cuts, guard):
    check_promises(guard, space.join(parts), cuts, prompt=TASK)


@given(st.text(max_size=120), st.lists(st.integers(0, 120), max_size=4))
def test_promises_on_any_text(text, cuts):
    assert check_promises(KEEP, text, cuts, prompt=TASK).text == text
    check_promises(RESTORE, text, cuts, prompt=Prompt(text))


@pytest.mark.parametrize("stop", ["", "stop", "two words", "one\ntwo three four", " a b c d"])
def test_bad_parameters(stop):
    with pytest.raises(ConfigurationError, match=r"stop_check\.stop"):
        build("stop_check", {"stop": stop})
