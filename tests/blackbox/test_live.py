"""Live tables: rows are queryable before they are in files, and each is counted once at every moment."""

import datetime
import re
import threading

from athena import Sql
from pipeline import (
    ROLE, create_delivery, create_stream, delivery_status, json_records, keys_below, parquet_table, put_all, to_parquet,
)
from server import wait_until

REGION = "us-east-1"
COLUMNS = [("id", "bigint"), ("word", "string")]


def feed(kinesis, firehose, glue, database, bucket, name, *, shards=2, partitions=(), prefix=None, **delivery):
    source = create_stream(kinesis, name, shards)
    parquet_table(glue, database, "events", f"s3://{bucket}/{name}/", COLUMNS, partitions)
    create_delivery(
        firehose, name, bucket, source=source, conversion=to_parquet(database, "events", REGION),
        prefix=prefix or f"{name}/", **delivery,
    )


def records(ids):
    return [(str(id), data) for id, data in zip(ids, json_records([{"id": id, "word": f"w{id % 7}"} for id in ids]))]


def counts(sql):
    (row,) = sql.rows("SELECT count(*), count(DISTINCT id), coalesce(max(id), -1) FROM events")
    return tuple(int(value) for value in row)


def test_a_put_is_in_the_next_answer_however_large_the_buffer(
    kinesis, firehose, glue, s3, sql, bucket, database, fresh
):
    name = fresh()
    feed(kinesis, firehose, glue, database, bucket, name, interval=900, size_mb=128)
    for round in range(5):
        ids = range(round * 1000, (round + 1) * 1000)
        put_all(kinesis, name, records(ids))
        assert counts(sql) == (ids.stop, ids.stop, ids.stop - 1)
    assert sql.rows("SELECT count(*) FROM events WHERE word = 'w3' AND id < 700") == [(100,)]
    assert keys_below(s3, bucket, f"{name}/") == [], "nothing was written, so what was read was live"


def test_each_row_counts_once_while_files_are_written_and_through_a_kill(own_server, tmp_path):
    server = own_server()
    kinesis, firehose, glue, s3 = (server.client(c) for c in ("kinesis", "firehose", "glue", "s3"))
    s3.create_bucket(Bucket="lake")
    glue.create_database(DatabaseInput={"Name": "live"})
    sql = Sql(server.client("athena"), "s3://lake/answers/", "live")
    feed(kinesis, firehose, glue, "live", "lake", "s", interval=1, size_mb=64)
    acknowledged = [0]
    done = threading.Event()

    def produce():
        while not done.is_set() and acknowledged[0] < 60_000:
            ids = range(acknowledged[0], acknowledged[0] + 500)
            put_all(kinesis, "s", records(ids))
            acknowledged[0] = ids.stop

    producer = threading.Thread(target=produce)
    producer.start()
    try:
        seen_files = set()
        for _ in range(40):
            before = acknowledged[0]
            count, distinct, _ = counts(sql)
            after = acknowledged[0] + 500
            assert count == distinct, "a row was counted twice"
            assert before <= count <= after
            seen_files.add(len(keys_below(s3, "lake", "s/")))
        assert len(seen_files) > 1, "files were written meanwhile"
    finally:
        done.set()
        producer.join()
    server.kill9()
    server.start()
    total = acknowledged[0]
    assert counts(Sql(server.client("athena"), "s3://lake/answers/", "live")) == (total, total, total - 1)


def test_live_rows_lie_in_their_partition(kinesis, firehose, glue, sql, bucket, database, fresh):
    name = fresh()
    feed(
        kinesis, firehose, glue, database, bucket, name, partitions=[("day", "string")], interval=900, size_mb=128,
        prefix=f"{name}/day=!{{timestamp:yyyy-MM-dd}}/",
    )
    before = datetime.datetime.now(datetime.timezone.utc).date()
    put_all(kinesis, name, records(range(100)))
    after = datetime.datetime.now(datetime.timezone.utc).date()
    days = {str(before), str(after)}
    assert {row[0] for row in sql.rows("SELECT DISTINCT day FROM events")} <= days
    assert sql.rows(f"SELECT count(*) FROM events WHERE day IN ('{before}', '{after}')") == [(100,)]
    assert sql.rows("SELECT count(*) FROM events WHERE day = '2001-01-01'") == [(0,)]


