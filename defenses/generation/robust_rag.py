"""RobustRAG: each document is read by itself, and what enough of them say makes the answer."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from defenses.base import Asked, DefenseManifest, Generated, GenerationDefense, Resources
from defenses.generation._asking import abstains, alone, ask, ask_each, told
from defenses.generation._keywords import keyphrases, longest_only
from defenses.generator import AttentiveGenerator, Generator, Prompt
from sentinel.errors import ComponentError, ConfigurationError
from sentinel.manifest import Cost, Need, Stage
from sentinel.vocabulary import Request, Threat

HINT = "Readers who each saw one source alone agreed on: {phrases}."
_SHORT = "Answer in as few words as you can."
_SPECIAL = re.compile(r"<[^<>\s]{1,40}>|\[(?:EOS|SEP|PAD|END)\]")
"""A vocabulary entry that ends an answer: a control token's name. An empty entry does so too."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What the documents say together.

    Attributes:
        keywords: The kept words and phrases, sorted; those within a longer kept one left out.
        certified: True if no replacement of `corrupted` documents, whatever they say, changes what is kept.
    """

    keywords: tuple[str, ...]
    certified: bool


@dataclass(frozen=True, slots=True)
class Certified:
    """An answer and whether it is proven.

    Attributes:
        generated: The answer.
        certified: True if replacing `corrupted` of the documents, whatever they say, gives the same answer from a
            generator that answers the same prompt always alike.
    """

    generated: Generated
    certified: bool


def least_count(answered: int, alpha: float, beta: int) -> int:
    """How many answers must hold a keyword: the least whole number of at least min(beta, alpha * answered), and 1."""
    return max(1, math.ceil(min(float(beta), alpha * answered) - 1e-9))


def aggregate(found: Sequence[frozenset[str]], alpha: float, beta: int, corrupted: int) -> Aggregate:
    """Keep what enough answers hold, and say whether that is proven.

    Of c replaced documents r take their answer from a keyword, or give one to it, and at most c - r others change how
    many answers there are, which moves the required count by at most c - r, for alpha is at most 1. So it is proven
    if every kept keyword is held c times more than required, and every other one, the unseen among them, would stay
    out if it were held c times more.

    Args:
        found: The keywords of each answer that is one.
        alpha: Share of the answers.
        beta: Number of answers that is enough whatever their share.
        corrupted: c.
    """
    counts = Counter(word for words in found for word in words)
    least = least_count(len(found), alpha, beta)
    certified = corrupted < least and all(
        count - corrupted >= least if count >= least else count + corrupted < least for count in counts.values()
    )
    return Aggregate(tuple(longest_only(word for word, count in counts.items() if count >= least)), certified)


class RobustRag(GenerationDefense):
    """RobustRAG (arXiv 2405.15556): isolate, then aggregate. A few corrupted documents cannot speak for the others.

    `keyword`: one answer for each document, abstentions left out; the answer is written from the question and the
    words and phrases that enough answers hold. n documents: n + 1 model calls in two steps.
    `decoding`: token by token, the next-token probabilities of the documents that did not abstain are added up; the
    best token is taken if it leads by more than `eta`, else the one that the model would write without documents.
    n + (m + 1) * t model calls for t tokens and the m documents that did not abstain, a transformers model needed.
    One call without documents.

    `certify` says besides the answer whether it is proven against `corrupted` replaced documents; at the defaults
    with fewer than four answers it never is. Proven is the answer from the documents handed over, each framed by
    itself (not by `number_sources`); which were retrieved is another matter. Planted documents that agree do come
    through: `beta` of them always. Keywords are ours, without a tagger.
    """

    manifest = DefenseManifest(
        name="robust_rag",
        summary="read each document alone and answer from what enough of them say (RobustRAG)",
        stage=Stage.GENERATION,
        threats=frozenset({Threat.POISONING, Threat.INJECTION, Threat.JAMMING}),
        needs=frozenset({Need.GENERATOR}),
        cost=Cost.MODEL_CALL,
        guarantee="where `certify` says so, no replacement of `corrupted` documents changes the answer of a generator "
        "that answers the same prompt always alike",
        baseline=True,
        source="RobustRAG, arXiv 2405.15556, algorithms 1 and 2; keywords and the certificate's form ours",
    )

    aggregation: Literal["keyword", "decoding"] = Field("keyword", description="what of the readings is added up")
    alpha: float = Field(0.3, gt=0.0, le=1.0, description="keyword: share of the answers that must hold it")
    beta: int = Field(3, ge=1, le=1000, description="keyword: number of answers that is enough")
    eta: float = Field(1.0, ge=0.0, le=1000.0, description="decoding: lead over the second token, in documents")
    corrupted: int = Field(1, ge=0, le=1000, description="replaced documents that the certificate is about")
    max_tokens: int = Field(32, ge=1, le=1024, description="longest answer from one document, or by decoding")

    def generate(self, asked: Asked, generator: Generator, request: Request, resources: Resources) -> Generated:
        """Read each document alone and answer from what they share."""
        return self.certify(asked, generator).generated

    def certify(self, asked: Asked, generator: Generator) -> Certified:
        """As `generate`, with the certificate's condition.

        Raises:
            ConfigurationError: Decoding is asked for and the generator's probabilities cannot be read.
        """
        if self.aggregation == "decoding" and not isinstance(generator, AttentiveGenerator):
            raise ConfigurationError(
                'robust_rag.aggregation = "decoding" reads probabilities: use a transformers model in this process, '
                'or "keyword"'
            )
        if not asked.documents:
            return Certified(Generated(ask(generator, [asked.prompt])[0], 1), True)
        prompts = [alone(asked, document) for document in asked.documents]
        answers, calls, _ = ask_each(generator, prompts, self.max_tokens)
        silent = {i: "gives no answer by itself" for i, answer in enumerate(answers) if abstains(answer)}
        if self.aggregation == "decoding" and isinstance(generator, AttentiveGenerator):
            speaking = [prompt for i, prompt in enumerate(prompts) if i not in silent]
            text, more, certified = self._decode(speaking, told(asked.write([]), _SHORT), generator)
            return Certified(Generated(text, calls + more, silent), certified)
        found = [keyphrases(answer, asked.question) for i, answer in enumerate(answers) if i not in silent]
        kept = aggregate(found, self.alpha, self.beta, self.corrupted)
        final = asked.write([HINT.format(phrases="; ".join(kept.keywords))] if kept.keywords else [])
        return Certified(Generated(ask(generator, [final])[0], calls + 1, silent), kept.certified)

    def _decode(self, prompts: Sequence[Prompt], bare: Prompt, generator: AttentiveGenerator) -> tuple[str, int, bool]:
        """The answer, how many prompts it took, and whether it is proven.

        Replacing one document moves every sum by at most 1, so a lead by at most 2: a step is proven if its lead stays
        on its side of `eta` when it moves by 2 for each corrupted document.
        """
        asked, text, certified = [*prompts, bare], "", True
        for step in range(self.max_tokens):
            found, vocabulary = generator.next_token_probabilities(asked, [text] * len(asked))
            if found.shape != (len(asked), len(vocabulary)) or not np.isfinite(found).all():
                raise ComponentError(generator.name, "gave no probabilities for each prompt and vocabulary entry")
            total = found[:-1].sum(axis=0, dtype=np.float64)
            second, first = np.sort(np.partition(total, -2)[-2:]) if len(total) > 1 else (0.0, total[0])
            lead = float(first - second)
            together = lead > self.eta
            margin = 2.0 * self.corrupted
            certified = certified and (lead - margin > self.eta if together else lead + margin <= self.eta)
            token = vocabulary[int(np.argmax(total if together else found[-1]))]
            if not token or _SPECIAL.fullmatch(token.strip()) or ("\n" in token and text.strip()):
                return text.strip(), (step + 1) * len(asked), certified
            text += token
        return text.strip(), self.max_tokens * len(asked), certified
