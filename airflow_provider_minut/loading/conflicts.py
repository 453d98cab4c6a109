"""Errors of database drivers that a repeated transaction may not have, or that mean a missing key.

Drivers share no class for them: PEP 249 leaves the codes to each driver. SQLSTATE is ISO/IEC 9075, the
numbers are those of MySQL and SQL Server, and SQLite and DuckDB only have texts.
"""

from __future__ import annotations

import re

# Serialization failure, deadlock, lock not available, duplicate table created at the same time.
_SQL_STATES = frozenset({"40001", "40P01", "55P03"})
# MySQL: deadlock, and timeout of a lock.
_NUMBERS = frozenset({1213, 1205})
_TEXTS = re.compile(
    r"database (table )?is locked"  # SQLite
    r"|could not set lock on file|write-write conflict|conflict on (tuple|update)"  # DuckDB
    r"|transactioncontext error|catalog write"
    r"|deadlock",
    re.IGNORECASE,
)
# PostgreSQL and SQLite, DuckDB.
_MISSING_KEY = re.compile(r"on conflict (specification|clause)|conflict target", re.IGNORECASE)


def is_conflict(error: BaseException) -> bool:
    """Return whether another transaction caused an error, so that a repeated transaction may succeed."""
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    number = error.args[0] if error.args else None
    has_number = isinstance(number, int) and number in _NUMBERS
    return has_number or state in _SQL_STATES or bool(_TEXTS.search(str(error)))


def is_missing_key(error: BaseException) -> bool:
    """Return whether an upsert failed because the table has no such key."""
    return bool(_MISSING_KEY.search(str(error)))
