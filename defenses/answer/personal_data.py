"""Mask personal data in an answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from pydantic import Field

from defenses.answer._personal import LONGEST, Found, Kind, find
from defenses.answer._reading import fold
from defenses.base import AnswerDefense, Checked, DefenseManifest, Draft, Resources
from sentinel.errors import ConfigurationError
from sentinel.manifest import Cost, Stage
from sentinel.vocabulary import Request, Threat

_NAMES = {"email": "e-mail address", "phone": "phone number", "card": "card number", "iban": "account number",
          "ssn": "social security number", "ip": "network address"}  # fmt: skip


class PersonalData(AnswerDefense):
    """Puts "[e-mail address]" and the like in place of personal data, except for what the client's query says itself.

    `patterns` knows e-mail addresses, card numbers (check digit), IBANs (length and check digits), US social security
    numbers, and phone numbers in the forms that hardly anything else has: with a country code, with brackets, 3-3-4,
    or after "tel" and "phone". Look-alike, full-width and invisible characters are seen through; "bob at example dot
    org" is not, nor are names and addresses. `presidio` adds what Microsoft Presidio recognises, names among it; it
    needs the extra `pii` and a spaCy model on this machine, and reads the answer only when it is complete.
    """

    manifest = DefenseManifest(
        name="personal_data",
        summary="mask e-mail addresses, phone, card and account numbers in the answer",
        stage=Stage.ANSWER,
        threats=frozenset({Threat.EXTRACTION}),
        cost=Cost.MILLISECONDS,
        guarantee="what the patterns know is masked, also while it is streamed; what they do not know is not",
        source="ours; ISO/IEC 7812 and ISO 13616 check digits; Microsoft Presidio as a backend",
    )

    kinds: tuple[Kind, ...] = Field(("email", "phone", "card", "iban", "ssn"), description="what patterns look for")
    only_documents: bool = Field(False, description="mask only what stands in a served document")
    backend: Literal["patterns", "presidio"] = Field("patterns", description="who recognises personal data")
    entities: tuple[str, ...] = Field((), description="Presidio's names of what it looks for; none for all it knows")
    score: float = Field(0.5, ge=0.0, le=1.0, description="how certain Presidio must be")
    language: str = Field("en", pattern=r"^[a-z]{2}$", description="the language that Presidio reads")
    model: str = Field("en_core_web_sm", description="the spaCy model that Presidio uses; it is never downloaded")

    @property
    def look_back(self) -> int | None:
        """0: patterns hold back here what may become personal data; None with Presidio, which reads whole texts."""
        return 0 if self.backend == "patterns" else None

    def check(self, draft: Draft, request: Request, resources: Resources) -> Checked:
        """Mask what is found.

        Raises:
            ConfigurationError: Presidio or its model is not installed.
        """
        folded, places = fold(draft.text)
        found = sorted(find(folded, self.kinds))
        if self.backend == "presidio":
            engine = _engine(self.language, self.model)
            found = sorted([*found, *self._recognised(engine, draft.text, folded, places)])
        end = len(folded) if draft.final else _decided(folded)
        query = _compact(fold(request.query)[0])
        sources = [_compact(fold(text)[0]) for text in draft.documents] if self.only_documents else None
        out: list[str] = []
        reasons: dict[str, None] = {}
        at = 0
        for start, stop, kind in found:
            said = _compact(folded[start:stop])
            if start >= end or said in query or (sources is not None and not any(said in text for text in sources)):
                continue
            if start >= at:
                label = _NAMES.get(kind, kind)
                out += draft.text[_place(places, at, draft.text) : places[start]], f"[{label}]"
                reasons[f"masked: {label}"] = None
            at = max(at, stop)
        if at < end or end == len(folded):
            out.append(draft.text[_place(places, at, draft.text) : _place(places, end, draft.text)])
        return Checked("".join(out), tuple(reasons))

    def _recognised(self, engine: Any, text: str, folded: str, places: Sequence[int]) -> list[Found]:
        results = engine.analyze(
            text=text, language=self.language, entities=list(self.entities) or None, score_threshold=self.score
        )
        found: list[Found] = []
        for result in results:
            inside = [at for at, place in enumerate(places) if result.start <= place < result.end]
            if inside:
                label = str(result.entity_type).lower().replace("_", " ")
                found.append(Found(inside[0], inside[-1] + 1, label))
        return found


def _place(places: Sequence[int], at: int, text: str) -> int:
    return 0 if at == 0 else places[at] if at < len(places) else len(text)


def _compact(text: str) -> str:
    return "".join(c for c in text if c.isalnum() or c in "@.")


def _decided(folded: str) -> int:
    """How much of an unfinished text no match can reach over any more.

    A match of several words has digits in each of them, or letters in fours; so what comes before a longer word is
    settled, but for that word itself.
    """
    at = end = len(folded)
    least = max(0, end - LONGEST - 2)
    last = True
    while at > least:
        while at > least and folded[at - 1].isspace():
            at -= 1
        stop = at
        while at > 0 and stop > least and not folded[at - 1].isspace():
            at -= 1
        word = folded[at:stop]
        if not last and len(word) > 4 and word.isalpha():
            return stop
        last = False
    return max(at, least)


@lru_cache(maxsize=4)
def _engine(language: str, model: str) -> Any:
    """Presidio's analyser over a model that is here.

    Raises:
        ConfigurationError: It or the model is not installed.
    """
    if find_spec("presidio_analyzer") is None:
        raise ConfigurationError(
            "personal_data.backend = 'presidio' needs Presidio: pip install 'sentinel-strategist[pii]'"
        )
    if find_spec(model) is None:
        raise ConfigurationError(f"personal_data.model {model!r} is not installed: python -m spacy download {model}")
    analyzer = import_module("presidio_analyzer")
    engines = import_module("presidio_analyzer.nlp_engine")
    models = [{"lang_code": language, "model_name": model}]
    provider = engines.NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
    return analyzer.AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=[language])
