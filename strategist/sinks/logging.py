"""Decision records through Python's own logging, where an application's handlers already take care of the rest."""

from __future__ import annotations

import logging

from strategist.decision import Decision
from strategist.sinks._answers import line

NAME = "sentinel_strategist.decisions"


class LoggingSink:
    """One log entry for each decision: a line for people, and the whole record for machines.

    The entry's level says what became of the request: ERROR if nothing could be served because a part failed, no
    answer among it where one was asked for, WARNING if a part failed and the request went on, INFO if a defense was
    planned or configured or documents are missing, DEBUG if it left as the base would have served it. The record
    stands in the entry's attribute `decision` (`extra`), beside `decision_id`, `decision_policy`, `decision_config`,
    `decision_mode` and `decision_answer` (what became of the answer, None without one), so that a JSON formatter puts
    them out as they are. The line names the generator, how it was asked, and the answer defenses that did something.

    Args:
        logger: Where to; by default `sentinel_strategist.decisions`.
        text: Put queries in clear into the record instead of their hashes.
    """

    def __init__(self, logger: logging.Logger | str = NAME, *, text: bool = False) -> None:
        self.logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        self.text = text

    def __call__(self, decision: Decision) -> None:
        """Log one decision."""
        level = level_of(decision)
        if not self.logger.isEnabledFor(level):
            return
        extra = {
            "decision": decision.record(text=self.text),
            "decision_id": decision.id,
            "decision_policy": decision.policy,
            "decision_config": decision.config_hash,
            "decision_mode": decision.mode,
            "decision_answer": None if decision.answer is None else decision.answer.outcome,
        }
        self.logger.log(
            level,
            "%s %s/%s: served %d of %d fetched, hidden %d, missing %d, failed %s, %.1f ms%s",
            decision.id,
            decision.policy,
            decision.mode,
            len(decision.served),
            decision.fetched,
            len(decision.dropped),
            decision.missing,
            ", ".join(decision.errors) or "nothing",
            decision.milliseconds.get("total", float("nan")),
            line(decision),
            extra=extra,
        )


def level_of(decision: Decision) -> int:
    """The level that a decision is logged at."""
    if decision.outcome == "failed":
        closed = not decision.served and any(made.endswith("; closed") for made in decision.errors.values())
        closed |= decision.answer is not None and decision.answer.outcome in ("refused", "failed")
        return logging.ERROR if closed else logging.WARNING
    return logging.INFO if decision.outcome == "defended" or decision.missing else logging.DEBUG
