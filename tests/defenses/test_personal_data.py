"""What the patterns know never leaves; what only looks like it stays."""

import itertools
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import build
from defenses.answer import personal_data as module
from sentinel import ConfigurationError
from tests.defenses.answer_suite import check, check_promises, stream

GUARD = build("personal_data", {"kinds": ("email", "phone", "card", "iban", "ssn", "ip")})
FOUND = {
    "ada.lovelace+x@mail.example.org": "e-mail address",
    "ADA@Example.ORG": "e-mail address",
    "ada@ex\u200bample.org": "e-mail address",
    "ada＠example．org": "e-mail address",
    "+49 (0)30 1234567": "phone number",
    "+1-202-555-0143": "phone number",
    "(202) 555-0143": "phone number",
    "202-555-0143": "phone number",
    "4111 1111 1111 1111": "card number",
    "4111-1111-1111-1111": "card number",
    "378282246310005": "card number",
    "DE89 3704 0044 0532 0130 00": "account number",
    "GB82WEST12345698765432": "account number",
    "gb82 west 1234 5698 7654 32": "account number",
    "123-45-6789": "social security number",
    "192.0.2.17": "network address",
}


@pytest.mark.parametrize("data", FOUND)
def test_each_kind_is_masked_and_nothing_else(data):
    text = f"They wrote: {data}, and this was all."
    checked = check(GUARD, text)
    assert checked.text == f"They wrote: [{FOUND[data]}], and this was all."
    assert checked.reasons == (f"masked: {FOUND[data]}",)
    for size in (1, 2, 5, 11):
        assert stream(GUARD, text, size) == checked.text


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "In 1999-2003, 12 of 154 patients (+/-8.8 years, p = 0.006) had it.", "4111 1111 1111 1112",
        "1111111111111111", "DE88 3704 0044 0532 0130 00", "XX89 3704 0044 0532 0130 00", "000-12-3456", "666-12-3456",
        "Write to ada at example dot org.", "@home", "user@", "999.1.1.1", "ISBN 978-3-16-148410-0", "10,000,000,000",
        "The EC number is 3.1.1.11a; see pages 100-120.", "🙂 größer\u200b\r\n",
    ],
)  # fmt: skip
def test_what_only_looks_like_it_is_untouched(text):
    assert check(GUARD, text).text == text


def test_a_card_number_among_other_digits():
    assert check(GUARD, "1234 4111 1111 1111 1111").text == "1234 [card number]"
    assert check(GUARD, "4111 1111 1111 1111 123").text == "[card number] 123"


def test_words_after_an_account_number_are_no_part_of_it():
    assert check(GUARD, "DE89 3704 0044 0532 0130 00 and the rest").text == "[account number] and the rest"


def test_what_the_client_said_itself_stands():
    text = "I will write to ada@example.org and not to bob@example.org."
    checked = check(GUARD, text, query="Write a letter to Ada@example.org please")
    assert checked.text == "I will write to ada@example.org and not to [e-mail address]."


def test_only_documents():
    guard = build("personal_data", {"only_documents": True})
    text = "Call 202-555-0143 or (303) 555-0199."
    assert check(guard, text, ["Her number is 202.555.0143."]).text == text, "a stop is part of what is compared"
    assert check(guard, text, ["Her number is 202 555 0143."]).text == "Call [phone number] or (303) 555-0199."
    assert check(guard, text).text == text


def test_plain_words_are_held_back_no_longer_than_a_word():
    assert (
        check(GUARD, "Several ordinary sentences without any", final=False).text == "Several ordinary sentences without"
    )


def test_what_is_held_back_never_grows_over_what_went_out():
    text = "longer " + "ada.lovelace+x@mail.example.org " * 9
    outs = [check(GUARD, text[:end], final=False).text for end in range(len(text))]
    assert all(longer.startswith(shorter) for shorter, longer in itertools.pairwise(outs))


PIECES = st.sampled_from(
    [*FOUND, "+49", " ", "-", ".", "4111", "1111", "555", "west", "ab12", "(", ")", "@", "x.org", "phone: ", "tel ",
     "word", "longer", "\n", "\u200b", "а", "0171", "[e-mail address]", "３", "00"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=20).map("".join), st.lists(st.integers(0, 250), max_size=5))
def test_promises(text, cuts):
    check_promises(GUARD, text, cuts)


@given(st.lists(PIECES, max_size=20).map(" ".join), st.lists(st.integers(0, 250), max_size=5))
def test_promises_with_spaces(text, cuts):
    check_promises(GUARD, text, cuts)


@given(st.text(max_size=150), st.lists(st.integers(0, 150), max_size=4))
def test_promises_on_any_text(text, cuts):
    check_promises(GUARD, text, cuts)


def test_presidio_is_asked_for_by_name_and_named_when_absent(monkeypatch):
    guard = build("personal_data", {"backend": "presidio"})
    assert guard.look_back is None
    module._engine.cache_clear()
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'sentinel-strategist\[pii\]'"):
        check(guard, "x")
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "en_core_web_sm" else object())
    with pytest.raises(ConfigurationError, match="python -m spacy download en_core_web_sm"):
        check(guard, "x")


def test_what_presidio_finds_is_masked(monkeypatch):
    asked = {}

    class Engine:
        """As presidio_analyzer.AnalyzerEngine answers; Presidio itself is an extra."""

        def __init__(self, *, nlp_engine, supported_languages):
            asked["languages"] = supported_languages

        def analyze(self, *, text, language, entities, score_threshold):
            asked.update(entities=entities, threshold=score_threshold)
            at = text.find("Ada")
            return [SimpleNamespace(start=at, end=at + 3, entity_type="PERSON")] if at >= 0 else []

    class Provider:
        def __init__(self, *, nlp_configuration):
            asked["configuration"] = nlp_configuration

        def create_engine(self):
            return object()

    monkeypatch.setitem(sys.modules, "presidio_analyzer", SimpleNamespace(AnalyzerEngine=Engine))
    monkeypatch.setitem(sys.modules, "presidio_analyzer.nlp_engine", SimpleNamespace(NlpEngineProvider=Provider))
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    module._engine.cache_clear()
    guard = build("personal_data", {"backend": "presidio", "score": 0.7, "entities": ("PERSON",)})
    try:
        assert check_promises(guard, "Ask Ada at ada@example.org.", []).text == "Ask [person] at [e-mail address]."
    finally:
        module._engine.cache_clear()
    assert asked["entities"] == ["PERSON"]
    assert asked["threshold"] == 0.7
    assert asked["configuration"]["models"] == [{"lang_code": "en", "model_name": "en_core_web_sm"}]


@pytest.mark.parametrize(
    "parameters", [{"kinds": ("emial",)}, {"backend": "spacy"}, {"score": 2}, {"language": "English"}]
)
def test_bad_parameters(parameters):
    with pytest.raises(ConfigurationError, match="personal_data"):
        build("personal_data", parameters)
