"""Encrypts a shared-state entry with a key derived from the client secret; its name is derived from it too.

So only a client that can request the token can read it, and after a rotation of the secret a token that was
requested with the old one is not found.
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

# Part of every derived value, so that versions with different formats use different entries.
FORMAT = "minut|1"


class EncryptedEntry:
    """Reads and writes the entry of these credentials.

    :param state: Backend that stores the entry.
    :param base_url: Base URL of the API.
    :param client_id: OAuth client ID.
    :param client_secret: OAuth client secret, from which the key is derived.
    """

    def __init__(self, state: SharedState, base_url: str, client_id: str, client_secret: str) -> None:
        self._state = state
        context = f"{base_url}|{client_id}"
        secret = client_secret.encode()
        self._fernet = Fernet(base64.urlsafe_b64encode(_derive(secret, f"{FORMAT}|key|{context}")))
        self.name = _derive(secret, f"{FORMAT}|name|{context}").hex()[:40]

    def read(self) -> bytes | None:
        """Return the entry; ``None`` if it is missing or cannot be decrypted."""
        entry = self._state.read(self.name)
        if entry is None:
            return None
        try:
            return self._fernet.decrypt(entry)
        except InvalidToken:
            log.debug("A shared entry cannot be decrypted; it is replaced.")
            return None

    def write(self, entry: bytes, *, lifetime: float) -> None:
        """Replace the entry; it may be deleted after ``lifetime`` seconds."""
        self._state.write(self.name, self._fernet.encrypt(entry), lifetime=lifetime)

    def lock(self, *, timeout: float) -> AbstractContextManager[bool]:
        """Hold the lock; the context is ``False`` if it was not acquired within ``timeout`` seconds."""
        return self._state.lock(self.name, timeout=timeout)


def _derive(secret: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret)
