"""Sparse document attention: no document reads another one while the generator reads them all."""

from __future__ import annotations

from defenses.base import Asked, DefenseManifest, Generated, GenerationDefense, Resources
from defenses.generation._attentive import attentive
from defenses.generator import Generator
from sentinel.manifest import Cost, Need, Stage
from sentinel.vocabulary import Request, Threat


class Sdag(GenerationDefense):
    """Keeps documents from attending to each other (arXiv 2602.04711): a block-diagonal mask, and no further call.

    Instruction, question and answer attend to everything. A planted document can still be read and believed; it can
    no longer colour what the others are taken to say, which is what a single one does most. As published, what stands
    between two documents in the prompt (a number, a heading) attends to those before it and is attended to by those
    after it, so that a thread of influence remains; a template that counts such lines to the documents has none.
    Several planted documents that agree are left to the filters.
    """

    manifest = DefenseManifest(
        name="sdag",
        summary="keep documents from attending to each other in the generator",
        stage=Stage.GENERATION,
        threats=frozenset({Threat.POISONING}),
        needs=frozenset({Need.GENERATOR, Need.ATTENTION}),
        cost=Cost.MODEL_CALL,
        guarantee="no token of a document attends to a token of another one",
        source="Sparse Document Attention Generation, arXiv 2602.04711",
    )

    def generate(self, asked: Asked, generator: Generator, request: Request, resources: Resources) -> Generated:
        """Answer the one prompt with the mask.

        Raises:
            ConfigurationError: The generator's attention cannot be changed.
        """
        return Generated(attentive(generator, self.manifest.name).generate_isolated([asked.prompt])[0], calls=1)
