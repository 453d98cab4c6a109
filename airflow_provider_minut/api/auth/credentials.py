"""The client ID and secret of an OAuth client."""

from __future__ import annotations

import base64
import logging
from typing import NoReturn

from airflow_provider_minut.exceptions import MinutConfigurationError

log = logging.getLogger(__name__)


class ClientCredentials:
    """An OAuth 2.0 client (RFC 6749, 2.3.1).

    :param client_id: Client ID from Minut's web app, "Developer tools"; according to Home Assistant's
        documentation at https://web.minut.com/settings/api-clients.
    :param client_secret: Client secret; no representation of this object contains it.
    :raises MinutConfigurationError: if a value cannot be sent.
    """

    __slots__ = ("client_id", "client_secret")

    def __init__(self, client_id: str, client_secret: str) -> None:
        self.client_id = client_id.strip()
        self.client_secret = client_secret
        if not self.client_id:
            raise MinutConfigurationError("client_id", "is missing")
        if ":" in self.client_id:  # RFC 7617, 2: the colon ends the ID
            raise MinutConfigurationError("client_id", "must not contain a colon")
        if not self.client_secret:
            raise MinutConfigurationError("client_secret", "is missing")
        for name in self.__slots__:
            if not getattr(self, name).isprintable():
                raise MinutConfigurationError(
                    name, "contains a line break or another control character; paste it again"
                )
        if self.client_secret != self.client_secret.strip():
            log.warning("The client secret starts or ends with whitespace. It is sent unchanged.")

    @property
    def basic(self) -> str:
        """The value that follows ``Basic`` in the header: plain Base64, as Minut documents it.

        RFC 6749 requires to form-encode both parts first; Minut's are hexadecimal, so the result is the same.
        """
        return base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()

    def __repr__(self) -> str:
        return f"ClientCredentials(client_id='…{self.client_id[-4:]}')"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are not serializable; pass the connection ID")
