"""Firehose: processors, dynamic partitioning, compression, backups, error outputs."""

import base64
import collections
import datetime
import decimal
import gzip
import io
import json
import re

import pyarrow.orc
import pyarrow.parquet
import pytest
from formats import READERS
from pipeline import ROLE, create_delivery, json_records, keys_below, parquet_table, to_parquet
from server import wait_until

REGION = "us-east-1"


def body(s3, bucket, key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def put_batches(firehose, name, records):
    for start in range(0, len(records), 500):
        batch = [{"Data": record} for record in records[start:start + 500]]
        assert firehose.put_record_batch(DeliveryStreamName=name, Records=batch)["FailedPutCount"] == 0


def processor(kind, **parameters):
    named = [{"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()]
    return {"Type": kind, "Parameters": named}


def processing(*processors):
    return {"Enabled": True, "Processors": list(processors)}


def extraction(query):
    return processor("MetadataExtraction", MetadataExtractionQuery=query, JsonParsingEngine="JQ-1.6")


def lines_below(s3, bucket, prefix, read=lambda data: data):
    return {key: read(body(s3, bucket, key)).splitlines() for key in keys_below(s3, bucket, prefix)}


def wait_for_lines(s3, bucket, prefix, count, read=lambda data: data):
    def enough():
        found = lines_below(s3, bucket, prefix, read)
        return found if sum(map(len, found.values())) >= count else None

    return wait_until(enough, f"{count} lines are below {prefix}")


def test_raw_json_is_partitioned_by_what_a_query_finds(firehose, s3, bucket, fresh):
    name = fresh()
    create_delivery(
        firehose, name, bucket,
        prefix="raw/customer=!{partitionKeyFromQuery:customer}/year=!{partitionKeyFromQuery:year}/",
        DynamicPartitioningConfiguration={"Enabled": True},
        ProcessingConfiguration=processing(
            extraction('{customer: .customer.id, year: (.at | strptime("%Y-%m-%d") | mktime | strftime("%Y"))}'),
            processor("AppendDelimiterToRecord", Delimiter="\\n"),
        ),
    )
    events = [{"n": n, "customer": {"id": f"c{n % 7}"}, "at": f"{2020 + n % 3}-06-01"} for n in range(2100)]
    bad = [b"{", b'{"n": 1}', b'{"customer": {"id": ""}, "at": "2020-01-01"}']
    put_batches(firehose, name, json_records(events) + bad)
    found = wait_for_lines(s3, bucket, "raw/", len(events))
    seen = collections.Counter()
    for key, lines in found.items():
        customer, year = re.match(r"raw/customer=(\w+)/year=(\d+)/", key).groups()
        for line in lines:
            event = json.loads(line)
            assert (event["customer"]["id"], event["at"][:4]) == (customer, year)
            seen[event["n"]] += 1
    assert seen == collections.Counter(range(2100))
    errors = wait_for_lines(s3, bucket, "errors/processing-failed/", len(bad))
    told = [json.loads(line) for lines in errors.values() for line in lines]
    assert sorted(base64.b64decode(error["rawData"]) for error in told) == sorted(bad)
    assert {error["errorCode"] for error in told} == {"DynamicPartitioning.MetadataExtractionFailed"}
    empty = [error for error in told if base64.b64decode(error["rawData"]) == bad[2]]
    assert empty[0]["errorMessage"] == "partitionKeys values must not be null or empty"


def test_parquet_is_partitioned_and_its_partitions_are_registered(firehose, s3, glue, bucket, database, fresh):
    parquet_table(glue, database, "visits", f"s3://{bucket}/visits/", [("id", "bigint"), ("country", "string")],
                  partitions=[("c", "string")])
    name = fresh()
    create_delivery(
        firehose, name, bucket, prefix="visits/c=!{partitionKeyFromQuery:c}/",
        conversion=to_parquet(database, "visits", REGION),
        DynamicPartitioningConfiguration={"Enabled": True},
        ProcessingConfiguration=processing(extraction("{c: .country}")),
    )
    countries = ["kr", "de", "us"]
    put_batches(firehose, name, json_records([{"id": n, "country": countries[n % 3]} for n in range(3000)]))

    def rows():
        found = {key: pyarrow.parquet.read_table(io.BytesIO(body(s3, bucket, key))).to_pylist()
                 for key in keys_below(s3, bucket, "visits/")}
        return found if sum(map(len, found.values())) >= 3000 else None

    found = wait_until(rows, "three thousand rows are delivered")
    for key, rows in found.items():
        assert {row["country"] for row in rows} == {re.match(r"visits/c=(\w+)/[^/]+\.parquet$", key)[1]}
    assert sorted(row["id"] for rows in found.values() for row in rows) == list(range(3000))
    partitions = glue.get_partitions(DatabaseName=database, TableName="visits")["Partitions"]
    assert sorted(partition["Values"] for partition in partitions) == [["de"], ["kr"], ["us"]]


def test_partitions_beyond_five_hundred_go_to_the_error_output(firehose, s3, bucket, fresh):
    name = fresh()
    create_delivery(
        firehose, name, bucket, prefix="many/!{partitionKeyFromQuery:id}/", interval=2,
        DynamicPartitioningConfiguration={"Enabled": True},
        ProcessingConfiguration=processing(extraction("{id}"), processor("AppendDelimiterToRecord")),
    )
    # One request, so that it is one batch.
    records = [b"".join(b'{"id":%d}' % n for n in range(start, start + 50)) for start in range(0, 600, 50)]
    firehose.update_destination(
        DeliveryStreamName=name, CurrentDeliveryStreamVersionId="1", DestinationId="destinationId-000000000001",
        ExtendedS3DestinationUpdate={"ProcessingConfiguration": processing(
            processor("RecordDeAggregation", SubRecordType="JSON"), extraction("{id}"),
            processor("AppendDelimiterToRecord"),
        )},
    )
    put_batches(firehose, name, records)
    errors = wait_for_lines(s3, bucket, "errors/processing-failed/", 100)
    told = [json.loads(line) for lines in errors.values() for line in lines]
    assert len(told) == 100
    assert {error["errorCode"] for error in told} == {"DynamicPartitioning.ActivePartitionsLimitExceeded"}
    assert len(keys_below(s3, bucket, "many/")) == 500


@pytest.mark.parametrize("kind, parameters, join", [
    ("JSON", {}, b""),
    ("JSON", {}, b"\n"),
    ("DELIMITED", {"Delimiter": base64.b64encode(b"####").decode()}, b"####"),
])
def test_aggregated_records_are_taken_apart(firehose, s3, bucket, fresh, kind, parameters, join):
    name, prefix = fresh(), fresh("apart")
    create_delivery(
        firehose, name, bucket, prefix=f"{prefix}/!{{partitionKeyFromQuery:k}}/",
        DynamicPartitioningConfiguration={"Enabled": True},
        ProcessingConfiguration=processing(
            processor("RecordDeAggregation", SubRecordType=kind, **parameters),
            extraction("{k: .k}"), processor("AppendDelimiterToRecord"),
        ),
    )
    events = json_records([{"n": n, "k": n % 4} for n in range(400)])
    put_batches(firehose, name, [join.join(events[start:start + 40]) for start in range(0, 400, 40)])
    found = wait_for_lines(s3, bucket, f"{prefix}/", 400)
    assert {key.split("/")[1] for key in found} == {"0", "1", "2", "3"}
    assert sorted(line for lines in found.values() for line in lines) == sorted(events)


def test_log_messages_are_decompressed_and_extracted(firehose, s3, bucket, fresh):
    name = fresh()
    create_delivery(
        firehose, name, bucket, prefix="logs/",
        ProcessingConfiguration=processing(
            processor("Decompression", CompressionFormat="GZIP"),
            processor("CloudWatchLogProcessing", DataMessageExtraction="true"),
            processor("AppendDelimiterToRecord"),
        ),
    )
    event = lambda n: {"id": str(n), "timestamp": n, "message": f'message "{n}"'}
    data = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s",
            "subscriptionFilters": ["f"], "logEvents": [event(n) for n in range(100)]}
    control = {**data, "messageType": "CONTROL_MESSAGE"}
    put_batches(firehose, name, [gzip.compress(json.dumps(m).encode()) for m in (control, data)] + [b"plain"])
    found = wait_for_lines(s3, bucket, "logs/", 100)
    assert sorted(line for lines in found.values() for line in lines) == \
        sorted(b'message "%d"' % n for n in range(100))
    errors = wait_for_lines(s3, bucket, "errors/decompression-failed/", 1)
    (line,) = [json.loads(line) for lines in errors.values() for line in lines]
    assert base64.b64decode(line["rawData"]) == b"plain"


@pytest.mark.parametrize("compression", READERS)
def test_every_compression_is_read_by_others(firehose, s3, bucket, fresh, compression):
    read, extension = READERS[compression]
    name = fresh()
    create_delivery(firehose, name, bucket, prefix=f"{compression}/", CompressionFormat=compression, interval=1,
                    ProcessingConfiguration=processing(processor("AppendDelimiterToRecord")))
    lines = [b'{"n": %d, "text": "%s"}' % (n, b"some words " * (n % 20)) for n in range(20_000)]
    put_batches(firehose, name, lines)
    found = wait_for_lines(s3, bucket, f"{compression}/", len(lines), read)
    assert all(key.endswith(extension) for key in found)
    assert sorted(line for found_lines in found.values() for line in found_lines) == sorted(lines)


@pytest.mark.parametrize("compression", ["NONE", "ZLIB", "SNAPPY"])
def test_orc_is_read_by_others(firehose, s3, glue, bucket, database, fresh, compression):
    table = fresh("orc", separator="_")
    parquet_table(
        glue, database, table, f"s3://{bucket}/orc/",
        [("id", "bigint"), ("flag", "boolean"), ("small", "smallint"), ("ratio", "double"), ("name", "string"),
         ("code", "varchar(8)"), ("day", "date"), ("at", "timestamp"), ("price", "decimal(12,2)"),
         ("tags", "array<string>"), ("counts", "map<string,int>"), ("place", "struct<lat:double,city:string>")],
    )
    conversion = to_parquet(database, table, REGION)
    conversion["OutputFormatConfiguration"] = {"Serializer": {"OrcSerDe": {"Compression": compression}}}
    create_delivery(firehose, name := fresh(), bucket, prefix="orc/", conversion=conversion)
    record = lambda n: {} if n % 7 == 3 else {
        "id": n * (-1) ** n, "flag": n % 2 == 0, "small": n % 1000, "ratio": n / 4, "name": f"name {n}",
        "code": f"c{n % 9}", "day": f"{1960 + n % 90}-05-06", "at": f"{1950 + n % 100}-01-02 03:04:05.{n % 1000:03}",
        "price": f"{n}.25", "tags": [str(n), None], "counts": {"a": n}, "place": {"lat": n / 2, "city": None},
    }
    put_batches(firehose, name, json_records([record(n) for n in range(5000)]))

    def tables():
        found = {key: pyarrow.orc.ORCFile(io.BytesIO(body(s3, bucket, key))) for key in keys_below(s3, bucket, "orc/")}
        return found if sum(file.nrows for file in found.values()) >= 5000 else None

    files = wait_until(tables, "five thousand rows are delivered")
    assert all(key.endswith(".orc") for key in files)
    rows = [row for file in files.values() for row in file.read().to_pylist()]
    empty = [row for row in rows if row["id"] is None]
    assert all(value is None for row in empty for value in row.values())
    assert len(empty) == sum(n % 7 == 3 for n in range(5000))
    by_id = {abs(row["id"]): row for row in rows if row["id"] is not None}
    assert len(by_id) + len(empty) == 5000
    for n, row in by_id.items():
        at = datetime.datetime(1950 + n % 100, 1, 2, 3, 4, 5, n % 1000 * 1000)
        assert row["at"].replace(tzinfo=None) == at
        assert row == {
            **record(n), "at": row["at"], "day": datetime.date(1960 + n % 90, 5, 6),
            "price": decimal.Decimal(f"{n}.25"), "counts": [("a", n)],
        }


def test_a_backup_has_every_source_record_once(firehose, s3, glue, bucket, database, fresh):
    parquet_table(glue, database, "kept", f"s3://{bucket}/kept/", [("id", "int")])
    backup = fresh("backup")
    s3.create_bucket(Bucket=backup)
    name = fresh()
    create_delivery(
        firehose, name, bucket, prefix="kept/", conversion=to_parquet(database, "kept", REGION),
        S3BackupMode="Enabled",
        S3BackupConfiguration={"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{backup}", "Prefix": "source/",
                               "CompressionFormat": "GZIP"},
    )
    records = [b'{"id": %d}\n' % n for n in range(1000)] + [b"bad\n"] * 10
    put_batches(firehose, name, records)
    found = wait_for_lines(s3, backup, "source/", len(records), gzip.decompress)
    assert sorted(line + b"\n" for lines in found.values() for line in lines) == sorted(records)
    described = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    destination = described["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert destination["S3BackupMode"] == "Enabled"
    assert destination["S3BackupDescription"]["BucketARN"] == f"arn:aws:s3:::{backup}"
    wait_for_lines(s3, bucket, "errors/format-conversion-failed/", 10)


def test_contradictions_are_refused_at_once(firehose, bucket, fresh, error_of):
    keyed = {"prefix": "raw/!{partitionKeyFromQuery:k}/"}
    on = {"DynamicPartitioningConfiguration": {"Enabled": True}}
    for settings, expected in [
        (keyed, "DynamicPartitioningConfiguration is not enabled"),
        ({**keyed, **on}, "MetadataExtraction"),
        ({**keyed, **on, "ProcessingConfiguration": processing(extraction("{k: .a | f}"))}, "not defined"),
        ({**keyed, **on, "ProcessingConfiguration": processing(extraction("{x: .a}"))}, "does not find that key"),
        ({**keyed, **on, "size_mb": 10, "ProcessingConfiguration": processing(extraction("{k}"))}, "at least 64"),
        ({"CustomTimeZone": "Mars/Olympus"}, "CustomTimeZone"),
        ({"ProcessingConfiguration": processing(processor("Lambda", LambdaArn="arn:aws:lambda:us-east-1:000000000000:function:f"))}, "Lambda"),
        ({"S3BackupMode": "Enabled"}, "S3BackupConfiguration"),
    ]:
        code, message = error_of(create_delivery, firehose, fresh(), bucket, **settings)
        assert code == "InvalidArgumentException" and expected in message, (settings, message)
