"""Does the query ask whether something stands in the corpus?"""

from __future__ import annotations

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat
from sentinel.wording import Lexicon

_TEXT = (
    r"(?:text|texts|passage|passages|paragraph|record|records|document|documents|excerpt|snippet|sentence|sample"
    r"|article|report|note|quote|entry|file|content|message|email|following|statement|wording)"
)
_STORE = (
    r"(?:context|contexts|database|databases|data|dataset|corpus|index|collection|repository|archive|library"
    r"|knowledge|memory|sources|store|kb|retrieval|documents|training|records|files)"
)
_IN = r"(?: in| within| inside| from| among| amongst| part of| contained in| included in| present in| found in)"
_THE = r"(?: the| your| this| that| a| any| its| our)?"
_STANDS = (
    r"(?:appear|appears|appeared|exist|exists|occur|occurs|contained|contain|contains|include|included|includes"
    r"|present|stored|indexed|seen|found|part|belong|belongs|match|matches|listed|held|hold|holds)"
)
_GAP = r"(?: \w+){0,3}"

LEXICON = Lexicon(
    {
        # "is this text part of the context you were given", "does this passage appear in your database"
        rf" (?:this|that|these|the|following|below|above|given){_GAP} {_TEXT}{_GAP} {_STANDS}"
        rf"{_IN}?{_IN}?{_THE}(?: \w+){{0,2}} {_STORE}\b": 0.95,
        # the text itself stands between: "does this: ... appear in the context"
        rf" {_STANDS}{_IN}{_THE}(?: retrieved| provided| given| training| retrieval| source| own)? {_STORE}\b": 0.7,
        rf" (?:do|does|did|have|has) (?:you|your \w+|the system|it)(?: ever| already| currently)?"
        rf" (?:have|hold|contain|include|store|seen|know|see|read|got){_THE}(?: \w+){{0,3}} {_TEXT}\b": 0.5,
        r" (?:was|were|is|are)(?: \w+){0,4} (?:used|included|part)(?: \w+){0,3} (?:train|training|trained)\b": 0.9,
        rf" (?:is|are|was) (?:this|that|the following|it)(?: \w+){{0,2}}{_IN}{_THE} {_STORE}\b": 0.9,
        r" (?:verbatim|word for word|exact|identical|same)(?: \w+){0,2}"
        rf" (?:copy|match|text|passage|document|record|wording)(?: \w+){{0,2}}{_IN}{_THE} {_STORE}\b": 0.7,
        r" member(?:ship)? (?:of|in)(?: \w+){0,2} (?:data|dataset|training|database|corpus|index)\b": 0.8,
        r" (?:context|documents|passages) (?:you were|you have been|you are|that were|provided|given|retrieved)\b": 0.4,
        # German, French, Spanish
        r" (?:steht|kommt|ist|befindet sich|enthalten)(?: \w+){0,6} (?:datenbank|kontext|trainingsdaten|korpus)\b": 0.8,
        r" (?:figure|apparaît|apparait|présent|contenu)(?: \w+){0,6}"
        r" (?:contexte|base|corpus|données)(?: de données)?\b": 0.7,
        r" (?:aparece|está|figura|contiene)(?: \w+){0,6} (?:contexto|base de datos|corpus)\b": 0.8,
    }
)


class MembershipWording(Signal):
    """How plainly the query asks whether a text stands in context, database or training data, in [0, 1].

    RAG-MIA (arXiv 2405.20446) asks just that. A lexicon of patterns over normalised words that tolerates insertions
    and other words for the same thing; stealthy attacks avoid such wording, so 0 acquits nobody.
    """

    manifest = SignalManifest(
        name="membership_wording",
        summary="asks whether a text is in the context, the database or the training data",
        stage=Stage.QUERY,
        threats=frozenset({Threat.MEMBERSHIP}),
        cost=Cost.MICROSECONDS,
        source="against RAG-MIA, arXiv 2405.20446",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """In [0, 1]; None where nothing matches and the text is not English (see `sentinel.wording`)."""
        return LEXICON.score(evidence.request.query)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say what it asks."""
        return f"the query asks whether a text is in the data (certainty {peak(measurement):.0%})"
