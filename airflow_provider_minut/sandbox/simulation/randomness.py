"""Chance that is the same in every run: a pure function of the seed and of what is drawn for."""

from __future__ import annotations

import hashlib

_RANGE = 2**32


def draws(*key: int | str) -> list[float]:
    """Return eight numbers from 0 to below 1 that depend on ``key`` alone."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=32).digest()
    return [int.from_bytes(digest[i : i + 4]) / _RANGE for i in range(0, 32, 4)]


def draw(*key: int | str) -> float:
    """Return one number from 0 to below 1 that depends on ``key`` alone."""
    return int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=4).digest()) / _RANGE


def hex_id(*key: int | str) -> str:
    """Return 24 lowercase hex digits that depend on ``key`` alone."""
    return hashlib.blake2b(repr(key).encode(), digest_size=12).hexdigest()
