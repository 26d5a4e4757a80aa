"""Clients of data teams, unchanged: awswrangler, PyAthena, pyiceberg, pyarrow's S3."""

import datetime

import awswrangler
import pandas
import pyarrow.fs
import pyarrow.parquet
import pyathena
import pytest
from pyathena.pandas.cursor import PandasCursor
from pyiceberg.catalog.glue import GlueCatalog


@pytest.fixture
def frame():
    return pandas.DataFrame({
        "id": range(300),
        "city": ["Seoul", "Busan", None] * 100,
        "fare": [n / 8 for n in range(300)],
        "at": pandas.Timestamp("2026-01-02 03:04:05"),
        "day": [f"2026-01-0{n % 3 + 1}" for n in range(300)],
    })


@pytest.fixture
def wrangler(server):
    """awswrangler speaks to the server and to nothing else."""
    for name in ("s3", "athena", "glue", "sts"):
        setattr(awswrangler.config, f"{name}_endpoint_url", server.endpoint)
    yield server.session()
    awswrangler.config.reset()


def test_awswrangler_writes_a_dataset_and_reads_it_with_sql(wrangler, bucket, database, frame):
    awswrangler.s3.to_parquet(
        frame, path=f"s3://{bucket}/trips/", dataset=True, database=database, table="trips",
        partition_cols=["day"], boto3_session=wrangler,
    )
    assert awswrangler.catalog.does_table_exist(database=database, table="trips", boto3_session=wrangler)
    types = awswrangler.catalog.get_table_types(database=database, table="trips", boto3_session=wrangler)
    assert types == {"id": "bigint", "city": "string", "fare": "double", "at": "timestamp", "day": "string"}
    answer = awswrangler.athena.read_sql_query(
        "SELECT city, count(*) AS n, sum(fare) AS total, max(at) AS at FROM trips WHERE day >= '2026-01-02' "
        "GROUP BY city ORDER BY city",
        database=database, ctas_approach=False, s3_output=f"s3://{bucket}/results/", boto3_session=wrangler,
    )
    expected = frame[frame.day >= "2026-01-02"].groupby("city", dropna=False).fare.agg(["size", "sum"])
    seen = {city if isinstance(city, str) else None: (n, total)
            for city, n, total in answer[["city", "n", "total"]].itertuples(index=False)}
    wanted = {city if isinstance(city, str) else None: tuple(row) for city, row in
              zip(expected.index, expected.itertuples(index=False))}
    assert seen == wanted
    assert answer["at"].iloc[0].to_pydatetime() == datetime.datetime(2026, 1, 2, 3, 4, 5)
    back = awswrangler.s3.read_parquet(f"s3://{bucket}/trips/", dataset=True, boto3_session=wrangler)
    assert sorted(back["id"]) == list(range(300))


def connection(server, bucket, database, **more):
    return pyathena.connect(
        s3_staging_dir=f"s3://{bucket}/results/", schema_name=database, region_name="us-east-1",
        endpoint_url=server.endpoint, aws_access_key_id=server.credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=server.credentials["AWS_SECRET_ACCESS_KEY"], poll_interval=0.02, **more,
    )


def test_pyathena_runs_ddl_and_queries_with_parameters(server, s3, bucket, database):
    with connection(server, bucket, database) as athena, athena.cursor() as cursor:
        s3.put_object(Bucket=bucket, Key="people/1.json", Body=b'{"id":1,"name":"Ann"}\n{"id":2,"name":"Bo"}\n')
        cursor.execute(f"""CREATE EXTERNAL TABLE people (id int, name string)
                           ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://{bucket}/people/'""")
        cursor.execute("SELECT id, name, DATE '2026-01-02' AS d, DECIMAL '1.50' AS m, ARRAY[1, 2] AS a "
                       "FROM people WHERE id >= %(least)s ORDER BY id", {"least": 1})
        rows = cursor.fetchall()
        assert [row[:3] for row in rows] == [(1, "Ann", datetime.date(2026, 1, 2)), (2, "Bo", datetime.date(2026, 1, 2))]
        assert [column[0] for column in cursor.description] == ["id", "name", "d", "m", "a"]
        assert cursor.data_scanned_in_bytes > 0
        cursor.execute("SELECT count(*) FROM people WHERE name = ?", ["'Bo'"], paramstyle="qmark")
        assert cursor.fetchone() == (1,)
        with pytest.raises(pyathena.error.OperationalError, match="no_such"):
            cursor.execute("SELECT * FROM no_such")


def test_pyathena_reads_the_spooled_csv_into_pandas(server, bucket, database, monkeypatch):
    # Its file system makes an S3 client of its own, which knows the environment alone.
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    with connection(server, bucket, database) as athena, athena.cursor(PandasCursor) as cursor:
        frame = cursor.execute("SELECT n, n / 2.0E0 AS half, 'x' || CAST(n AS varchar) AS s "
                               "FROM UNNEST(sequence(1, 1500)) AS t(n)").as_pandas()
    assert frame["n"].tolist() == list(range(1, 1501)) and frame["half"].sum() == sum(range(1501)) / 2
    assert frame["s"].iloc[-1] == "x1500"


def test_pyiceberg_lists_the_catalog(server, database, glue):
    catalog = GlueCatalog("mulgil", **{
        "glue.endpoint": server.endpoint, "glue.region": "us-east-1",
        "glue.access-key-id": server.credentials["AWS_ACCESS_KEY_ID"],
        "glue.secret-access-key": server.credentials["AWS_SECRET_ACCESS_KEY"],
    })
    assert (database,) in catalog.list_namespaces()
    assert catalog.list_tables(database) == []


def test_pyarrows_own_s3_client_reads_and_writes(server, bucket):
    s3 = pyarrow.fs.S3FileSystem(
        access_key=server.credentials["AWS_ACCESS_KEY_ID"], secret_key=server.credentials["AWS_SECRET_ACCESS_KEY"],
        endpoint_override=server.endpoint, region="us-east-1",
    )
    table = pyarrow.table({"n": range(100_000)})
    pyarrow.parquet.write_table(table, f"{bucket}/t.parquet", filesystem=s3)
    assert pyarrow.parquet.read_table(f"{bucket}/t.parquet", filesystem=s3, columns=["n"]).equals(table)
    assert [f.base_name for f in s3.get_file_info(pyarrow.fs.FileSelector(bucket))] == ["t.parquet"]
