"""Reproducible random numbers: a pure function of a key, which includes the seed."""

from __future__ import annotations

import hashlib

_RANGE = 2**32


def draws(*key: int | str) -> list[float]:
    """Return eight numbers from 0 to below 1 that depend only on ``key``."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=32).digest()
    return [int.from_bytes(digest[i : i + 4]) / _RANGE for i in range(0, 32, 4)]


def draw(*key: int | str) -> float:
    """Return a number from 0 to below 1 that depends only on ``key``."""
    return int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=4).digest()) / _RANGE


def hex_id(*key: int | str) -> str:
    """Return 24 lowercase hex digits that depend only on ``key``."""
    return hashlib.blake2b(repr(key).encode(), digest_size=12).hexdigest()
