"""The user who owns the credentials."""

from __future__ import annotations

from airflow_provider_minut.api.models import User
from airflow_provider_minut.api.resources.base import Resource


class UsersResource(Resource):
    """The user who owns the credentials."""

    def get_current_user(self) -> User:
        """Return the user who owns the credentials (``GET /users/me``).

        :raises MinutResponseError: if the response has no ``user_id``.
        :raises MinutError: as :meth:`request`.
        """
        user: User = self._get_object("/users/me", "user_id")
        return user
