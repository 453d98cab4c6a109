"""Responses in JSON that can have any text, even what UTF-8 cannot encode."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response


class AsciiJsonResponse(Response):
    """A response in JSON in which all characters outside ASCII are escaped, like lone surrogates must be."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")
