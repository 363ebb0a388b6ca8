"""The loop that writes answers: several prompts at once, each until it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sentinel.errors import ComponentError
from strategist.generators._cache import beginning, is_plain
from strategist.generators._model import LanguageModel, Prefixes
from strategist.generators._prompts import Encoded


@dataclass(slots=True)
class Row:
    """One prompt and what was written to it.

    Attributes:
        prompt: Its tokens.
        limit: The longest answer in tokens.
        ids: The answer so far, without the token that ended it.
        looked: For each token written, the attention to each of the prompt's tokens, shape (tokens,), float32.
        random: Where its tokens are drawn from; None takes the likeliest.
    """

    prompt: Encoded
    limit: int
    ids: list[int] = field(default_factory=list)
    looked: list[NDArray[np.float32]] = field(default_factory=list)
    random: torch.Generator | None = None


def decode(
    model: LanguageModel,
    rows: list[Row],
    *,
    ends: frozenset[int],
    stopped: Callable[[Row], bool],
    temperature: float = 0.0,
    isolated: bool = False,
    watched: bool = False,
    known: Prefixes | None = None,
) -> Iterator[Row]:
    """Write answers; yields a row after each token that is added to it.

    Args:
        model: What writes.
        rows: Prompts to be written to together.
        ends: Tokens that end an answer.
        stopped: Whether an answer is over for another reason.
        temperature: What scores are divided by before a token is drawn; 0 for the likeliest.
        isolated: Whether documents are kept from attending to each other.
        watched: Whether to keep what each token of an answer attended to.
        known: What was read before.
    """
    caches, scores = [], []
    for row in rows:
        cache, score = _read(model, row, isolated, watched, known)
        caches.append(cache)
        scores.append(score)
    if not all(map(is_plain, caches)):
        for row, cache, score in zip(rows, caches, scores, strict=True):
            yield from _write(model, [row], cache, score, ends, stopped, temperature, watched)
        return
    room = max(row.limit for row in rows)
    yield from _write(model, rows, model.join(caches, room), torch.cat(scores), ends, stopped, temperature, watched)


def _read(model: LanguageModel, row: Row, isolated: bool, watched: bool, known: Prefixes | None) -> tuple[Any, Any]:
    cache, score = model.read(row.prompt, isolated=isolated, known=known)
    if watched:
        # The first token of the answer is written from the last one of the prompt: read that one again, watched.
        last = len(row.prompt.ids) - 1
        cache = beginning(cache, last)
        seen = torch.ones((1, last + 1), dtype=torch.long, device=model.device)
        score, looked = model.step(cache, [int(row.prompt.ids[-1])], seen, [last], attentions=True)
        row.looked.append(looked[0].cpu().numpy())
    return cache, score


def _write(
    model: LanguageModel,
    rows: list[Row],
    cache: Any,
    scores: Any,
    ends: frozenset[int],
    stopped: Callable[[Row], bool],
    temperature: float,
    watched: bool,
) -> Iterator[Row]:
    longest = max(len(row.prompt.ids) for row in rows)
    seen = torch.zeros((len(rows), longest), dtype=torch.long, device=model.device)
    for mark, row in zip(seen, rows, strict=True):
        mark[longest - len(row.prompt.ids) :] = 1
    while True:
        going: list[int] = []
        for place, (row, token) in enumerate(zip(rows, _choose(model, rows, scores, temperature), strict=True)):
            if token in ends:
                continue
            row.ids.append(token)
            yield row
            if len(row.ids) < row.limit and not stopped(row):
                going.append(place)
        if not going:
            return
        if len(going) < len(rows):
            index = torch.tensor(going, device=model.device)
            cache.batch_select_indices(index)
            seen, rows = seen[index], [rows[place] for place in going]
        seen = torch.cat([seen, seen.new_ones((len(rows), 1))], dim=1)
        lengths = [len(row.prompt.ids) + len(row.ids) - 1 for row in rows]
        scores, looked = model.step(cache, [row.ids[-1] for row in rows], seen, lengths, attentions=watched)
        if watched:
            for row, one in zip(rows, looked.cpu().numpy(), strict=True):
                padding = longest - len(row.prompt.ids)
                row.looked.append(one[padding:longest])


def _choose(model: LanguageModel, rows: list[Row], scores: Any, temperature: float) -> list[int]:
    best, tokens = scores.max(dim=-1)
    if not bool(torch.isfinite(best).all()):
        raise ComponentError(model.name, "the model gave scores that are no numbers")
    chosen: list[int] = tokens.tolist()
    if temperature > 0.0:
        shares = torch.softmax(scores / temperature, dim=-1).cpu()
        chosen = [
            int(torch.multinomial(share, 1, generator=row.random)) for share, row in zip(shares, rows, strict=True)
        ]
    return chosen
