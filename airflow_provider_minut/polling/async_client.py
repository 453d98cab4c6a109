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

Answer = TypeVar("Answer")


class OnePerConnection:
    """Something of which all coroutines of a process that use the same connection have one.

    :param minut_conn_id: id of a connection of type ``minut``.
    """

    _all: ClassVar[WeakValueDictionary[tuple[type, asyncio.AbstractEventLoop, str], Any]] = (
        WeakValueDictionary()
    )

    def __init__(self, minut_conn_id: str) -> None:
        self._minut_conn_id = minut_conn_id

    @classmethod
    def of(cls, minut_conn_id: str) -> Self:
        """Return that of a connection in the running event loop."""
        key = (cls, asyncio.get_running_loop(), minut_conn_id)
        found: Self | None = cls._all.get(key)
        if found is None:
            found = cls._all[key] = cls(minut_conn_id)
        return found


class AsyncClient(OnePerConnection):
    """The client of a connection.

    :param minut_conn_id: id of a connection of type ``minut``.
    """

    def __init__(self, minut_conn_id: str) -> None:
        super().__init__(minut_conn_id)
        self._client: MinutClient | None = None
        self._opening = asyncio.Lock()
        self.request_lock = asyncio.Lock()
        """For those who are many: with it, they have one thread and one place in the budget at a time."""

    async def call(self, question: Callable[[MinutClient], Answer]) -> Answer:
        """Return what the question finds out from the client, in a thread.

        If the credentials are refused, it is asked once more with the connection as it is then: whoever
        rotates them does so in the connection.

        :raises AirflowNotFoundException: if there is no such connection.
        :raises MinutError: the connection is not usable, or what the question raises.
        """
        from asgiref.sync import sync_to_async

        from airflow_provider_minut.exceptions import MinutAuthenticationError

        ask = sync_to_async(question, thread_sensitive=False)  # see MinutHook.aget_conn
        client = await self._open()
        try:
            return await ask(client)
        except MinutAuthenticationError:
            if client is self._client:
                self._client = None
            return await ask(await self._open())

    async def _open(self) -> MinutClient:
        async with self._opening:
            if self._client is None:
                self._client = await MinutHook(self._minut_conn_id).aget_conn()
        return self._client
