"""Firehose: buffering, formats, prefixes, the error output, restarts."""

import base64
import datetime
import gzip
import io
import json
import re

import pyarrow.parquet
from pipeline import (
    create_delivery,
    create_stream,
    json_records,
    keys_below,
    parquet_table,
    put_all,
    to_parquet,
)
from server import wait_until

REGION = "us-east-1"


def body(s3, bucket, key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def wait_for_objects(s3, bucket, prefix, enough, what):
    return wait_until(lambda: (keys := keys_below(s3, bucket, prefix)) and enough(keys) and keys, what)


def put_batches(firehose, name, records):
    for start in range(0, len(records), 500):
        answer = firehose.put_record_batch(
            DeliveryStreamName=name, Records=[{"Data": r} for r in records[start:start + 500]]
        )
        assert answer["FailedPutCount"] == 0
        assert len(answer["RequestResponses"]) == len(records[start:start + 500])


def test_direct_puts_arrive_as_given_in_order_under_a_prefix_with_the_hour(firehose, s3, bucket, fresh):
    name = fresh()
    create_delivery(firehose, name, bucket, prefix="raw/")
    lines = [b"line %d\n" % n for n in range(1200)]
    firehose.put_record(DeliveryStreamName=name, Record={"Data": lines[0]})
    put_batches(firehose, name, lines[1:])

    def all_there():
        keys = keys_below(s3, bucket, "raw/")
        text = b"".join(body(s3, bucket, key) for key in keys)
        return (keys, text) if len(text) >= sum(map(len, lines)) else None

    keys, text = wait_until(all_there, "every line is delivered")
    assert sorted(text.splitlines(keepends=True)) == sorted(lines)
    for key in keys:
        assert re.fullmatch(rf"raw/\d{{4}}/\d\d/\d\d/\d\d/{name}-1-\d{{4}}(-\d\d){{5}}-[0-9a-f-]{{36}}", key), key


def test_gzip_newlines_and_a_custom_prefix(firehose, s3, bucket, fresh):
    name = fresh()
    create_delivery(
        firehose, name, bucket,
        prefix="events/day=!{timestamp:yyyy-MM-dd}/",
        CompressionFormat="GZIP",
        ProcessingConfiguration={"Enabled": True, "Processors": [{
            "Type": "AppendDelimiterToRecord",
            "Parameters": [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}],
        }]},
    )
    put_batches(firehose, name, json_records([{"n": n} for n in range(50)]))

    def numbers():
        keys = keys_below(s3, bucket, "events/")
        lines = [line for key in keys for line in gzip.decompress(body(s3, bucket, key)).splitlines()]
        return (keys, sorted(json.loads(line)["n"] for line in lines)) if len(lines) >= 50 else None

    keys, seen = wait_until(numbers, "fifty lines are delivered")
    assert seen == list(range(50))
    today = datetime.datetime.now(datetime.timezone.utc).date()
    days = {today.isoformat(), (today - datetime.timedelta(days=1)).isoformat()}
    assert all(key.removeprefix("events/day=")[:10] in days and key.endswith(".gz") for key in keys), keys


def test_a_stream_becomes_parquet_with_the_tables_schema(firehose, kinesis, s3, glue, bucket, database, fresh):
    parquet_table(
        glue, database, "readings", f"s3://{bucket}/readings/",
        [("id", "bigint"), ("name", "string"), ("at", "timestamp"), ("value", "double"),
         ("tags", "array<string>"), ("place", "struct<lat:double,lon:double>")],
    )
    stream = fresh("stream")
    arn = create_stream(kinesis, stream, shards=2)
    create_delivery(firehose, fresh("delivery"), bucket, source=arn, prefix="readings/",
                    conversion=to_parquet(database, "readings", REGION))
    records = [
        {"id": n, "name": f"n{n}", "at": "2026-01-02 03:04:05.678", "value": n / 2, "tags": ["a", str(n)],
         "place": {"lat": 37.5, "lon": 127.0}, "unknown": "ignored"}
        for n in range(1000)
    ]
    put_all(kinesis, stream, [(str(n), r) for n, r in enumerate(json_records(records))])

    def rows():
        tables = [pyarrow.parquet.read_table(io.BytesIO(body(s3, bucket, key)))
                  for key in keys_below(s3, bucket, "readings/")]
        found = [row for table in tables for row in table.to_pylist()]
        return (tables, found) if len(found) >= 1000 else None

    tables, found = wait_until(rows, "a thousand rows are delivered")
    assert sorted(row["id"] for row in found) == list(range(1000))
    row = next(row for row in found if row["id"] == 7)
    assert row["name"] == "n7" and row["value"] == 3.5 and row["tags"] == ["a", "7"]
    assert row["place"] == {"lat": 37.5, "lon": 127.0} and "unknown" not in row
    assert row["at"].replace(tzinfo=None) == datetime.datetime(2026, 1, 2, 3, 4, 5, 678000)
    key = keys_below(s3, bucket, "readings/")[0]
    metadata = pyarrow.parquet.ParquetFile(io.BytesIO(body(s3, bucket, key))).metadata
    assert metadata.row_group(0).column(0).compression == "SNAPPY"


