"""Which requests are defended while a defense is rolled out: a share of the clients, each of them steadily."""

from __future__ import annotations

import hashlib

from sentinel.vocabulary import Request

_RANGE = float(2**64)


def sampled(request: Request, share: float, key: bytes | None = None) -> bool:
    """Whether a request is within the share that is enforced; the others run in shadow.

    A client is in it or not, whatever it asks, in every process that has the same key; of anonymous requests it is
    the query that decides. Who is within a share is also within every larger one.

    Args:
        request: Who asks what.
        share: In [0, 1].
        key: A secret, so that nobody can tell from a client id whether it is defended. Without one, anybody can.
    """
    if share >= 1.0:
        return True
    hashed = hashlib.blake2b(digest_size=8, key=hashlib.sha256(key or b"").digest(), person=b"sample")
    who = request.query if request.client_id is None else request.client_id
    for part in (b"query" if request.client_id is None else b"client", _raw(request.tenant), _raw(who)):
        hashed.update(len(part).to_bytes(8, "big") + part)
    return int.from_bytes(hashed.digest(), "big") / _RANGE < share


def _raw(text: str | None) -> bytes:
    return b"" if text is None else text.encode("utf-8", "surrogatepass")
