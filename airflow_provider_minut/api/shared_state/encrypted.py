"""One client's entry in a shared state: unreadable, and unrecognisable, without its secret.

Only who could ask for the token anyway can read it: the key is derived from the client secret, and
so is the entry's name. Whoever rotates the secret finds no token that the old one bought.
"""

from __future__ import annotations

import base64
import logging
from contextlib import AbstractContextManager

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from airflow_provider_minut.api.shared_state.base import SharedState

log = logging.getLogger(__name__)

# Part of every derived value, so that versions which write another format never meet.
FORMAT = "minut|1"


class EncryptedEntry:
    """Reads and writes the one entry that belongs to these credentials.

    :param state: where the entry is kept.
    :param base_url: the API that the credentials are for.
    :param client_id: the OAuth client id.
    :param client_secret: its secret, which opens the entry.
    """

    def __init__(self, state: SharedState, base_url: str, client_id: str, client_secret: str) -> None:
        self._state = state
        context = f"{base_url}|{client_id}"
        secret = client_secret.encode()
        self._fernet = Fernet(base64.urlsafe_b64encode(_derive(secret, f"{FORMAT}|key|{context}")))
        self.name = _derive(secret, f"{FORMAT}|name|{context}").hex()[:40]

    def read(self) -> bytes | None:
        """Return the entry; ``None`` if there is none, or none that these credentials open."""
        entry = self._state.read(self.name)
        if entry is None:
            return None
        try:
            return self._fernet.decrypt(entry)
        except InvalidToken:
            log.debug("A shared entry cannot be opened; it is replaced.")
            return None

    def write(self, entry: bytes, *, lifetime: float) -> None:
        """Put ``entry`` in the place of what was there; after ``lifetime`` seconds nobody needs it."""
        self._state.write(self.name, self._fernet.encrypt(entry), lifetime=lifetime)

    def lock(self, *, timeout: float) -> AbstractContextManager[bool]:
        """Hold the entry's lock; gives whether it was had within ``timeout`` seconds."""
        return self._state.lock(self.name, timeout=timeout)


def _derive(secret: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret)