def test_bad_records_go_to_the_error_output_with_reason_bytes_and_arrival(
    firehose, s3, glue, bucket, database, fresh
):
    parquet_table(glue, database, "t", f"s3://{bucket}/data/", [("id", "int"), ("at", "date")])
    name = fresh()
    create_delivery(firehose, name, bucket, conversion=to_parquet(database, "t", REGION))
    bad = [b"{not json", b'{"id": "seven"}', b'{"id": 99999999999}', b'{"id": 1, "at": "not a day"}', b"\xff\xfe"]
    good = json_records([{"id": n, "at": "2026-02-03"} for n in range(10)])
    put_batches(firehose, name, good[:5] + bad + good[5:])

    def outputs():
        rows = [row for key in keys_below(s3, bucket, "data/")
                for row in pyarrow.parquet.read_table(io.BytesIO(body(s3, bucket, key))).to_pylist()]
        errors = [json.loads(line) for key in keys_below(s3, bucket, "errors/")
                  for line in body(s3, bucket, key).splitlines()]
        return (rows, errors) if len(rows) + len(errors) >= 15 else None

    rows, errors = wait_until(outputs, "all fifteen records are somewhere")
    assert sorted(row["id"] for row in rows) == list(range(10))
    assert sorted(base64.b64decode(e["rawData"]) for e in errors) == sorted(bad)
    for error in errors:
        assert error["lastErrorCode"] and error["lastErrorMessage"], error
        assert error["attemptsMade"] >= 1
        assert error["arrivalTimestamp"] > 1_700_000_000_000
    assert all(key.startswith("errors/format-conversion-failed/") for key in keys_below(s3, bucket, "errors/"))


def test_a_full_buffer_does_not_wait_for_the_interval(firehose, s3, bucket, fresh):
    name = fresh()
    create_delivery(firehose, name, bucket, prefix="big/", interval=900, size_mb=1)
    for _ in range(3):
        put_batches(firehose, name, [b"x" * 900_000])
    wait_for_objects(s3, bucket, "big/", lambda keys: True, "a megabyte is delivered early")


def test_streams_are_listed_described_and_deleted(firehose, bucket, fresh, error_of):
    names = [fresh(f"{n}") for n in range(2)]
    for name in names:
        create_delivery(firehose, name, bucket)
    assert set(names) <= set(firehose.list_delivery_streams(Limit=100)["DeliveryStreamNames"])
    described = firehose.describe_delivery_stream(DeliveryStreamName=names[0])["DeliveryStreamDescription"]
    assert described["DeliveryStreamType"] == "DirectPut"
    destination = described["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert destination["BucketARN"] == f"arn:aws:s3:::{bucket}"
    assert destination["BufferingHints"] == {"SizeInMBs": 64, "IntervalInSeconds": 0}
    firehose.delete_delivery_stream(DeliveryStreamName=names[0])

    def gone():
        try:
            firehose.describe_delivery_stream(DeliveryStreamName=names[0])
        except firehose.exceptions.ResourceNotFoundException:
            return True
        return False

    wait_until(gone, "the delivery stream is deleted")
    code, _ = error_of(firehose.put_record, DeliveryStreamName=names[0], Record={"Data": b"x"})
    assert code == "ResourceNotFoundException"


def test_what_was_put_before_a_kill_is_delivered_once_after_it(own_server, fresh):
    server = own_server()
    firehose, s3 = server.client("firehose"), server.client("s3")
    s3.create_bucket(Bucket="kept")
    create_delivery(firehose, "d", "kept", prefix="kept/", interval=1)
    lines = [b"%d\n" % n for n in range(500)]
    put_batches(firehose, "d", lines)
    server.kill9()
    server.start()
    s3 = server.client("s3")

    def all_lines():
        text = b"".join(body(s3, "kept", key) for key in keys_below(s3, "kept", "kept/"))
        return sorted(text.splitlines(keepends=True)) if text.count(b"\n") >= 500 else None

    assert wait_until(all_lines, "every line is delivered") == sorted(lines)
