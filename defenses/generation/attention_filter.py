"""The attention-variance filter: a document that the answer looks at far more than at the others is left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from defenses.base import Asked, DefenseManifest, Generated, GenerationDefense, Resources
from defenses.generation._attentive import attentive
from defenses.generator import AttentiveGenerator, Generator, Prompt
from sentinel.errors import ConfigurationError, DataError
from sentinel.manifest import Cost, Need, Stage
from sentinel.vocabulary import Request, Threat

PUBLISHED_THRESHOLD = 26.2
"""The variance that the paper's code stops at, for ten passages and the models that it was fitted on."""
TOTAL = 100.0
"""What the scores of all documents add up to."""
ROUNDING = 1e-4
"""By how much of itself a variance may change with what else is in the batch: sums of floats depend on their order."""


class AttentionFilter(GenerationDefense):
    """Leaves out documents that draw most of the answer's attention (arXiv 2506.04390), then answers from the rest.

    The answer is written once with its attention watched. A document's score is the attention that its `alpha` most
    looked-at tokens got, all scores scaled to a sum of 100. If their variance is within the threshold, that answer is
    the answer. Else documents are put in rising order of score and scored again, twice, for a place in the prompt
    draws attention of its own. Then, at most `max_dropped` times, while the variance is above the threshold, the
    document with the highest score goes, and the rest is scored anew. The answer comes from what is left, in the
    order in which it was served.

    What the published form gets wrong, and this one does not:
    - it may remove as many documents as were planted, a number that its experiments hand to it and nobody has: with
      none planted it removes none, and its figures for clean data say nothing of false alarms. Here the bound is a
      parameter that knows nothing of the attack;
    - its one threshold, 26.2, is exceeded by 59-77 % of *clean* questions over ten passages with the models that it
      was fitted on: it amounts to dropping the most looked-at passage, on clean data often the one with the answer.
      Attention's spread is a matter of the model, the number of documents and `alpha`: calibrate `threshold` with
      `calibrated_threshold`, which lets a stated share of clean questions pass. The default is the published one, for
      comparison alone;
    - it sorts before it asks whether there is anything to be done: at least three readings for every clean question,
      where the first one's answer could have been kept.
    What calibration cannot mend: a document that answers the question is looked at most, planted or not, so what is
    dropped above any threshold may be the good one.
    """

    manifest = DefenseManifest(
        name="attention_filter",
        summary="drop documents that the answer attends to far more than to the others",
        stage=Stage.GENERATION,
        threats=frozenset({Threat.POISONING, Threat.INJECTION}),
        needs=frozenset({Need.GENERATOR, Need.ATTENTION}),
        cost=Cost.MODEL_CALL,
        source="Choudhary et al., arXiv 2506.04390; the threshold calibrated",
        baseline=True,
    )

    threshold: float = Field(
        PUBLISHED_THRESHOLD, gt=0.0, le=TOTAL**2, description="variance of the scores that is too large; calibrate it"
    )
    alpha: int | None = Field(None, ge=1, le=10_000, description="tokens of a document that count; none for all")
    max_dropped: int = Field(1, ge=1, le=20, description="the most documents that are left out")
    sortings: int = Field(2, ge=0, le=5, description="how often documents are put in order of score first")

    def generate(self, asked: Asked, generator: Generator, request: Request, resources: Resources) -> Generated:
        """Watch, drop, answer.

        Raises:
            ConfigurationError: The generator's attention cannot be read.
        """
        watched = attentive(generator, self.manifest.name)
        if len(asked.documents) < 2:  # nothing to compare with
            return Generated(watched.generate([asked.prompt])[0], calls=1)
        order = list(range(len(asked.documents)))
        answer, scores = self._watch(watched, asked.prompt, order)
        # Asked of the prompt as it was served, as in calibration: what is done after that changes no false alarm.
        if float(np.var(scores)) <= self.threshold:
            return Generated(answer, calls=1)
        calls = 1
        for _ in range(self.sortings):
            rising = [order[place] for place in np.argsort(scores, kind="stable")]
            if rising != order:
                order = rising
                _, scores = self._watch(watched, _written(asked, order), order)
                calls += 1
        dropped: dict[int, str] = {}
        while len(dropped) < self.max_dropped and len(order) > 1 and (spread := float(np.var(scores))) > self.threshold:
            place = int(np.argmax(scores))
            dropped[order.pop(place)] = (
                f"draws {scores[place]:.0f} % of the attention, variance {spread:.1f} above {self.threshold:.1f}"
            )
            if len(order) > 1 and len(dropped) < self.max_dropped:
                _, scores = self._watch(watched, _written(asked, order), order)
                calls += 1
        if not dropped:
            return Generated(answer, calls)
        return Generated(watched.generate([_written(asked, sorted(order))])[0], calls + 1, dropped)

    def _watch(
        self, generator: AttentiveGenerator, prompt: Prompt, order: list[int]
    ) -> tuple[str, NDArray[np.float64]]:
        ((answer, attention),) = generator.document_attention([prompt])
        if len(attention) != len(order):
            raise DataError(f"the prompt has {len(attention)} documents marked of {len(order)} written into it")
        return answer, attention_scores(attention, self.alpha)


