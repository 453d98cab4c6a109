"""Parses JSON so that everything behind it can store the result.

JSON may contain what databases, Parquet, UTF-8 and other JSON parsers reject: lone surrogates, NUL, NaN,
Infinity, and numbers that overflow. They are replaced here, once, for all readers of a response.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

# Text that was decoded from UTF-8 has lone surrogates and NUL only as escapes.
_UNSAFE_ESCAPE = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
_SURROGATE = re.compile("[\ud800-\udfff]")


def loads(text: str) -> Any:
    """Return parsed JSON: NUL is removed, a lone surrogate becomes U+FFFD, NaN and Infinity become ``None``.

    :param text: JSON, decoded from UTF-8.
    :raises ValueError: if it is not JSON, or contains an integer too long for Python.
    :raises RecursionError: if it is nested too deeply.
    """
    data = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
    return _safe(data) if _UNSAFE_ESCAPE.search(text) else data


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value.replace("\0", ""))
    if isinstance(value, list):
        return [_safe(item) for item in value]
    if isinstance(value, dict):
        return {_safe(key): _safe(item) for key, item in value.items()}
    return value