def test_a_delivery_can_be_told_to_show_files_only(kinesis, firehose, glue, sql, bucket, database, fresh):
    name = fresh()
    feed(kinesis, firehose, glue, database, bucket, name, interval=900, size_mb=128)
    put_all(kinesis, name, records(range(10)))
    assert counts(sql)[0] == 10
    firehose.tag_delivery_stream(DeliveryStreamName=name, Tags=[{"Key": "mulgil:live", "Value": "false"}])
    wait_until(lambda: counts(sql)[0] == 0, "only files are shown")
    firehose.untag_delivery_stream(DeliveryStreamName=name, TagKeys=["mulgil:live"])
    wait_until(lambda: counts(sql)[0] == 10, "pending rows are shown again")


def test_a_record_that_does_not_fit_is_never_shown(kinesis, firehose, glue, sql, bucket, database, fresh):
    name = fresh()
    feed(kinesis, firehose, glue, database, bucket, name, interval=900, size_mb=128)
    put_all(kinesis, name, [("a", b"{broken"), *records([1, 2])])
    assert counts(sql) == (2, 2, 2)


def into_iceberg(kinesis, firehose, sql, bucket, database, name, interval, **more):
    """A delivery from the stream `name` into the Iceberg table `events`."""
    sql.execute(
        f"CREATE TABLE events (id bigint, word string) LOCATION 's3://{bucket}/{name}/'"
        " TBLPROPERTIES ('table_type'='ICEBERG')"
    )
    arn = create_stream(kinesis, name, 2)
    firehose.create_delivery_stream(
        DeliveryStreamName=name, DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
        IcebergDestinationConfiguration={
            "RoleARN": ROLE,
            "CatalogConfiguration": {"CatalogARN": "arn:aws:glue:us-east-1:000000000000:catalog"},
            "DestinationTableConfigurationList": [
                {"DestinationDatabaseName": database, "DestinationTableName": "events", **more}
            ],
            "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": interval},
            "S3Configuration": {
                "RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{bucket}", "ErrorOutputPrefix": "errors/",
            },
        },
    )
    wait_until(lambda: delivery_status(firehose, name) == "ACTIVE", "the delivery stream is active")


def test_an_iceberg_table_has_the_records_that_are_in_none_of_its_files(kinesis, firehose, sql, bucket, database, fresh):
    name = fresh()
    into_iceberg(kinesis, firehose, sql, bucket, database, name, 900)
    for round in range(3):
        ids = range(round * 1000, (round + 1) * 1000)
        put_all(kinesis, name, records(ids))
        assert counts(sql) == (ids.stop, ids.stop, ids.stop - 1)
    assert sql.rows("SELECT count(*) FROM events WHERE word = 'w3' AND id < 700") == [(100,)]
    assert sql.value('SELECT count(*) FROM "events$files"') == 0, "nothing was written, so what was read was live"


def test_each_row_of_an_iceberg_table_counts_once_while_it_is_committed_to(
    kinesis, firehose, sql, bucket, database, fresh
):
    name = fresh()
    into_iceberg(kinesis, firehose, sql, bucket, database, name, 0)
    total = 0
    for _ in range(30):
        ids = range(total, total + 300)
        put_all(kinesis, name, records(ids))
        total = ids.stop
        assert counts(sql) == (total, total, total - 1)
    def snapshots():
        found = sql.rows('SELECT snapshot_id, summary FROM "events$snapshots" ORDER BY committed_at')
        return [(id, int(re.search(r"total-records=(\d+)", summary)[1])) for id, summary in found]

    wait_until(lambda: total in dict(snapshots()).values(), "all rows are in files")
    put_all(kinesis, name, records(range(total, total + 10)))
    for id, rows in snapshots()[::5]:
        assert sql.value(f"SELECT count(*) FROM events FOR VERSION AS OF {id}") == rows


def test_an_iceberg_table_that_is_upserted_into_shows_its_files(kinesis, firehose, sql, bucket, database, fresh):
    name = fresh()
    into_iceberg(kinesis, firehose, sql, bucket, database, name, 900, UniqueKeys=["id"])
    put_all(kinesis, name, records(range(10)))
    assert counts(sql)[0] == 0
