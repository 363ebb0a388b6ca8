"""One decision told as a person would tell it: who asked, what stood out, what was done about it, what was served."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sentinel.errors import ConfigurationError, DataError
from strategist.sinks.jsonl import parse_decision, read_decisions

_MODES = {
    "enforced": "in force: what follows was done",
    "shadow": "shadow: what follows was recorded, and the base's own answer was served",
    "passive": "passive: the base's own answer was served and nothing was looked at",
    "allowed": "allowed: the operator's list lets this request through as the base serves it",
}
_BECAME = {
    "closed": "the mode is `closed`, so nothing was served",
    "open": "the mode is `open`, so the base's own answer was served, undefended",
    "degrade": "the mode is `degrade`, so the request went on without it",
    "missing": "its measurement is missing, which is not the same as harmless",
}
_HASHES = {
    "sha256": "bare SHA-256: a short or well-known text can be found by trying",
    "hmac-sha256": "HMAC-SHA256: checked only with the key",
}
# By how much a reason multiplies the odds of its threat.
_WEIGHTS = ((1000.0, "decisive"), (20.0, "strong"), (3.0, "clear"), (0.0, "slight"))


def find(decision: str, log: Path | None) -> dict[str, Any]:
    """The record that is meant.

    Args:
        decision: An id or the beginning of one, to be looked up in `log`; without a log, a file with one record.
        log: The path that a `JsonlSink` writes to; its rotated files are read too.

    Raises:
        DataError: Nothing or several records are meant, or a line is no record.
        ConfigurationError: There is no such file, or no id to look for.
    """
    if log is None:
        return _alone(Path(decision))
    if not decision:
        raise ConfigurationError("give the id of a decision, or the beginning of one")
    found: dict[str, dict[str, Any]] = {}
    for record in read_decisions(log):
        if record["id"] == decision:
            return record
        if record["id"].startswith(decision):
            found[record["id"]] = record
    if not found:
        raise DataError(f"{log}: no decision {decision!r}")
    if len(found) > 1:
        some = ", ".join(list(found)[:4]) + (", ..." if len(found) > 4 else "")
        raise DataError(f"{log}: {len(found):,} decisions begin with {decision!r}: {some}")
    return next(iter(found.values()))


def _alone(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(f"no file {str(path)!r}; to look up an id, give --log FILE.jsonl too") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({type(error).__name__})") from None
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        return parse_decision(text, str(path))
    except DataError:
        if len(lines) > 1 and lines[0].lstrip().startswith("{") and lines[0].rstrip().endswith("}"):
            message = f"{path}: holds {len(lines):,} records; give an id and --log {path}"
            raise DataError(message) from None
        raise


def explain(record: Mapping[str, Any]) -> str:
    """A decision record in words.

    Args:
        record: As `Decision.record()` gives it.

    Returns:
        Lines of printable text; whatever stands in the record can do nothing to a terminal.

    Raises:
        DataError: Parts of the record are missing or of another kind.
    """
    try:
        sections = [_head(record), *(list(part(record)) for part in _PARTS)]
        told = "\n\n".join("\n".join(lines) for lines in sections if lines)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise DataError(
            f"decision {record.get('id')}: an incomplete record ({type(error).__name__}: {error})"
        ) from None
    return "".join(c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in told)


def _head(record: Mapping[str, Any]) -> list[str]:
    at = datetime.fromtimestamp(record["at"], UTC)
    mode = record["mode"]
    return [
        f"Decision {record['id']}, {at:%Y-%m-%d %H:%M:%S} UTC",
        f"  policy {record['policy']}, configuration {record['config']}",
        f"  {_MODES.get(mode, mode)}",
    ]


def _who(record: Mapping[str, Any]) -> Iterator[str]:
    yield "Who asked for what"
    client, tenant = record["client"], record["tenant"]
    who = "the shared anonymous client" if client is None else f"client {client}"
    yield f"  {who}{'' if tenant is None else f' of tenant {tenant}'}, for {_documents(record['k'])}"
    query = f"in clear: {record['query']!r}" if record.get("text") else record["query"]
    yield f"  query {query}"
    kind = record.get("hash", "sha256")
    yield f"  hashes are {_HASHES.get(kind, kind)}"


def _measured(record: Mapping[str, Any]) -> Iterator[str]:
    profile = record["profile"]
    signals, failed = profile["signals"], profile["failed"]
    yield "What was measured"
    if not signals:
        yield "  nothing: this policy does not look" if not failed else "  nothing"
        return
    missing = [name for name, value in signals.items() if name not in failed and _is_missing(value)]
    yield f"  {len(signals) - len(missing) - len(set(failed) & set(signals))} of {len(signals)} signals"
    if missing:
        yield f"  missing, for what they need is not there: {', '.join(missing)}"
    likely = sorted(profile["probabilities"].items(), key=lambda item: -item[1])
    if likely:
        yield f"  how likely: {', '.join(f'{threat} {_share(p)}' for threat, p in likely)}"
    for threat, suspicion in profile["suspicion"].items():
        if suspicion and max(suspicion) >= 0.5:
            ranks = [i for i, p in enumerate(suspicion) if p >= 0.5]
            yield f"  {_ranks(ranks)} of what came back: likely {threat} (up to {_share(max(suspicion))})"
    yield from _stood_out(profile["reasons"])


def _stood_out(reasons: Iterable[Any]) -> Iterator[str]:
    grouped: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for threat, signal, weight, text in reasons:
        grouped.setdefault((signal, text), []).append((threat, weight))
    if not grouped:
        yield "  nothing stood out"
        return
    yield "  what stood out, heaviest first:"
    for (signal, text), by in grouped.items():
        heaviest = max(weight for _, weight in by)
        odds = math.exp(min(heaviest, 100.0))
        word = next(word for least, word in _WEIGHTS if odds >= least)
        threats = ", ".join(threat for threat, _ in by)
        yield f"    {word} for {threats}: {text} ({signal}; up to {_factor(odds)} times the odds)"


def _planned(record: Mapping[str, Any]) -> Iterator[str]:
    yield "What was planned"
    for planned in record["plan"]:
        shown = ", ".join(f"{key}={value}" for key, value in planned["parameters"].items())
        reason = planned["reason"] or "no reason given"
        yield f"  {planned['name']}{f' ({shown})' if shown else ''}: {reason}"
    if not record["plan"]:
        yield "  no defense"
    for name, why in record["removed"].items():
        yield f"  given up after retrieval: {name}: {why}"


def _done(record: Mapping[str, Any]) -> Iterator[str]:
    if not record["plan"] and not record["outcomes"]:
        return
    yield "What each defense did"
    acted = set()
    for outcome in record["outcomes"]:
        acted.add(outcome["defense"])
        yield f"  {outcome['defense']}: {outcome['in']} in, {outcome['out']} out"
        by_reason: dict[str, list[int]] = {}
        for position, why in outcome["dropped"]:
            by_reason.setdefault(why or "no reason given", []).append(position)
        for why, positions in by_reason.items():
            yield f"    dropped {_ranks(positions)}: {why}"
    for planned in record["plan"]:
        if planned["name"] not in acted:
            told = any(planned["name"] == component for component in record["errors"])
            what = "failed, see below" if told else "chooses no documents, or had none to look at"
            yield f"  {planned['name']}: {what}"


def _served(record: Mapping[str, Any]) -> Iterator[str]:
    served, fetched, k = record["served"], record["fetched"], record["k"]
    yield "What was served"
    yield f"  {_documents(fetched)} came back from the base"
    yield f"  {_documents(len(served))} of {k} went out{f': {_ranks(served)}' if served else ''}"
    if not served and any(said.endswith("; closed") for said in record["errors"].values()):
        yield "  nothing was let out, because of what failed"
    elif record["missing"]:
        yield f"  {record['missing']} short of what the base could have given: too few were left to fill up from"
    elif len(served) < k and record["mode"] != "passive":
        yield "  fewer than asked for, and not for a defense's sake: the base had no more"


def _failed(record: Mapping[str, Any]) -> Iterator[str]:
    if not record["errors"]:
        return
    yield "What failed"
    for component, said in record["errors"].items():
        cause, _, became = said.rpartition("; ")
        yield f"  {component}: {cause or said}{f'; {_BECAME.get(became, became)}' if cause else ''}"
    if record["mode"] == "shadow":
        yield "  in shadow mode the base's own answer was served all the same"


def _times(record: Mapping[str, Any]) -> Iterator[str]:
    spent = dict(record["milliseconds"])
    total = spent.pop("total", sum(spent.values()))
    yield "How long it took"
    parts = ", ".join(f"{stage} {ms:,.2f}" for stage, ms in sorted(spent.items(), key=lambda item: -item[1]))
    yield f"  {total:,.2f} ms{f': {parts}' if parts else ''}"


_PARTS = (_who, _measured, _planned, _done, _served, _failed, _times)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(v is None for v in value))


def _share(p: float) -> str:
    return "below 0.1 %" if p < 0.001 else "above 99.9 %" if p > 0.999 else f"{p:.1%}".replace("%", " %")


def _factor(odds: float) -> str:
    return f"{odds:.1f}" if odds < 10 else f"{odds:,.0f}" if odds < 1e6 else "more than a million"


def _documents(n: int) -> str:
    return f"{n:,} document{'' if n == 1 else 's'}"


def _ranks(positions: Iterable[int]) -> str:
    """Positions (from 0) as ranks (from 1), runs written as ranges."""
    runs: list[list[int]] = []
    for rank in sorted(position + 1 for position in positions):
        if runs and rank == runs[-1][1] + 1:
            runs[-1][1] = rank
        else:
            runs.append([rank, rank])
    listed = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
    return f"rank{'' if len(runs) == 1 and runs[0][0] == runs[0][1] else 's'} {listed}"


def explain_command(decision: str, log: Path | None, as_json: bool) -> str:
    """What `sentinel-bench explain` prints."""
    record = find(decision, log)
    return json.dumps(record, indent=2) if as_json else explain(record)
