"""Answers under (epsilon, delta): one answer for each document, keywords released with noise, documents left out."""

from __future__ import annotations

from collections import Counter

from pydantic import Field

from defenses.base import Asked, DefenseManifest, Generated, GenerationDefense, Resources
from defenses.generation._asking import abstains, alone, ask, ask_each
from defenses.generation._keywords import keywords
from defenses.generation._private_histogram import Noise, calibrate, composed_epsilon, release
from defenses.generator import Generator
from defenses.ledger import Charge
from defenses.retrieval.exposure_budget import digest
from sentinel.manifest import Cost, Need, Stage
from sentinel.vocabulary import Request, Threat

HINT = "Independent readers of the sources agreed on these words: {words}."


class DpAnswer(GenerationDefense):
    """Answers from the question and keywords that were released under differential privacy; no document is read.

    Each document is answered from by itself, each answer counts for its first few keywords, noise is added, and what
    many agree on is released; the final answer is written from the question and those words alone, so whatever the
    generator does with them costs nothing more. n documents: n + 1 model calls; 1 where the budget is spent.

    What holds. The answers that one client gets within a window are together (epsilon, delta)-differentially private
    towards adding, removing or replacing *one of the documents served*. Replacing is what one document more or less
    in the corpus does to a list of k: it pushes another one out or lets it in. That carries over to the corpus where
    documents are chosen by their own scores, exact search and the first k. It does not where a defense judges
    documents by each other (clusters, conflicts, duplicates), where k changes by content, or where the prompt
    defenses write into a document what depends on its rank or on the others: `number_sources` does, and `spotlight` by
    a little, for its marker avoids every document's text. One document is one passage: a source cut into many, or
    copied, is protected passage by passage. The generator must answer each prompt by itself: where its sums of floats
    depend on what else is in the batch, another document can tip a near-tie; set `batched` to False. What is promised
    is the answer's text: not the time it took, nor records of the request. And it is promised of the answers that go
    through here: a policy that plans this for some requests only, or with parameters that change, keeps no promise.

    What it costs. A keyword is released when about `noise.threshold` documents agree on it: 21 at the defaults, so
    from five documents nothing ever comes through and the answer is the generator's own. Plan it with k of 50 or
    more; the more documents the better. Fewer answers in a window, or fewer keywords, need fewer documents.

    The budget is the client's: clients that collude add up theirs, all who give no name share one, and a new window
    is a new budget. It is spent before anything is asked, also where no document came, and where the generator fails.

    Not DP-KSA's own release (propose-test-release of the exact top k): it is sound for an unordered set when gaps are
    taken to move by 2, but it needs a second mechanism to choose k and a cliff in the counts at that k. A threshold
    lets each word pass by itself, needs fewer voters for short answers, and composes in closed form. Documents are
    not put into groups: cut by rank, one document more would change every group.
    """

    manifest = DefenseManifest(
        name="dp_answer",
        summary="answer from keywords that are released under end-to-end differential privacy, not from documents",
        stage=Stage.GENERATION,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        needs=frozenset({Need.GENERATOR, Need.LEDGER}),
        cost=Cost.MODEL_CALL,
        guarantee="(epsilon, delta)-DP for all answers of one client within a window, towards one of the documents "
        "served being added, removed or replaced; documents chosen and framed each by itself",
        source="keywords after DP-KSA, arXiv 2602.14374; Balle and Wang, arXiv 1805.06530; composition ours",
    )

    epsilon: float = Field(8.0, gt=0.0, le=100.0, description="for all answers of a client within the window")
    delta: float = Field(1e-5, ge=1e-15, le=0.1, description="the same; far below 1 / documents in the corpus")
    answers: int = Field(10, ge=1, le=100_000, description="answers from documents that a client gets in a window")
    window_s: float = Field(86_400.0, gt=0.0, le=31_536_000.0, description="length of the sliding window in seconds")
    keywords: int = Field(2, ge=1, le=50, description="keywords that one document's answer counts for")
    max_tokens: int = Field(32, ge=1, le=4096, description="longest answer from one document, in tokens")
    batched: bool = Field(True, description="answer from all documents in one call of the generator; False: one by one")

    @property
    def noise(self) -> Noise:
        """The noise on each count, and what a noisy count must exceed."""
        return calibrate(self.epsilon, self.delta, self.keywords, self.answers)

    def epsilon_after(self, answers: int) -> float:
        """What so many answers of a window cost together, at the configured delta."""
        return composed_epsilon(self.noise, self.keywords, answers, self.delta)

    def generate(self, asked: Asked, generator: Generator, request: Request, resources: Resources) -> Generated:
        """Spend one answer, release what many documents agree on, and answer from that.

        `spent` is the cost of this answer alone, (0, 0) where the budget was spent before; `dropped` never says
        what was found in which document.
        """
        budget = f"dp_answer:{digest(request.tenant, request.client_id)}"
        charge = Charge(budget, self.answers, self.window_s)
        if resources.ledger.spend([charge], request.time) is not None:
            text = ask(generator, [asked.write([])])[0]
            reason = "quota: the client's privacy budget for the window is spent"
            return Generated(text, 1, dict.fromkeys(range(len(asked.documents)), reason), (0.0, 0.0))
        prompts = [alone(asked, document) for document in asked.documents]
        counts: Counter[str] = Counter()
        calls = 0
        for batch in [prompts] if self.batched else [[prompt] for prompt in prompts]:
            found, more, _ = ask_each(generator, batch, self.max_tokens)
            calls += more
            for answer in found:
                if not abstains(answer):
                    counts.update(keywords(answer, asked.question, self.keywords))
        source = resources.random.for_request(request, self.manifest.name)
        released = release(counts, self.noise, source)
        final = asked.write([HINT.format(words=", ".join(released))] if released else [])
        return Generated(ask(generator, [final])[0], calls + 1, spent=(self.epsilon_after(1), self.delta))
