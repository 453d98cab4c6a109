"""Finds secrets in everything that an Airflow leaves behind."""

from __future__ import annotations

import base64
import re
import subprocess

from cryptography.fernet import Fernet, InvalidToken

PIECE = 16
_WORD = re.compile(rf"[\w+/=.-]{{{PIECE},}}", re.ASCII)
_TABLE = re.compile(r"^COPY public\.(\w+) \(.*?^\\\.$", re.MULTILINE | re.DOTALL)
_ENCRYPTED = re.compile(r"gAAAA[\w-]{60,}=*", re.ASCII)
_BYTES = re.compile(r"\\\\x((?:[0-9a-f]{2})+)")
# Lines of Airflow itself, which masks its output in a task's log, but not what the supervisor of
# the task writes into the log of the scheduler or worker that started it:
KNOWN = re.compile(
    r"MaskSecret\("  # at debug, the value to mask itself
    r"|Received message from task runner .* msg=PutVariable\("  # at debug, each variable that a task sets
    r"|the token is \w+ +\[task\.stdout\]"  # what a task prints; here the test's own task does so
)


class Detector:
    """Knows secrets, and finds each in a text, whole or a part of 24 characters or more."""

    def __init__(self):
        self._pieces = {}
        self._clean = set()
        self.count = 0

    def add(self, name, secret):
        """Search for a secret from now on."""
        # All JWTs have the same header, including Airflow's.
        for part in secret.split(".")[1:] or [secret]:
            starts = [*range(0, len(part) - PIECE, 8), len(part) - PIECE]
            self._pieces |= {part[start : start + PIECE]: name for start in starts}
        self._clean.clear()
        self.count += 1

    def add_credentials(self, name, login, password):
        """Search for a client secret, and for the part of the Basic value that contains it."""
        self.add(f"client secret of {name}", password)
        basic = base64.b64encode(f"{login}:{password}".encode()).decode()
        self.add(f"Basic value of {name}", basic[(len(login) + 1) // 3 * 4 :])

    def find(self, text):
        """Return the names of the secrets in a text, each with the line that has it."""
        found = []
        for line in text.splitlines():
            words = [] if KNOWN.search(line) else _WORD.findall(line)
            found += [(name, line) for word in words for name in self._names_in(word)]
        return found

    def _names_in(self, word):
        if word in self._clean:
            return set()
        pieces = (word[start : start + PIECE] for start in range(len(word) - PIECE + 1))
        names = {self._pieces[piece] for piece in pieces if piece in self._pieces}
        if not names:
            self._clean.add(word)
        return names


def database(postgres, fernet_key):
    """Return the text of each table, with what Airflow encrypted in it in clear.

    Not so the tables that are meant to hold secrets, encrypted: connections and variables.
    """
    dump = subprocess.run(
        [postgres.find("pg_dump"), f"postgresql://{postgres.address}"],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    fernet = Fernet(fernet_key)
    tables = {table[1]: table[0] for table in _TABLE.finditer(dump)}
    for name, text in tables.items():
        text += "".join("\n" + bytes.fromhex(found).decode("latin-1") for found in _BYTES.findall(text))
        if name not in {"connection", "variable"}:
            text += "".join("\n" + _decrypted(fernet, found) for found in _ENCRYPTED.findall(text))
        tables[name] = text
    return tables


def _decrypted(fernet, text):
    try:
        return fernet.decrypt(text).decode("latin-1")
    except InvalidToken:  # encrypted with another key
        return ""


def files(folder):
    """Return the text of each file below a folder, by its path there."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes().decode("latin-1") for path in paths}


def redis_entries(server):
    """Return keys and values of everything in a Redis."""
    entries = {}
    read = {
        b"hash": lambda key: [part for pair in server.hgetall(key).items() for part in pair],
        b"list": lambda key: server.lrange(key, 0, -1),
        b"string": lambda key: [server.get(key)],
    }
    for key in server.scan_iter():
        value = read[server.type(key)](key)
        entries[f"redis {key.decode()}"] = b"\n".join([key, *value]).decode("latin-1")
    return entries
