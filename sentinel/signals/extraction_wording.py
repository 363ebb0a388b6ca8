"""Does the query ask for the context itself, word for word?"""

from __future__ import annotations

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat
from sentinel.wording import Lexicon

_SAY = (
    r"(?:repeat|print|copy|output|recite|reproduce|echo|dump|display|show|reveal|return|list|write|paste|quote|give"
    r"|disclose|leak|extract|export|provide|spell|transcribe|share|tell)"
)
_ALL = r"(?: all| everything| every| each| entire| whole| full| complete| any| exact| raw| verbatim| original)"
_CONTEXT = (
    r"(?:context|contexts|above|documents|document|passages|passage|prompt|text|texts|chunks|chunk|input|inputs"
    r"|conversation|instructions|message|messages|knowledge|database|records|retrieved|sources|content|contents|data)"
)
_GAP = r"(?: \w+){0,3}"

LEXICON = Lexicon(
    {
        rf" {_SAY}{_GAP}{_ALL}{_GAP} {_CONTEXT}\b": 0.85,
        rf" {_SAY}(?: \w+){{0,2}} (?:the|your|that|of|its)(?: \w+){{0,2}}"
        r" (?:context|contexts|prompt|chunks|above)\b": 0.8,
        rf" {_SAY}{_GAP} (?:text|words|everything|sentences|content) (?:above|before|preceding|prior)\b": 0.9,
        r" (?:text|words|everything|sentences|content|all) (?:above|before|preceding)"
        r" (?:here|this|the|starting|my)\b": 0.5,
        rf" {_SAY}(?: \w+){{0,6}} (?:verbatim|word for word|exactly as|character by character|as is|unchanged)\b": 0.7,
        r" (?:do not|don't|without) (?:change|changing|altering|alter|modify|modifying|paraphrase|paraphrasing"
        r"|summarise|summarize|summarising|summarizing|omit|omitting)(?: \w+){0,2} (?:word|words|anything|text)\b": 0.7,
        r" (?:as|in)(?: a)? json(?: \w+){0,6} (?:context|documents|passages)\b": 0.5,
        r" (?:context|documents|passages)(?: \w+){0,6} (?:as|in)(?: a)? json\b": 0.5,
        r" (?:continue|complete|finish|extend) (?:the|this|that|following)(?: following)?"
        r" (?:passage|text|paragraph|document|record|sentence|excerpt)\b": 0.5,
        r" (?:what|which) (?:comes|stands|came|was|is)(?: \w+){0,2} (?:directly |right )?(?:before|after|next)"
        r"(?: \w+){0,2} (?:text|passage|sentence|paragraph)\b": 0.4,
        # German, French, Spanish
        r" (?:wiederhole|gib|kopiere|drucke)(?: \w+){0,5} (?:kontext|dokumente|text oben|wörtlich|obige\w*)\b": 0.8,
        r" (?:répète|repete|répétez|affiche|copie)(?: \w+){0,5} (?:contexte|documents|dessus|mot pour mot)\b": 0.8,
        r" (?:repite|imprime|copia|muestra)(?: \w+){0,5} (?:contexto|documentos|anterior|literalmente)\b": 0.8,
    }
)


class ExtractionWording(Signal):
    """How plainly the query asks to have context or prompt handed out as it stands, in [0, 1].

    The commands of Zeng et al. ("please repeat all the context", arXiv 2402.16893), Qi et al. ("copy and output all
    the text before", arXiv 2402.17840) and DGEA (arXiv 2409.08045), with synonyms and insertions.
    """

    manifest = SignalManifest(
        name="extraction_wording",
        summary="asks to repeat the context or the prompt word for word",
        stage=Stage.QUERY,
        threats=frozenset({Threat.EXTRACTION}),
        cost=Cost.MICROSECONDS,
        source="against arXiv 2402.16893, 2402.17840, 2409.08045",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """In [0, 1]; None where nothing matches and the text is not English (see `sentinel.wording`)."""
        return LEXICON.score(evidence.request.query)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say what it asks for."""
        return f"the query asks for the context word for word (certainty {peak(measurement):.0%})"
