"""Small fixed-size stand-ins for word sets, vectors and document sets: what a client's bounded history is made of.

Hashes are the same in every process and on every machine, so that states can be shared through a store.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sentinel._memory import remembered
from sentinel.vocabulary import Vector

BOTTOM = 24
"""Hashes kept of a word set; sets of up to this many words are compared exactly."""
SKETCH_BITS = 256
BLOOM_BYTES = 512
COUNTER_BYTES = 256

Hashes = NDArray[np.uint32]


@remembered(8, bytes_per_character=1.0)
def document_key(text: str) -> int:
    """64-bit key of a document: its text, whatever its source or id claims."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def hashes(found: Iterable[str]) -> Hashes:
    """Distinct 32-bit hashes of words, sorted."""
    # In plain numbers: sets of a few dozen words, for which numpy's set operations cost ten times as much.
    mixed = {zlib.crc32(word.encode("utf-8", "surrogatepass")) * 2_654_435_761 & 0xFFFFFFFF for word in found}
    return np.array(sorted(mixed), dtype=np.uint32)


def bottom(found: Hashes) -> Hashes:
    """The smallest `BOTTOM` hashes: a uniform sample of the set (Cohen & Kaplan 2007, bottom-k sketches)."""
    return found[:BOTTOM]


def jaccard(left: Hashes, right: Hashes) -> float:
    """Jaccard similarity of two sets from their bottom-k sketches; exact where neither holds more than `BOTTOM`.

    The smallest hashes of the union are a uniform sample of it; the share of them that stands in both sketches is an
    unbiased estimate (Broder 1997). Two empty sets resemble nothing: 0.
    """
    return set_jaccard(frozenset(left.tolist()), frozenset(right.tolist()))


def set_jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    """`jaccard` of sketches that are sets already."""
    both = one & other
    size = len(one) + len(other) - len(both)
    if not size:
        return 0.0
    if BOTTOM not in (len(one), len(other)) or not both:
        return len(both) / size
    sample = sorted(one | other)[:BOTTOM]
    return sum(h in both for h in sample) / len(sample)


@lru_cache(maxsize=4)
def _planes(dimension: int) -> NDArray[np.float32]:
    draw = np.random.Generator(np.random.PCG64(dimension))
    return draw.standard_normal((dimension, SKETCH_BITS), dtype=np.float32)


def project(vector: Vector) -> bytes:
    """Signs of random projections, `SKETCH_BITS` of them (Charikar 2002): the angle survives, the vector does not."""
    return np.packbits(vector @ _planes(len(vector)) > 0).tobytes()


def cosine(left: bytes, right: bytes) -> float:
    """Cosine similarity of two vectors from their sketches; the error is about 0.1 at 256 bits."""
    return COSINES[(int.from_bytes(left, "little") ^ int.from_bytes(right, "little")).bit_count()]


COSINES = tuple(math.cos(math.pi * apart / SKETCH_BITS) for apart in range(SKETCH_BITS + 1))
"""Cosine by the number of signs that differ."""


def _places(found: Hashes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    bits = BLOOM_BYTES * 8
    return (found % bits).astype(np.intp), (found // bits % bits).astype(np.intp)


def bloom(found: Hashes) -> bytes:
    """Bloom filter with two functions (Bloom 1970): 3 % false hits at 400 words."""
    bits = np.zeros(BLOOM_BYTES * 8, dtype=bool)
    for places in _places(found):
        bits[places] = True
    return np.packbits(bits).tobytes()


def in_bloom(found: Hashes, filter_: bytes) -> NDArray[np.bool_]:
    """For each hash whether it (probably) stands in the filter."""
    return np.array([hash_in_bloom(h, filter_) for h in found.tolist()], dtype=np.bool_)


def hash_in_bloom(found: int, filter_: bytes) -> bool:
    """Whether one hash (probably) stands in the filter."""
    bits = BLOOM_BYTES * 8
    first, second = found % bits, found // bits % bits
    return bool(filter_[first >> 3] & 0x80 >> (first & 7) and filter_[second >> 3] & 0x80 >> (second & 7))


def counted(keys: Iterable[int], bitmap: bytes) -> bytes:
    """A linear counter's bitmap with these document keys added (Whang et al. 1990)."""
    bits = bytearray(bitmap)
    for key in keys:
        place = key % (COUNTER_BYTES * 8)
        bits[place >> 3] |= 1 << (place & 7)
    return bytes(bits)


def in_counter(key: int, bitmap: bytes) -> bool:
    """Whether a document key, or another in its place, was counted."""
    place = key % (COUNTER_BYTES * 8)
    return bool(bitmap[place >> 3] & 1 << (place & 7))


def distinct(bitmap: bytes) -> float:
    """Estimated number of distinct keys in a linear counter; saturates at about 15,600."""
    bits = COUNTER_BYTES * 8
    empty = bits - int.from_bytes(bitmap, "little").bit_count()
    return bits * math.log(bits / max(empty, 1))
