"""Who answers in a run with a generator: the chain that users have, `DefendedRAG`, over each policy's retriever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from benchmarks.answer_forms import ClozeReader, Form, form_of, has_blanks, openings
from benchmarks.answer_scores import BLANK_TOKENS, AnswerScorer, asked_truths, longest_answer, needs_truths, scorable
from benchmarks.answer_text import decided
from benchmarks.attacks import Attack, Session
from benchmarks.data import Dataset
from benchmarks.spec import Spec, specs
from benchmarks.turns import Turns
from defenses import DEFENSES, AttentiveGenerator, GenerationDefense, Generator, build
from sentinel.errors import ConfigurationError, unknown_name
from sentinel.manifest import Stage
from strategist import DefendedRAG, DefendedRetriever
from strategist.policies import PolicyManifest
from strategist.policies.none import NonePolicy
from strategist.rag_prompt import RagTemplate

NO_GENERATOR = "none"
MAX_TOKENS = 48
ANSWER_ONLY = "answer_only"
Report = Callable[[str, int, int], None]


class AnswerOnlyPolicy(NonePolicy):
    """Bare retrieval with the answer half's defenses that a run is given: what they do by themselves."""

    manifest = PolicyManifest(
        name=ANSWER_ONLY,
        summary="bare retrieval, defended by the given prompt, generation and answer defenses alone; benchmark only",
        passive=True,
        baseline=True,
    )


def load(spec: str, dtype: str | None = None, folder: str | None = None) -> Generator:
    """The generator that `--generator` names, its answers kept on disk.

    Args:
        spec: What `load_generator` takes.
        dtype: What a model in this process calculates in; None for what suits the device.
        folder: Where answers are kept; None for the usual one.

    Raises:
        ConfigurationError: There is nothing of that name, or of that type.
    """
    from strategist.generators import load_generator
    from strategist.generators.answer_cache import cached

    try:
        generator = load_generator(spec, **({} if dtype is None else {"dtype": dtype}))
    except ConfigurationError as error:
        raise ConfigurationError(f"--generator {spec!r}: {error}") from None
    made: Generator = cached(generator, folder)
    return made


def chosen(text: str | None, stage: Stage) -> tuple[Spec, ...]:
    """The defenses of a stage that a comma-separated list names, each with its parameters behind it.

    Args:
        text: What `benchmarks.spec.specs` reads.
        stage: Where they belong.

    Raises:
        ConfigurationError: One is unknown or of another stage, stands there twice, or has no such parameter.
    """
    known = [name for name in DEFENSES.names() if DEFENSES.get(name).manifest.stage is stage]
    found: dict[str, dict[str, Any]] = {}
    for name, parameters in specs(text or ""):
        if name not in known:
            raise unknown_name(f"{stage.value} defense", name, known)
        if name in found:
            raise ConfigurationError(f"{stage.value} defense {name!r} stands there twice")
        build(name, parameters)
        found[name] = parameters
    return tuple(found.items())


@dataclass(frozen=True)
class Answers:
    """The answer stage of a run.

    Attributes:
        generator: What answers.
        data: Knows the right answers.
        prompt: Prompt defenses by name, with their parameters; in force for every policy but `none`.
        generation: The generation defense, likewise.
        answer: Answer defenses, likewise.
        max_tokens: The longest answer; attacks that need longer ones get them.
        template: How documents and question become a prompt.
        report: Told while prompts are answered.
    """

    generator: Generator
    data: Dataset
    prompt: tuple[Spec, ...] = ()
    generation: Spec | None = None
    answer: tuple[Spec, ...] = ()
    max_tokens: int = MAX_TOKENS
    template: RagTemplate = field(default_factory=RagTemplate)
    report: Report = lambda *_: None

    @property
    def defends(self) -> bool:
        """Whether any defense of the answer half was given."""
        return bool(self.prompt or self.generation or self.answer)

    def config(self) -> dict[str, Any]:
        """What changes a figure, as plain JSON values; no path in it."""
        return {
            "fingerprint": getattr(self.generator, "fingerprint", None),
            "greedy": isinstance(self.generator, AttentiveGenerator),  # how others choose words is their business
            "max_tokens": self.max_tokens,
            "prompt_defenses": [list(spec) for spec in self.prompt],
            "generation": None if self.generation is None else list(self.generation),
            "answer_defenses": [list(spec) for spec in self.answer],
        }

    def reads(self, attack: Attack) -> bool:
        """Whether an attack's answers are wanted."""
        return scorable(attack)

    def turns(self, what: str) -> Turns:
        """Requests that are answered together."""
        return Turns(self.generator, lambda done, total: self.report(f"{what}: answers", done, total))

    def chain(
        self, retriever: DefendedRetriever, turns: Turns, attack: Attack, sessions: Sequence[Session], *, bare: bool
    ) -> DefendedRAG:
        """The chain that answers an attack's questions.

        Args:
            retriever: The policy's.
            turns: What the chain's generator waits for.
            attack: The attack.
            sessions: What is asked; a generator that cannot fill in a form is asked for completions of their blanks.
            bare: Whether to leave the given defenses away, as for the policy that all others are compared with.
        """
        generation = None if bare or self.generation is None else build(*self.generation)
        assert generation is None or isinstance(generation, GenerationDefense)
        if self.form(attack) == "cloze":
            texts = {query: found for session in sessions for query, found in openings(session).items()}
            generation = ClozeReader(openings=texts, within=generation)
        return DefendedRAG(
            retriever=retriever,
            generator=turns.generator,
            prompt_defenses=[] if bare else [build(*spec) for spec in self.prompt],
            generation=generation,
            answer_defenses=[] if bare else [build(*spec) for spec in self.answer],
            template=self.template,
            max_tokens=longest_answer(attack, self.max_tokens),
        )

    def form(self, attack: Attack) -> Form | None:
        """Which form an attack is asked in; None for one without blanks."""
        return self._form if has_blanks(attack) else None

    @cached_property
    def _form(self) -> Form:
        return form_of(self.generator, max(self.max_tokens, BLANK_TOKENS))

    def scorer(self, attack: Attack, sessions: Sequence[Session]) -> AnswerScorer:
        """What scores an attack's sessions; the attacker's own reading of the targets is had first."""
        truths: dict[str, str | None] = {}
        if needs_truths(attack):
            texts = asked_truths(sessions, self.data)
            turns = self.turns(f"{attack.manifest.name}, the attacker's reading")
            for query, text in texts.items():
                turns.start(partial(self._truth, turns, truths, query, text))
            turns.finish()
        return AnswerScorer(self.data, attack, self.template.not_found, truths)

    def _truth(self, turns: Turns, truths: dict[str, str | None], query: str, text: str) -> None:
        prompt = self.template.write(query, [text])
        try:
            truths[query] = decided(turns.generator.generate([prompt], max_tokens=self.max_tokens)[0])
        except ConfigurationError:
            raise
        except Exception:  # a question whose answer nobody knows is not scored
            truths[query] = None
