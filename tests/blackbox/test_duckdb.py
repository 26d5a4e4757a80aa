"""Statements whose answers must equal DuckDB's on the same files (tests/sql/duckdb.toml)."""

import datetime
import decimal
import math
import tomllib

import duckdb
import pytest
import sql_data
from athena import Sql
from pipeline import parquet_table
from server import REPOSITORY

CASES = tomllib.loads((REPOSITORY / "tests/sql/duckdb.toml").read_text())["case"]
TOLERANCE = 1e-9


def test_there_are_enough_cases_of_distinct_names():
    assert len(CASES) >= 60 and len({case["name"] for case in CASES}) == len(CASES)


@pytest.fixture(scope="module")
def both(server, tmp_path_factory):
    """Both engines over the same files."""
    folder = tmp_path_factory.mktemp("sql")
    s3, glue = server.client("s3"), server.client("glue")
    bucket = database = "oracle"
    s3.create_bucket(Bucket=bucket)
    for path in sql_data.write(folder):
        s3.upload_file(str(path), bucket, str(path.relative_to(folder)))
    glue.create_database(DatabaseInput={"Name": database})
    for name, columns in sql_data.GLUE.items():
        partitions = [("region", "string")] if name == "events" else []
        parquet_table(glue, database, name, f"s3://{bucket}/{name}/", columns, partitions)
    storage = glue.get_table(DatabaseName=database, Name="events")["Table"]["StorageDescriptor"]
    glue.batch_create_partition(DatabaseName=database, TableName="events", PartitionInputList=[
        {"Values": [region],
         "StorageDescriptor": {**storage, "Location": f"s3://{bucket}/events/region={region}/"}}
        for region in sql_data.REGIONS
    ])
    oracle = duckdb.connect()
    for name in sql_data.GLUE:
        oracle.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{folder}/{name}/**/*.parquet', "
                       f"hive_partitioning = {str(name == 'events').lower()})")
    yield Sql(server.client("athena"), f"s3://{bucket}/results/", database), oracle
    oracle.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_answer_is_duckdbs(both, case):
    sql, oracle = both
    expected = [tuple(normal(value) for value in row)
                for row in oracle.execute(case.get("duckdb", case["athena"])).fetchall()]
    answered = [tuple(normal(value) for value in row) for row in sql.rows(case["athena"])]
    if not case.get("ordered"):
        expected, answered = sorted(expected, key=by_exact_values), sorted(answered, key=by_exact_values)
    assert len(answered) == len(expected), f"{answered[:5]} ...\n{expected[:5]} ..."
    tolerance = case.get("tolerance", TOLERANCE)
    for ours, theirs in zip(answered, expected, strict=True):
        assert len(ours) == len(theirs)
        assert all(same(a, b, tolerance) for a, b in zip(ours, theirs, strict=True)), f"ours   {ours}\ntheirs {theirs}"


def normal(value):
    """One Python value for what both engines mean by it; nested values in Athena's text form."""
    if isinstance(value, decimal.Decimal):
        return value
    if isinstance(value, (list, dict, tuple)):
        return nested(value)
    if isinstance(value, datetime.datetime) and value.tzinfo:
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return value


def nested(value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case list() | tuple():
            return "[" + ", ".join(nested(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{k}={nested(v)}" for k, v in value.items()) + "}"
        case _:
            return str(value)


def is_number(value) -> bool:
    return isinstance(value, (int, float, decimal.Decimal)) and not isinstance(value, bool)


def by_exact_values(row):
    """Rows in an order that rounding cannot change: exact values first, then the inexact ones."""
    inexact = [round(float(v), 6) for v in row if isinstance(v, float) and not math.isnan(v)]
    exact = [(v is None, type_rank(v), "" if v is None else (float(v) if is_number(v) else str(v)))
             for v in row if not isinstance(v, float)]
    return exact, inexact


def type_rank(value) -> int:
    return 0 if is_number(value) else 1


def same(ours, theirs, tolerance) -> bool:
    if is_number(ours) and is_number(theirs):
        ours, theirs = float(ours), float(theirs)
        if math.isnan(ours) or math.isnan(theirs):
            return math.isnan(ours) and math.isnan(theirs)
        return math.isclose(ours, theirs, rel_tol=tolerance, abs_tol=1e-9)
    if isinstance(ours, datetime.datetime) != isinstance(theirs, datetime.datetime):
        return str(ours)[:10] == str(theirs)[:10] and "00:00:00" in f"{ours} {theirs}"
    return ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool)
