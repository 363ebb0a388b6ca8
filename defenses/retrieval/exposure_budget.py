"""A quota on what one client is handed: how often one document, and how many of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from defenses.base import DefenseManifest, Resources, Selection, SelectionDefense
from defenses.ledger import Charge
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Need, Stage
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Request, Threat

Tier = Literal["anonymous", "low", "high"]


def digest(*parts: str | None) -> str:
    """A key of fixed length for a list of texts; None is not "", and ("a", "bc") is not ("ab", "c")."""
    hashed = hashlib.sha256()
    for part in parts:
        raw = b"" if part is None else part.encode("utf-8", "surrogatepass")
        hashed.update(b"-" if part is None else f"{len(raw)}:".encode())
        hashed.update(raw)
    return hashed.hexdigest()


class ExposureBudget(SelectionDefense):
    """Serves one document to one client so many times within a window, and so many different documents in all.

    A deterministic quota and nothing more: an attacker gets that many answers out of a document, no fewer; many
    clients get as many times more unless `document_everyone` is set, which in turn lets strangers use up a document
    for other strangers (never for clients of high trust, who are not counted there).

    Spent is for what is served: candidates are charged in order until `request.k` of them are kept. Those behind are
    not charged; they stay for back-filling if their budgets have room. Plan it behind every other selection defense,
    else what a later one takes out was charged for nothing and what fills up was not charged. Equal texts are one
    document, charged once a request.
    """

    manifest = DefenseManifest(
        name="exposure_budget",
        summary="a quota on servings of one document, and on different documents, by client",
        stage=Stage.RETRIEVAL,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        needs=frozenset({Need.LEDGER}),
        cost=Cost.MICROSECONDS,
        guarantee="a deterministic quota: at most so many servings within any window; no statement about privacy",
    )

    window_s: float = Field(3600.0, gt=0.0, le=31_536_000.0, description="length of the sliding window in seconds")
    high_from: float = Field(0.7, gt=0.0, le=1.0, description="trust from which a client is of high trust")
    document_anonymous: int = Field(3, ge=0, le=100_000, description="servings of one document, trust unknown")
    document_low: int = Field(4, ge=0, le=100_000, description="servings of one document, low trust")
    document_high: int = Field(40, ge=0, le=100_000, description="servings of one document, high trust")
    distinct_anonymous: int = Field(200, ge=0, le=1_000_000, description="different documents, trust unknown")
    distinct_low: int = Field(300, ge=0, le=1_000_000, description="different documents, low trust")
    distinct_high: int = Field(5_000, ge=0, le=1_000_000, description="different documents, high trust")
    document_everyone: int | None = Field(
        None, ge=0, le=10_000_000, description="servings of one document to all clients below high trust together"
    )

    def tier(self, request: Request) -> Tier:
        """Which limits hold. Who gives no name is anonymous, whatever trust comes with the request."""
        if request.trust is None or request.client_id is None:
            return "anonymous"
        return "high" if request.trust >= self.high_from else "low"

    def select(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> Selection:
        """Walk the candidates in order, spending for each document that is kept, until k are."""
        request, ledger = evidence.request, resources.ledger
        refusals: dict[str, str] = {}
        dropped: dict[int, str] = {}
        kept = 0
        for candidate in evidence.candidates:
            text = candidate.text
            if text not in refusals:
                charges = dict(self._charges(request, text))
                settle = ledger.spend if kept < request.k else ledger.fits
                refused = settle(list(charges.values()), request.time)
                refusals[text] = next((why for why, charge in charges.items() if charge == refused), "")
            if refusals[text]:
                dropped[candidate.position] = refusals[text]
            else:
                kept += 1
        return Selection.without(evidence, dropped)

    def _charges(self, request: Request, text: str) -> Iterator[tuple[str, Charge]]:
        tenant, client, tier = request.tenant, request.client_id, self.tier(request)
        limits: dict[str, int] = {name: getattr(self, f"{name}_{tier}") for name in ("document", "distinct")}
        document = digest(tenant, text)
        yield (
            "quota: this document was served to the client often enough",
            Charge(f"serve:{digest(tenant, client, text)}", limits["document"], self.window_s),
        )
        yield (
            "quota: the client was served enough different documents",
            Charge(f"distinct:{digest(tenant, client)}", limits["distinct"], self.window_s, member=document),
        )
        if self.document_everyone is not None and tier != "high":
            yield (
                "quota: this document was served to all clients often enough",
                Charge(f"everyone:{document}", self.document_everyone, self.window_s),
            )
