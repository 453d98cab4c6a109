"""The statements, parsed by an independent parser in each dialect; four of the databases also run them."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.loading import dialects
from airflow_provider_minut.loading.columns import table_columns
from airflow_provider_minut.loading.statements import Statements, checked_table

PARSERS = {
    "postgres": dialects.POSTGRESQL,
    "sqlite": dialects.SQLITE,
    "duckdb": dialects.DUCKDB,
    "mysql": dialects.MYSQL,
    "snowflake": dialects.SNOWFLAKE,
    "tsql": dialects.SQL_SERVER,
    "oracle": dialects.ORACLE,
    "databricks": dialects.DATABRICKS,
    "bigquery": dialects.BIGQUERY,
    "redshift": dialects.REDSHIFT,
}
PARSED = [pytest.param(parser, dialect, id=parser) for parser, dialect in PARSERS.items()]
MERGING = [case for case in PARSED if case.values[1].upsert == "merge"]


def parse(text, parser):
    (parsed,) = [statement for statement in sqlglot.parse(text, dialect=parser) if statement]
    assert not isinstance(parsed, exp.Command), f"not understood: {text}"
    return parsed


def names_of(parsed):
    """All identifiers that are quoted, as the database stores them."""
    return {name.this for name in parsed.find_all(exp.Identifier) if name.args.get("quoted")}


@pytest.fixture(params=sorted(DATASETS))
def dataset(request):
    return DATASETS[request.param]


@pytest.mark.parametrize(("parser", "dialect"), PARSED)
class TestEachDialect:
    def test_create_table_has_all_columns_and_the_key(self, parser, dialect, dataset):
        create, *rest = Statements(dialect, dataset, "minut_rows").create_table()
        parsed = parse(create, parser)
        columns = {column.name: column for column in parsed.find_all(exp.ColumnDef)}
        fold = str.upper if dialect.folds_to_upper else str
        assert list(columns) == [fold(name) for name in table_columns(dataset)]
        required = {name for name, column in columns.items() if column.find(exp.NotNullColumnConstraint)}
        assert required == {fold(name) for name in dataset.key}
        assert bool(parsed.find(exp.PrimaryKey)) == bool(dialect.primary_key)
        for statement in rest:
            assert isinstance(parse(statement, parser), exp.Create)

    def test_upsert_changes_only_our_columns(self, parser, dialect, dataset):
        columns = list(table_columns(dataset))
        statements = Statements(dialect, dataset, "minut_rows")
        parsed = parse(statements.upsert(statements.stage_name("0"), columns), parser)
        allowed = {statements.stored(name) for name in (*columns, "minut_rows", "minut_stage_0")}
        allowed |= {"#minut_stage_0", "minut_stage_0", "ORA$PTT_MINUT_0"}
        assert names_of(parsed) <= allowed

    def test_the_rest_parses(self, parser, dialect, dataset):
        statements = Statements(dialect, dataset, "some_schema.minut_rows")
        stage, columns = statements.stage_name("0"), list(table_columns(dataset))
        for text in (
            statements.select_nothing(),
            statements.add_column("loaded_at"),
            statements.create_stage(stage, columns),
            statements.insert(stage, columns, "NULL"),
        ):
            # The parser knows neither Oracle's private tables nor ON COMMIT of PostgreSQL, which runs it.
            if not text.startswith("CREATE PRIVATE") and "ON COMMIT DROP" not in text:
                parse(text, parser)

    def test_query_of_stored_series_parses(self, parser, dialect, dataset):
        query = Statements(dialect, DATASETS["readings"], "minut_rows").stored_series("NULL", 300)
        assert len(parse(query, parser).expressions) == 7

    def test_name_is_quoted_in_every_statement(self, parser, dialect, dataset):
        statements = Statements(dialect, dataset, "Mixed.order")
        stage, columns = statements.stage_name("0"), list(table_columns(dataset))
        table = exp.Table(
            this=exp.to_identifier(statements.stored("order"), quoted=True),
            db=exp.to_identifier("Mixed", quoted=True),
        )
        for text in (
            *statements.create_table()[:1],
            statements.select_nothing(),
            statements.add_column("loaded_at"),
            statements.upsert(stage, columns),
        ):
            found = {(each.db, each.name) for each in parse(text, parser).find_all(exp.Table)}
            assert (table.db, table.name) in found


@pytest.mark.parametrize(("parser", "dialect"), MERGING)
def test_merge_matches_by_the_key(parser, dialect, dataset):
    columns = list(table_columns(dataset))
    statements = Statements(dialect, dataset, "minut_rows")
    merge = parse(statements.upsert(statements.stage_name("0"), columns), parser)
    assert isinstance(merge, exp.Merge)
    matched = {equal.left.name for equal in merge.args["on"].find_all(exp.EQ)}
    assert matched == {statements.stored(name) for name in dataset.key}
    update, insert = merge.args["whens"].expressions
    updated = {equal.left.name for equal in update.args["then"].find_all(exp.EQ)}
    assert updated == {statements.stored(name) for name in columns} - matched
    assert len(insert.args["then"].expression.expressions) == len(columns)


def test_unchanged_row_is_not_written_again():
    statements = Statements(dialects.POSTGRESQL, DATASETS["readings"], "t")
    upsert = statements.upsert(
        "s", ["device_id", "sensor", "time", "value", "additional_fields", "loaded_at"]
    )
    assert upsert.endswith(
        'WHERE minut_target."value" IS DISTINCT FROM excluded."value" OR '
        'CAST(minut_target."additional_fields" AS TEXT) IS DISTINCT FROM CAST(excluded."additional_fields" AS TEXT)'
    )


def test_mysql_decides_about_loaded_at_before_it_changes_the_others():
    statements = Statements(dialects.MYSQL, DATASETS["readings"], "t")
    upsert = statements.upsert("s", ["device_id", "sensor", "time", "value", "loaded_at"])
    assert upsert.partition("UPDATE ")[2] == (
        "`t`.`loaded_at` = IF(`t`.`value` <=> VALUES(`value`), `t`.`loaded_at`, VALUES(`loaded_at`)), "
        "`t`.`value` = VALUES(`value`)"
    )


def test_table_with_only_the_key_is_never_updated():
    statements = Statements(dialects.SQLITE, DATASETS["homes"], "t")
    assert statements.upsert("s", ["home_id"]).endswith('ON CONFLICT ("home_id") DO NOTHING')


@pytest.mark.parametrize(
    "table", ["", "a b", "a.b.c.d", "1st", "a;b", 'a"b', "a`b", "a.", ".a", "a..b", "a\n"]
)
def test_what_is_no_name_of_a_table_is_refused(table):
    with pytest.raises(MinutConfigurationError, match="^table: must be a plain name like"):
        checked_table(dialects.POSTGRESQL, table)


@pytest.mark.parametrize(
    "table", ["order", "Mixed_Case", "minut-events", "a$1", "händelser", "db.schema.table"]
)
def test_name_of_a_table(table):
    assert checked_table(dialects.POSTGRESQL, table) == table


@pytest.mark.parametrize("dialect", [dialects.MYSQL, dialects.SQLITE, dialects.ORACLE])
def test_database_without_schemas_takes_two_parts(dialect):
    with pytest.raises(MinutConfigurationError, match="schema.table"):
        checked_table(dialect, "database.schema.table")


def test_database_that_folds_names_gets_them_as_it_stores_them():
    statements = Statements(dialects.SNOWFLAKE, DATASETS["homes"], "minut.homes")
    assert statements.name == '"MINUT"."HOMES"'
    assert Statements(dialects.SNOWFLAKE, DATASETS["homes"], "Minut.homes").name == '"Minut"."HOMES"'
