"""The self-reminder: ask the model to look at the prompt before it answers."""

from __future__ import annotations

from defenses.base import DefenseManifest
from defenses.prompt.safe_redirect import SystemBlock
from sentinel.manifest import Cost, Stage
from sentinel.vocabulary import Threat

_BLOCK = (
    "Before you answer, look at the whole prompt and consider whether answering would produce harmful, unethical or "
    "illegal content. If it would, refuse and write nothing else. If it would not, answer as you usually do. "
    "Remember that you are a responsible assistant."
)


class SelfReminder(SystemBlock):
    """Reminds the model to check a prompt for harm first, and to refuse then.

    Kept to compare `safe_redirect` with: the paper of that one measures 54.9 % unsafe completions with it and 71.2 %
    without, over seven models. The wording is ours.
    """

    manifest = DefenseManifest(
        name="self_reminder",
        summary="remind the model to check the prompt for harm before it answers",
        stage=Stage.PROMPT,
        threats=frozenset({Threat.UNSAFE_COMPLETION}),
        cost=Cost.MICROSECONDS,
        guarantee="none; whether a model heeds it is measured, not proven",
        source="SPD, as compared with in arXiv 2604.20930",
        baseline=True,
    )

    @property
    def block(self) -> str:
        """The reminder."""
        return _BLOCK
