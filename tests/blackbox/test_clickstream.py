"""A delivery as a course describes it in Terraform: Parquet by a table's schema, 64 MB or a minute, dynamic
partitioning switched on with a prefix of times, errors below a plain prefix."""

import concurrent.futures
import csv
import datetime
import io
import json
import os
import pathlib
import re

import pyarrow
import pyarrow.parquet
import pytest
from pipeline import ROLE, keys_below, parquet_table, to_parquet
from server import wait_until

FLIGHTS = pathlib.Path(__file__).parents[2] / "examples" / "flights" / "2001-01.csv.zst"
COLUMNS = [("date", "timestamp"), ("delay", "int"), ("distance", "int"), ("origin", "string"),
           ("destination", "string"), ("n", "bigint")]
EVENTS = int(os.environ.get("CLICKSTREAM_EVENTS", "1000000"))


def events(count):
    """The month's flights, and again as often as it takes, each with its number."""
    with pyarrow.input_stream(str(FLIGHTS), compression="zstd") as source:
        rows = list(csv.reader(io.TextIOWrapper(source, "utf-8")))[1:]
    for n in range(count):
        date, delay, distance, origin, destination = rows[n % len(rows)]
        yield {"date": date, "delay": int(delay), "distance": int(distance), "origin": origin,
               "destination": destination, "n": n}


def put_lines(firehose, name, lines):
    """Several events a record, as a producer with a million of them would."""
    for start in range(0, len(lines), 500):
        records = [{"Data": line} for line in lines[start:start + 500]]
        assert firehose.put_record_batch(DeliveryStreamName=name, Records=records)["FailedPutCount"] == 0


@pytest.mark.timeout(900)
def test_a_million_events_arrive_in_hours_as_parquet(server, firehose, s3, glue, bucket, database, fresh):
    table = "clickstream"
    partitions = [(key, "string") for key in ("year", "month", "day", "hour")]
    parquet_table(glue, database, table, f"s3://{bucket}/raw/clickstream/", COLUMNS, partitions)
    name = fresh("clickstream-to-s3")
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{bucket}",
            "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60},
            "DataFormatConversionConfiguration": to_parquet(database, table, "us-east-1"),
            "DynamicPartitioningConfiguration": {"Enabled": True},
            "Prefix": "raw/clickstream/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}"
                      "/hour=!{timestamp:HH}/",
            "ErrorOutputPrefix": "errors/clickstream/",
        },
    )
    started = datetime.datetime.now(datetime.timezone.utc)
    lines = [json.dumps(event).encode() + b"\n" for event in events(EVENTS)]
    bad = [b"no event %d\n" % n for n in range(100)]
    step = 20
    records = [b"".join(lines[start:start + step]) for start in range(0, len(lines), step)] + bad
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        parts = [records[start:start + 5000] for start in range(0, len(records), 5000)]
        list(threads.map(lambda part: put_lines(server.client("firehose"), name, part), parts))

    def rows():
        files = {key: pyarrow.parquet.ParquetFile(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
                 for key in keys_below(s3, bucket, "raw/clickstream/")}
        return files if sum(file.metadata.num_rows for file in files.values()) >= EVENTS else None

    files = wait_until(rows, "every event is delivered", seconds=300)
    numbers = pyarrow.concat_tables([file.read(columns=["n"]) for file in files.values()])["n"].to_numpy()
    numbers.sort()
    assert (numbers == range(EVENTS)).all() if len(numbers) == EVENTS else False, len(numbers)
    ended = datetime.datetime.now(datetime.timezone.utc)
    hours = {(started + datetime.timedelta(hours=n)).strftime("year=%Y/month=%m/day=%d/hour=%H")
             for n in range(int((ended - started).total_seconds() // 3600) + 2)}
    for key in files:
        folder, file = key.removeprefix("raw/clickstream/").rsplit("/", 1)
        assert folder in hours, key
        assert re.fullmatch(rf"{name}-1-\d{{4}}(-\d\d){{5}}-[0-9a-f-]{{36}}\.parquet", file), key
    registered = glue.get_partitions(DatabaseName=database, TableName=table)["Partitions"]
    assert {tuple(p["Values"]) for p in registered} == \
        {tuple(re.findall(r"=(\d+)", key)) for key in files}

    def errors():
        found = [json.loads(line) for key in keys_below(s3, bucket, "errors/clickstream/")
                 for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
        return found if len(found) >= len(bad) else None

    assert len(wait_until(errors, "what is no event is in the error output")) == len(bad)
    keys = keys_below(s3, bucket, "errors/clickstream/")
    assert all(re.match(r"errors/clickstream/format-conversion-failed/\d{4}/\d\d/\d\d/\d\d/", key) for key in keys), keys
