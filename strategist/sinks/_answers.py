"""What sinks say of the answer's half: who was asked how, what was done about the answer. Names only, no texts."""

from __future__ import annotations

from typing import NamedTuple

from strategist.decision import Decision

STAGES = ("prompt", "generate", "check")
"""The stages of a decision's milliseconds that only an answer has."""


class Interference(NamedTuple):
    """Names of the answer defenses that did something."""

    changed: tuple[str, ...]
    stopped: tuple[str, ...]


def interference(decision: Decision) -> Interference:
    """Which answer defenses changed the answer, and which let nothing follow; in a shadow: which would have."""
    findings = () if decision.answer is None else decision.answer.findings
    return Interference(
        tuple(found.defense for found in findings if found.changed),
        tuple(found.defense for found in findings if found.stopped),
    )


def line(decision: Decision) -> str:
    """The answer's half in words; "" where there is none."""
    part = decision.answer
    if part is None:
        return ""
    done = interference(decision)
    said = [f"{part.outcome}{' in a stream' if part.streamed else ''}", f"calls {part.calls}"]
    said += [f"framed by {', '.join(part.prompt)}"] if part.prompt else []
    said += [f"asked through {part.generation}"] if part.generation else []
    said += [f"left out {len(part.dropped)}"] if part.dropped else []
    said += [f"spent epsilon {part.spent[0]:.3g}, delta {part.spent[1]:.3g}"] if part.spent else []
    said += [f"changed by {', '.join(done.changed)}"] if done.changed else []
    said += [f"stopped by {', '.join(done.stopped)}"] if done.stopped else []
    spent = decision.milliseconds
    said += [f"{stage} {spent[stage]:.1f} ms" for stage in STAGES if stage in spent]
    return f"; answer of {part.generator}: {', '.join(said)}"
