"""Ordinary users behind one client id, as behind a service account: what one asks stands in the history of all."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.attacks import AttackManifest, Family, Session
from benchmarks.attacks.benign import Benign
from benchmarks.data import Dataset

USERS = 64


class BenignShared(Benign):
    """The sessions of `benign`, with 64 of them going on at any time and all under one client id.

    Where there are fewer than 64 sessions, the longest ones are halved until there are as many users as that.
    """

    manifest = AttackManifest(
        name="benign-shared",
        summary="sessions of 64 users at a time, all behind one client id",
        family=Family.BENIGN,
        run_only=True,
        at_once=USERS,
    )

    def sessions(self, data: Dataset, seed: int) -> list[Session]:
        """The same questions as `benign` asks, in sessions of one user each."""
        sessions = super().sessions(data, seed)
        while len(sessions) < USERS:
            at = max(range(len(sessions)), key=lambda i: len(sessions[i].asks))
            asks = sessions[at].asks
            if len(asks) < 2:
                break
            half = len(asks) // 2
            sessions[at : at + 1] = [replace(sessions[at], asks=part) for part in (asks[:half], asks[half:])]
        return [replace(s, id=f"benign-shared-{i}", client="benign-shared") for i, s in enumerate(sessions)]
