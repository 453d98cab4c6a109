"""Who owns what lives in the sandbox."""

from __future__ import annotations

from typing import Any

USER: dict[str, Any] = {
    "user_id": "64aa0000000000000000a001",
    "fullname": "Alex Sandbox",
    "email": "alex@sandbox.example",
}
