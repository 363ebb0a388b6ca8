"""Does a candidate praise and assure where a record would state? Texts that a language model wrote to order do."""

from __future__ import annotations

import math
import re

import numpy as np

from sentinel._passage import passage, read_once
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat
from sentinel.wording import is_english

LEAST_WORDS = 8
SMOOTHING = 10.0
"""Words without puffery that are thought to come with every text: one such word in a short text says little."""
_CHARACTERS = 40_000

_PRAISE = frozenset(
    """acclaimed accomplished admired adored amazing authoritative beloved
    breathtaking brilliant brilliantly captivating captivated celebrated charismatic charming classic compelling
    defining delightful distinctive distinguished dynamic elegant eminent enchanting enduring esteemed
    exceptional exceptionally extraordinary fame famed famous famously fascinating foremost groundbreaking hallmark
    heartfelt historic iconic ideal illustrious immense immensely impressive incredible incredibly influential
    innovative innovation inspiring inspired intricate invaluable landmark lasting legendary legacy lively magnificent
    masterful masterpiece memorable milestone monumental noteworthy notable notably outstanding phenomenal pioneer
    pioneered pioneering pivotal popular popularity powerful prestigious profound profoundly prominent prominently
    quintessential remarkable remarkably renowned respected revered revolutionary revolutionized rich richly seamless
    seamlessly seminal spectacular standout stellar striking strikingly stunning talented testament thrilling timeless
    tireless transformative triumph unforgettable unique uniquely unparalleled unprecedented unrivaled unwavering
    vibrant visionary vital""".split()
)
_WEIGHT = frozenset(
    """crucial crucially essential essentially fundamental fundamentally integral indispensable instrumental key
    paramount significant significantly significance importance important importantly meaningful role roles impact
    impactful influence shape shaped shaping underscore underscores underscored underscoring highlight highlights
    highlighted highlighting emphasize emphasizes emphasized emphasizing emphasise emphasises emphasised emphasising
    showcase showcases showcased showcasing demonstrate demonstrates demonstrating reflect reflects reflecting
    symbolize symbolizes symbolizing symbolise embody embodies solidify solidified solidifying cement cemented
    cementing foster fosters fostering enhance enhances enhanced enhancing ensure ensures ensuring contribute
    contributes contributing contribution contributions mark marked marking align aligns aligning resonate resonates
    resonated boast boasts garner garnered delve delves realm landscape tapestry dedication commitment passion depth
    complexity complexities nuances nuanced insight insights broader diverse array comprehensive holistic multifaceted
    overall ultimately""".split()
)
_VAGUE = frozenset(
    """widely often generally commonly typically frequently largely mainly primarily particularly especially
    traditionally historically believed considered regarded recognized recognised acknowledged credited attributed
    associated known many numerous countless various several experts scholars historians fans audiences critics
    enthusiasts supposedly reportedly arguably undoubtedly indeed interestingly surprisingly contrary additionally
    moreover furthermore""".split()
)
_WORDS = _PRAISE | _WEIGHT | _VAGUE
_TAIL = re.compile(r",\s{1,3}(?:[a-z]{2,9}\s{1,3}){0,2}[a-z]{3,15}ing\b")
"""A clause hung on behind a comma by a participle: ", making it ...", ", further shaping ..."."""


@read_once
def puffery(text: str) -> float:
    """Different words of praise, of weight and of vague attribution, and participial tails, for each word of a text.

    NaN below eight words and in other languages than English.
    """
    words = passage(text).words
    if len(words) < LEAST_WORDS or not is_english(words):
        return math.nan
    found = len(_WORDS.intersection(words)) + sum(1 for _ in _TAIL.finditer(text[:_CHARACTERS]))
    return found / (len(words) + SMOOTHING)


class Puffery(Signal):
    """How thickly a candidate is set with praise, claims of importance and vague attribution, a share of its words.

    Who writes a text to carry one false answer has nothing else to say, and a language model fills up with what it
    favours: "widely regarded", "a pivotal role", "showcasing its lasting impact". The words are those that
    Wikipedia's manual of style tells authors to avoid (Words to watch: puffery, unsupported attributions) and those
    that language models were found to overuse, with clauses hung on by a participle (Kobak et al., Science Advances
    2025; Reinhart et al., PNAS 2025). Weak by itself: an advertisement is no attack.
    """

    manifest = SignalManifest(
        name="puffery",
        summary="share of a candidate's words that praise, assure and attribute vaguely",
        stage=Stage.CONTEXT,
        threats=frozenset({Threat.POISONING}),
        per_candidate=True,
        cost=Cost.MICROSECONDS,
        source="after Kobak et al., arXiv 2406.07016, and Reinhart et al., arXiv 2410.16107",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """Share, shape (n,), NaN for a text of fewer than eight words or in another language than English."""
        return np.array(evidence.read(puffery), dtype=np.float64)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say how thick it is."""
        return f"a document praises and assures with {peak(measurement):.0%} of its words"
