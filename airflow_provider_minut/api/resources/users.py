"""The user who owns the credentials."""

from __future__ import annotations

from airflow_provider_minut.api.models import User
from airflow_provider_minut.api.resources.base import Resource
from airflow_provider_minut.api.resources.replies import ItemReader

read_user = ItemReader("user_id")


class UsersResource(Resource):
    """The user who owns the credentials."""

    def get_current_user(self) -> User:
        """Return the user who owns the credentials (``GET /users/me``).

        :raises MinutResponseError: if the response has no ``user_id``.
        :raises MinutError: as :meth:`request`.
        """
        user: User = self._read_object("GET", "/users/me", read_user)
        return user
