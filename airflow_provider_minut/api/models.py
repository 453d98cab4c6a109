"""What the API answers, as far as it is known. Unknown fields pass through untouched."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class User(TypedDict):
    """``GET /users/me`` (developer.minut.com, Authentication). Minut sends more than is documented."""

    user_id: str
    fullname: NotRequired[str]
    email: NotRequired[str]
