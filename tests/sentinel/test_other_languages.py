"""Corpora in other languages: signals that go by English words are missing or silent, and nothing is suspected."""

from __future__ import annotations

import numpy as np
import pytest
from langchain_core.documents import Document

from sentinel import Evidence, Request, Sentinel
from sentinel.history import ClientState
from sentinel.scan import scan
from tests.builders import candidates

WORDING = (
    "puffery",
    "instruction_text",
    "refusal_text",
    "membership_wording",
    "extraction_wording",
    "injection_wording",
    "document_form",
    "unasked_length",
    "closed_series",
)
"""Signals that know English words only."""

TEXTS = {
    "German": [
        "Die Mühle am Bach wurde 1784 von Anders Holm gebaut und an die Gemeinde verpachtet.",
        "Im Jahr 1810 brannte die Mühle ab und wurde erst nach dem Bau der Eisenbahn wieder errichtet.",
        "Das Rad der zweiten Mühle steht heute im Museum des Kreises und ist im Sommer zu sehen.",
        "Der Müller zahlte der Gemeinde jedes Jahr zwölf Taler und drei Scheffel Roggen.",
        "Bei der Prüfung des Wehrs im Herbst 1902 fand der Ingenieur einen Riss im Fundament.",
        "Die Brücke neben der Mühle ist aus Holz und trägt Wagen bis zu zwei Tonnen.",
        "Der Patient wurde am Montag mit Fieber aufgenommen und drei Tage lang mit Tabletten behandelt.",
        "Nach dem Gesetz über das Wasser darf niemand den Bach ohne Erlaubnis des Amtes stauen.",
    ],
    "Spanish": [
        "El molino junto al arroyo fue construido en 1784 por Anders Holm y arrendado al municipio.",
        "En 1810 el molino se quemó y no fue reconstruido hasta que llegó el ferrocarril.",
        "La rueda del segundo molino está hoy en el museo de la provincia y se puede ver en verano.",
        "El molinero pagaba cada año doce monedas y tres fanegas de centeno al municipio.",
        "En la revisión de la presa, en otoño de 1902, el ingeniero encontró una grieta en los cimientos.",
        "El puente al lado del molino es de madera y soporta carros de hasta dos toneladas.",
        "El paciente ingresó el lunes con fiebre y fue tratado con pastillas durante tres días.",
        "Según la ley de aguas nadie puede represar el arroyo sin permiso de la autoridad.",
    ],
    "Chinese": [
        "溪边的磨坊由安德斯·霍尔姆于1784年建造，租给教区使用。",
        "1810年磨坊被烧毁，直到铁路通车以后才重新修建。",
        "第二座磨坊的水轮如今陈列在县博物馆，夏天可以参观。",
        "磨坊主每年向教区缴纳十二枚银币和三斗黑麦。",
        "1902年秋天检查水坝时，工程师在地基上发现了一条裂缝。",
        "磨坊旁边的桥是木头做的，可以承受两吨以下的马车。",
        "病人星期一因发烧入院，服药治疗了三天。",
        "根据水法，未经主管部门许可，任何人不得在溪上筑坝。",
    ],
}
QUERIES = {
    "German": ["Wann wurde die Mühle am Bach gebaut?", "Wer fand 1902 den Riss im Fundament des Wehrs?"],
    "Spanish": [
        "¿Cuándo se construyó el molino junto al arroyo?",
        "¿Quién encontró la grieta en los cimientos en 1902?",
    ],
    "Chinese": ["溪边的磨坊是什么时候建造的？", "1902年是谁在地基上发现了裂缝？"],
}
CASES = [(language, query) for language, queries in QUERIES.items() for query in queries]


def sensed(language: str, query: str, texts: list[str]) -> dict[str, object]:
    corpus = scan([Document(id=f"d{i}", page_content=text) for i, text in enumerate(TEXTS[language])])
    history = ClientState()
    sentinel = Sentinel(corpus=corpus)
    evidence = Evidence(Request(query, 5, "c", time=0.0), None, (), corpus, history)
    profile = sentinel.sense_query(evidence)
    profile = sentinel.sense_context(evidence.with_candidates(candidates(texts)), profile)
    assert profile.failed == {}
    return {"signals": profile.signals, "probabilities": profile.probabilities, "suspicion": profile.suspicion}


@pytest.mark.parametrize(("language", "query"), CASES)
def test_english_wording_is_missing_or_silent(language: str, query: str) -> None:
    signals = sensed(language, query, TEXTS[language])["signals"]
    for name in WORDING:
        value = signals[name]  # type: ignore[index]
        fired = np.nan_to_num(np.atleast_1d(np.nan if value is None else np.asarray(value, np.float64)))
        assert (fired == 0.0).all(), (name, value)


@pytest.mark.parametrize(("language", "query"), CASES)
def test_benign_requests_raise_no_suspicion(language: str, query: str) -> None:
    found = sensed(language, query, TEXTS[language])
    assert max(found["probabilities"].values()) < 0.2  # type: ignore[attr-defined]
    assert max(v.max() for v in found["suspicion"].values()) < 0.7  # type: ignore[attr-defined]


@pytest.mark.parametrize(("language", "query"), CASES)
def test_what_goes_by_characters_alone_works_there_too(language: str, query: str) -> None:
    planted = " ".join([f"{query} {TEXTS[language][3]}"] * 4)
    signals = sensed(language, query, [planted, *TEXTS[language]])["signals"]
    echo = signals["question_echo"]  # type: ignore[index]
    if echo is not None:
        assert echo[0] == 1.0 > echo[1:].max()
    if language != "Chinese":  # its words are not parted by spaces, and passages count words
        assert signals["self_repetition"][0] > 0.5  # type: ignore[index]
