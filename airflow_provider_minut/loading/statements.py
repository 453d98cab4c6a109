"""The SQL of a load. Every identifier is quoted, in every statement in the same way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.extraction.datasets import Dataset
from airflow_provider_minut.extraction.progress import GAP_FACTOR
from airflow_provider_minut.loading.columns import LOADED_AT, table_columns
from airflow_provider_minut.loading.dialects import Dialect

_NAME = re.compile(r"(?!\d)[\w$-]+")


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements of loads into one table.

    :param dialect: Dialect of the database.
    :param dataset: Dataset whose rows are loaded.
    :param table: Name of the table, with its schema if needed.
    """

    dialect: Dialect
    dataset: Dataset
    table: str

    @property
    def name(self) -> str:
        """The quoted name of the table."""
        return self._qualified(self.table.split("."))

    def stage_name(self, suffix: str) -> str:
        """Return the quoted name of a staging table."""
        name = self.dialect.stage_name.format(suffix)
        schema = [] if self.dialect.stage_is_temporary else self.table.split(".")[:-1]
        return self._qualified([*schema, name])

    def quoted(self, name: str) -> str:
        """Return a quoted identifier."""
        left, right = self.dialect.quotes
        return left + self.stored(name).replace(right, right * 2) + right

    def stored(self, name: str) -> str:
        """Return an identifier as the database stores it."""
        return name.upper() if self.dialect.folds_to_upper and name == name.lower() else name

    def select_nothing(self) -> str:
        """Return the query whose result has the table's columns and no rows."""
        return f"SELECT * FROM {self.name} WHERE 1 = 0"  # noqa: S608 - `quoted` escapes every identifier, and values are parameters

    def create_table(self) -> list[str]:
        """Return the statements that create the table, with its key and an index on its time."""
        parts = [f"{self.quoted(name)} {self._type(name)}" for name in table_columns(self.dataset)]
        parts.append(self.dialect.primary_key.format(self._list(self.dataset.key)))
        index = self._index()
        is_statement = index.startswith("CREATE")
        parts.append("" if is_statement else index)
        create = f"CREATE TABLE {self.name} ({', '.join(filter(None, parts))})"
        return [create, index] if is_statement else [create]

    def add_column(self, name: str) -> str:
        """Return the statement that adds a column of ours to the table."""
        return f"ALTER TABLE {self.name} {self.dialect.add_column} {self.quoted(name)} {self._type(name)}"

    def create_stage(self, stage: str, columns: Iterable[str]) -> str:
        """Return the statement that creates an empty staging table."""
        return self.dialect.create_stage.format(stage=stage, columns=self._list(columns), table=self.name)

    def copy(self, stage: str, columns: Iterable[str], source: str, options: str) -> str:
        """Return the statement that writes CSV to the staging table.

        :param source: SQL of where the CSV comes from.
        """
        return f"COPY {stage} ({self._list(columns)}) FROM {source} ({options})"

    def insert(self, stage: str, columns: Sequence[str], placeholder: str) -> str:
        """Return the statement that writes a row to the staging table."""
        values = ", ".join([placeholder] * len(columns))
        return f"INSERT INTO {stage} ({self._list(columns)}) VALUES ({values})"  # noqa: S608 - `quoted` escapes every identifier, and values are parameters

    def upsert(self, stage: str, columns: Sequence[str]) -> str:
        """Return the statement that inserts or updates the staged rows, of which each key is there once.

        A row that did not change is not written again, except by MERGE.
        """
        names = self._list(columns)
        staged = f"({names}) SELECT {names} FROM {stage} WHERE 1 = 1"  # noqa: S608 - `quoted` escapes every identifier, and there are no values; SQLite needs the condition
        if self.dialect.upsert == "on conflict":
            return f"INSERT INTO {self.name} AS minut_target {staged} {self._on_conflict(columns)}"
        if self.dialect.upsert == "on duplicate key":
            return f"INSERT INTO {self.name} {staged} {self._on_duplicate_key(columns)}"
        return self._merge(stage, columns)

    def earliest_reading(self) -> str:
        """Return the query of the time of the earliest reading."""
        earliest = self.dialect.returned_time.format(f"MIN({self.quoted('time')})")
        return f"SELECT {earliest} FROM {self.name}"  # noqa: S608 - `quoted` escapes every identifier, and values are parameters

    def stored_series(self, placeholder: str, seconds: float) -> str:
        """Return the query of what the table has of each series of readings in a time range.

        Its parameters are the start and the end of the time range. Its columns are those of
        :class:`~airflow_provider_minut.extraction.progress.StoredSeries` after device ID and sensor.

        :param seconds: Length of an interval.
        """
        device, sensor, time, value = map(self.quoted, ("device_id", "sensor", "time", "value"))
        between = self.dialect.seconds_between.format(time, "next_time")
        is_gap = f"{between} >= {GAP_FACTOR * seconds}"
        following = f"LEAD({time}) OVER (PARTITION BY {device}, {sensor} ORDER BY {time})"
        first, last, before_gap, after_gap = map(
            self.dialect.returned_time.format,
            (
                f"MIN({time})",
                f"MAX({time})",
                f"MIN(CASE WHEN {is_gap} THEN {time} END)",
                f"MIN(CASE WHEN {is_gap} THEN next_time END)",
            ),
        )
        return (
            f"SELECT {device}, {sensor}, {first}, {last}, COUNT(*), {before_gap}, {after_gap} "  # noqa: S608 - `quoted` escapes every identifier, and values are parameters
            f"FROM (SELECT {device}, {sensor}, {time}, {following} AS next_time FROM {self.name} "
            f"WHERE {time} >= {placeholder} AND {time} < {placeholder} AND {value} IS NOT NULL) minut_series "
            f"GROUP BY {device}, {sensor}"
        )

    def _qualified(self, parts: Sequence[str]) -> str:
        return ".".join(map(self.quoted, parts))

    def _list(self, names: Iterable[str], prefix: str = "") -> str:
        return ", ".join(prefix + self.quoted(name) for name in names)

    def _type(self, name: str) -> str:
        kind = table_columns(self.dataset)[name]
        is_key = name in self.dataset.key
        return self.dialect.types["key" if is_key and kind == "text" else kind] + " NOT NULL" * is_key

    def _index(self) -> str:
        if self.dataset.time is None:
            return ""
        *schema, table = self.table.split(".")
        index = f"{table}_{self.dataset.time}"
        return self.dialect.index.format(
            index=self.quoted(index),
            qualified_index=self._qualified([*schema, index]),
            table=self.name,
            bare_table=self.quoted(table),
            column=self.quoted(self.dataset.time),
        )

    def _on_conflict(self, columns: Sequence[str]) -> str:
        def comparable(row: str, name: str) -> str:
            return self._comparable(f"{row}.{self.quoted(name)}", name)

        changed = [
            f"{comparable('minut_target', name)} {self.dialect.differs} {comparable('excluded', name)}"
            for name in self._compared(columns)
        ]
        sets = [f"{self.quoted(name)} = excluded.{self.quoted(name)}" for name in self._updated(columns)]
        action = f"DO UPDATE SET {', '.join(sets)} WHERE {' OR '.join(changed)}" if changed else "DO NOTHING"
        return f"ON CONFLICT ({self._list(self.dataset.key)}) {action}"

    def _on_duplicate_key(self, columns: Sequence[str]) -> str:
        stored = {name: f"{self.name}.{self.quoted(name)}" for name in columns}
        sent = {name: f"VALUES({self.quoted(name)})" for name in columns}
        same = [f"{stored[name]} {self.dialect.differs} {sent[name]}" for name in self._compared(columns)]
        # Assignments are made from left to right: that of loaded_at has to see the others as they were.
        updated = sorted(self._updated(columns), key=lambda name: name != LOADED_AT)
        if LOADED_AT in updated and same:
            sent[LOADED_AT] = f"IF({' AND '.join(same)}, {stored[LOADED_AT]}, {sent[LOADED_AT]})"
        return f"ON DUPLICATE KEY UPDATE {', '.join(f'{stored[name]} = {sent[name]}' for name in updated)}"

    def _merge(self, stage: str, columns: Sequence[str]) -> str:
        target = self.quoted(self.table.rpartition(".")[2])  # Redshift permits no alias of it
        on = [f"{target}.{self.quoted(key)} = minut_source.{self.quoted(key)}" for key in self.dataset.key]
        sets = [f"{self.quoted(name)} = minut_source.{self.quoted(name)}" for name in self._updated(columns)]
        names, values = self._list(columns), self._list(columns, "minut_source.")
        return (
            f"MERGE INTO {self.name} USING {stage} minut_source ON ({' AND '.join(on)}) "  # noqa: S608 - `quoted` escapes every identifier, and values are parameters
            f"WHEN MATCHED THEN UPDATE SET {', '.join(sets)} "
            f"WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values}){self.dialect.end_of_merge}"
        )

    def _updated(self, columns: Sequence[str]) -> list[str]:
        return [name for name in columns if name not in self.dataset.key]

    def _compared(self, columns: Sequence[str]) -> list[str]:
        """Return the columns that show whether a row changed: a row that was only read again did not."""
        return [name for name in self._updated(columns) if name != LOADED_AT]

    def _comparable(self, value: str, name: str) -> str:
        is_json = table_columns(self.dataset)[name] == "json"
        return self.dialect.json_as_text.format(value) if is_json else value


def checked_table(dialect: Dialect, table: str) -> str:
    """Return the name of a table.

    :raises MinutConfigurationError: if it is no name of a table in this database.
    """
    parts = table.split(".")
    if len(parts) > dialect.max_name_parts or not all(map(_NAME.fullmatch, parts)):
        example = ".".join(["database", "schema", "table"][-dialect.max_name_parts :])
        raise MinutConfigurationError(
            "table",
            f"must be a plain name like minut_readings or {example}, of letters, digits, _, $ and -",
        )
    return table
