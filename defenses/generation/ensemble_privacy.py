"""EPD: the answer with documents and the answer without are merged by a judge that sees no document."""

from __future__ import annotations

from pydantic import Field

from defenses.base import Asked, DefenseManifest, Generated, GenerationDefense, Resources
from defenses.generation._asking import abstains, ask, weigh
from defenses.generator import Generator
from sentinel.manifest import Cost, Need, Stage
from sentinel.text import words
from sentinel.vocabulary import Request, Threat

_TASK = (
    "Two drafts of an answer to this question stand above: one written with sources at hand, one from general "
    "knowledge. Where both answer alike, that is the answer; where only one answers, follow it; where they differ, "
    "follow the draft with sources. Write the final answer alone, as short as the question allows and in words of "
    "your own: copy no sentence, and say nothing of drafts or sources."
)
_DRAFTS = frozenset({"draft", "drafts"})


class EnsemblePrivacy(GenerationDefense):
    """Ensemble Privacy Defense (arXiv 2512.03100): what the documents changed in the answer is blurred by a judge.

    Three model calls in two steps: with and without documents together, then the judge; one without documents. The
    judge is the same generator and is not shown the drafts' losses, which a generator here need not have: both differ
    from the paper, whose judge is a larger model. Published against seven classic membership attacks (AUC .571 to
    .503), not against those that ask questions; a fact that only a document holds still reaches the answer.

    A judge that says nothing, or speaks of drafts instead of answering, is replaced by the answer with documents, or
    without them where that says nothing either.
    """

    manifest = DefenseManifest(
        name="ensemble_privacy",
        summary="let a judge merge the answer with documents and the one without (EPD)",
        stage=Stage.GENERATION,
        threats=frozenset({Threat.MEMBERSHIP}),
        needs=frozenset({Need.GENERATOR}),
        cost=Cost.MODEL_CALL,
        baseline=True,
        source="EPD, arXiv 2512.03100, prompts ours",
    )

    max_tokens: int | None = Field(None, ge=1, le=8192, description="longest draft; None: the generator's own limit")

    def generate(self, asked: Asked, generator: Generator, request: Request, resources: Resources) -> Generated:
        """Draft twice, judge once."""
        if not asked.documents:
            return Generated(ask(generator, [asked.prompt])[0], 1)
        told, known = ask(generator, [asked.prompt, asked.write([])], self.max_tokens)
        drafts = [("draft with sources", told), ("draft from general knowledge", known)]
        source = resources.random.for_request(request, self.manifest.name)
        merged = ask(generator, [weigh(_TASK, asked.question, source, notes=drafts)])[0]
        if not merged or _DRAFTS & set(words(merged)) - set(words(f"{asked.question} {told} {known}")):
            merged = known if abstains(told) and known else told
        return Generated(merged, 3)
