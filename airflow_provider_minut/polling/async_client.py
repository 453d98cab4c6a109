"""The client of a connection for the coroutines of the triggerer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar
from weakref import WeakValueDictionary

from airflow_provider_minut.hooks.minut import MinutHook

if TYPE_CHECKING:
    from airflow_provider_minut.api.client import MinutClient

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class OnePerConnection:
    """Base class of objects that the coroutines of an event loop share per connection.

    :param minut_conn_id: ID of a connection of type ``minut``.
    """

    _all: ClassVar[WeakValueDictionary[tuple[type, asyncio.AbstractEventLoop, str], Any]] = (
        WeakValueDictionary()
    )

    def __init__(self, minut_conn_id: str) -> None:
        self._minut_conn_id = minut_conn_id

    @classmethod
    def of(cls, minut_conn_id: str) -> Self:
        """Return the instance of a connection in the running event loop."""
        key = (cls, asyncio.get_running_loop(), minut_conn_id)
        found: Self | None = cls._all.get(key)
        if found is None:
            found = cls._all[key] = cls(minut_conn_id)
        return found


class AsyncClient(OnePerConnection):
    """The client of a connection, opened at the first call.

    :param minut_conn_id: ID of a connection of type ``minut``.
    """

    def __init__(self, minut_conn_id: str) -> None:
        super().__init__(minut_conn_id)
        self._client: MinutClient | None = None
        self._opening = asyncio.Lock()
        self.request_lock = asyncio.Lock()
        """Held by callers of which there may be many, to use one thread and one reservation at a time."""

    async def call(self, function: Callable[[MinutClient], Result]) -> Result:
        """Call a function with the client, in a thread, and return its result.

        If the credentials are rejected, the connection is read again and the call is repeated once: the
        connection may contain rotated credentials.

        :raises AirflowNotFoundException: if there is no such connection.
        :raises MinutError: if the connection is invalid, or if the function raises it.
        """
        from asgiref.sync import sync_to_async

        from airflow_provider_minut.exceptions import MinutAuthenticationError

        call = sync_to_async(function, thread_sensitive=False)  # see MinutHook.aget_conn
        client = await self._open()
        try:
            return await call(client)
        except MinutAuthenticationError:
            if client is self._client:
                self._client = None
            return await call(await self._open())

    async def _open(self) -> MinutClient:
        async with self._opening:
            if self._client is None:
                self._client = await MinutHook(self._minut_conn_id).aget_conn()
        return self._client
