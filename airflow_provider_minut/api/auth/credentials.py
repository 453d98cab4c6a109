"""The client ID and secret of an OAuth client."""

from __future__ import annotations

import base64
import logging
from typing import NoReturn

from airflow_provider_minut.exceptions import MinutConfigurationError

log = logging.getLogger(__name__)


class ClientCredentials:
    """An OAuth 2.0 client (RFC 6749, 2.3.1).

    :param client_id: from Minut's web app, "Developer tools".
    :param client_secret: its secret; it appears in no representation of this object.
    :raises MinutConfigurationError: when a value cannot be sent.
    """

    __slots__ = ("client_id", "client_secret")

    def __init__(self, client_id: str, client_secret: str) -> None:
        self.client_id = client_id.strip()
        self.client_secret = client_secret
        if not self.client_id:
            raise MinutConfigurationError("client_id", "is missing")
        if ":" in self.client_id:  # RFC 7617, 2: the colon ends the id
            raise MinutConfigurationError("client_id", "must not hold a colon")
        if not self.client_secret:
            raise MinutConfigurationError("client_secret", "is missing")
        for name in self.__slots__:
            if not getattr(self, name).isprintable():
                raise MinutConfigurationError(
                    name, "holds a line break or another control character; paste it again"
                )
        if self.client_secret != self.client_secret.strip():
            log.warning("The client secret begins or ends with a blank. It is sent as it is.")

    @property
    def basic(self) -> str:
        """The value that follows ``Basic`` in the header: plain Base64, as Minut documents it.

        RFC 6749 would form-encode both parts before; Minut's are hexadecimal, where it is the same.
        """
        return base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()

    def __repr__(self) -> str:
        return f"ClientCredentials(client_id='…{self.client_id[-4:]}')"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are not serialised: pass the connection id")