def _written(asked: Asked, order: Sequence[int]) -> Prompt:
    return asked.write([asked.documents[place] for place in order])


def attention_scores(attention: Sequence[NDArray[np.float32]], alpha: int | None = None) -> NDArray[np.float64]:
    """The normalised passage attention scores of arXiv 2506.04390.

    Args:
        attention: For each document the attention that each of its tokens got, shape (tokens,).
        alpha: How many tokens of a document count, those with the most; None for all.

    Returns:
        Shape (documents,), float64, adding up to 100; all alike where no document was looked at.
    """
    kept = [np.sort(np.asarray(one, dtype=np.float64))[::-1][:alpha] for one in attention]
    raw = np.asarray([one.sum() for one in kept])
    total = float(raw.sum())
    return raw * (TOTAL / total) if total > 0.0 else np.full(len(raw), TOTAL / max(len(raw), 1))


def calibrated_threshold(
    generator: Generator, prompts: Sequence[Prompt], quantile: float = 0.95, *, alpha: int | None = None
) -> float:
    """The variance of the scores that a share of clean prompts stays within.

    It holds for this generator, these numbers of documents and this alpha: take prompts as the template writes them,
    with as many documents as are served. Conformal: of n prompts the ceil((n + 1) * quantile)-th smallest variance,
    so that a further clean prompt exceeds it with a probability of at most 1 - quantile; and `ROUNDING` on top, so that
    a prompt as scattered as that one passes in whatever batch it is read.

    Args:
        generator: The one to be defended.
        prompts: Clean prompts, documents marked, at least two in each and equally many in all.
        quantile: The share of clean prompts that is to pass.
        alpha: As the filter's.

    Raises:
        ConfigurationError: The generator's attention cannot be read, or the quantile is not between 0 and 1.
        DataError: Too few prompts for the quantile, or a prompt with fewer than two documents or another number.
    """
    if not 0.0 < quantile < 1.0:
        raise ConfigurationError(f"quantile = {quantile!r}: must be between 0 and 1")
    counts = {len(prompt.documents) for prompt in prompts}
    if len(counts) > 1 or min(counts, default=2) < 2:
        raise DataError(f"clean prompts with {sorted(counts)} documents: they need one number of them, 2 or more")
    # 0.95 of 19 + 1 is 19.000000000000004 to a computer.
    rank = int(np.ceil((len(prompts) + 1) * quantile - 1e-9))
    if rank > len(prompts):
        least = int(np.ceil(quantile / (1.0 - quantile) - 1e-9))
        raise DataError(f"{len(prompts)} clean prompts are too few for the quantile {quantile}: {least} are needed")
    watched = attentive(generator, "attention_filter").document_attention(prompts)
    variances = sorted(float(np.var(attention_scores(attention, alpha))) for _, attention in watched)
    return variances[rank - 1] * (1.0 + ROUNDING)
