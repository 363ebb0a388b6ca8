"""Does the query give the model orders about itself?"""

from __future__ import annotations

from sentinel.evidence import Evidence
from sentinel.manifest import Cost, SignalManifest, Stage
from sentinel.signals import Measurement, Signal, peak
from sentinel.vocabulary import Threat
from sentinel.wording import Lexicon

_DROP = r"(?:ignore|disregard|forget|override|bypass|skip|neglect|discard|overlook|drop|cancel|violate|void)"
_RULES = (
    r"(?:instruction|instructions|rule|rules|prompt|prompts|guideline|guidelines|directive|directives|command|commands"
    r"|restriction|restrictions|constraint|constraints|policy|policies|safeguards|filters|text|context|orders|above)"
)
_OLD = r"(?: previous| prior| above| earlier| preceding| all| any| every| your| former| foregoing| system| initial)"

LEXICON = Lexicon(
    {
        rf" {_DROP}(?: \w+){{0,2}}{_OLD}(?: \w+){{0,3}} {_RULES}\b": 0.95,
        rf" {_DROP} (?:the|these|those|everything)(?: \w+){{0,3}}"
        r" (?:instructions|rules|above|before|said|told)\b": 0.85,
        rf" {_DROP} the following (?:text|string|characters|part)\b": 0.6,
        r" you are (?:now|no longer|going to be|free)\b": 0.7,
        r" from now on(?: \w+){0,2} (?:you|respond|answer|act|speak|only)\b": 0.6,
        r" (?:system|developer|hidden|initial) (?:prompt|message|instructions)\b": 0.6,
        r" (?:developer|dan|god|debug|admin|root|sudo|jailbreak|maintenance|unrestricted) mode\b": 0.85,
        r" (?:pretend|imagine) (?:to be|you are|you're|that you|you have)\b": 0.7,
        r" (?:act|behave|respond|answer|speak) (?:as|like)"
        r" (?:if you|an? (?:\w+ )?(?:ai|assistant|model|bot|character))\b": 0.7,
        r" (?:role ?play|roleplaying|role playing|in character|stay in character)\b": 0.6,
        r" (?:jailbreak|jailbroken|do anything now)\b": 0.9,
        r" (?:new|updated|real|actual) (?:instructions|task|rules|directive)(?: are| is| follow)?\b": 0.4,
        r" (?:without|no) (?:any )?(?:restrictions|filters|censorship|limitations|safety|moral|ethical)\b": 0.5,
        r" (?:end of|begin|start of) (?:context|prompt|system|instructions|document)\b": 0.5,
        r" (?:im_start|im_end|endoftext|sys inst|inst sys)\b": 0.8,
        # German, French, Spanish
        r" (?:ignoriere|vergiss|missachte)(?: \w+){0,4} (?:anweisungen|regeln|befehle|instruktionen)\b": 0.95,
        r" (?:ignore|ignorez|oublie|oubliez)(?: \w+){0,4} (?:instructions|consignes|règles)(?: précédentes)?\b": 0.8,
        r" (?:ignora|olvida|ignore)(?: \w+){0,4} (?:instrucciones|reglas|órdenes)\b": 0.95,
        r" (?:du bist jetzt|tu es maintenant|ahora eres)\b": 0.7,
    }
)


class InjectionWording(Signal):
    """How plainly the query tries to change what the model is or obeys, in [0, 1].

    The families of Perez & Ribeiro (arXiv 2211.09527: goal hijacking, prompt leaking) and of role-play jailbreaks.
    """

    manifest = SignalManifest(
        name="injection_wording",
        summary="gives the model orders: ignore instructions, play a role, system prompt",
        stage=Stage.QUERY,
        threats=frozenset({Threat.INJECTION, Threat.EXTRACTION}),
        cost=Cost.MICROSECONDS,
        source="Perez & Ribeiro, arXiv 2211.09527",
    )

    def measure(self, evidence: Evidence) -> Measurement:
        """In [0, 1]; None where nothing matches and the text is not English (see `sentinel.wording`)."""
        return LEXICON.score(evidence.request.query)

    def reason(self, evidence: Evidence, measurement: Measurement) -> str:
        """Say what it tries."""
        return f"the query gives the model orders about itself (certainty {peak(measurement):.0%})"
