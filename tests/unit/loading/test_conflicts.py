from __future__ import annotations

import sqlite3

import pytest

from airflow_provider_minut.loading.conflicts import is_conflict, is_missing_key


class DriverError(Exception):
    """An error as a driver raises it."""

    def __init__(self, *args, **attributes):
        super().__init__(*args)
        for name, value in attributes.items():
            setattr(self, name, value)


@pytest.mark.parametrize(
    "error",
    [
        DriverError("could not serialize access", sqlstate="40001"),
        DriverError("deadlock detected", pgcode="40P01"),
        DriverError("canceling statement due to lock timeout", pgcode="55P03"),
        DriverError(1213, "Deadlock found when trying to get lock; try restarting transaction"),
        DriverError(1205, "Lock wait timeout exceeded; try restarting transaction"),
        sqlite3.OperationalError("database is locked"),
        sqlite3.OperationalError("database table is locked"),
        DriverError('IO Error: Could not set lock on file "w.duckdb": Conflicting lock is held in process 7'),
        DriverError("TransactionContext Error: Failed to commit: write-write conflict on key"),
        DriverError('TransactionContext Error: Catalog write-write conflict on create with "t"'),
        DriverError("Transaction (Process ID 7) was deadlocked on lock resources"),
    ],
)
def test_conflict_with_another_transaction(error):
    assert is_conflict(error)


@pytest.mark.parametrize(
    "error",
    [
        DriverError("permission denied for table homes", pgcode="42501", sqlstate="42501"),
        DriverError(1142, "INSERT command denied to user"),
        sqlite3.OperationalError("attempt to write a readonly database"),
        DriverError("duplicate key value violates unique constraint", pgcode="23505"),
        DriverError(),
        DriverError(["no", "number"]),
    ],
)
def test_other_error(error):
    assert not is_conflict(error)


@pytest.mark.parametrize(
    "text",
    [
        "there is no unique or exclusion constraint matching the ON CONFLICT specification",
        "ON CONFLICT clause does not match any PRIMARY KEY or UNIQUE constraint",
        "Binder Error: The specified columns as conflict target are not referenced by a UNIQUE/PRIMARY KEY CONSTRAINT",
    ],
)
def test_missing_key(text):
    assert is_missing_key(DriverError(text))
    assert not is_missing_key(DriverError("Catalog write-write conflict"))
