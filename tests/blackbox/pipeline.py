"""Building blocks of pipelines: streams, tables, delivery streams, producers."""

import json
import random
import time

from server import wait_until

ROLE = "arn:aws:iam::000000000000:role/firehose"


def create_stream(kinesis, name: str, shards: int = 1) -> str:
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    summary = wait_until(lambda: active_stream(kinesis, name), f"stream {name} is active")
    return summary["StreamARN"]


def active_stream(kinesis, name: str):
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    return summary if summary["StreamStatus"] == "ACTIVE" else None


def parquet_table(glue, database: str, name: str, location: str, columns: list, partitions: list = ()) -> None:
    described = lambda pairs: [{"Name": name, "Type": type_} for name, type_ in pairs]
    glue.create_table(
        DatabaseName=database,
        TableInput={
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": described(partitions),
            "StorageDescriptor": {
                "Columns": described(columns),
                "Location": location,
                "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
                "SerdeInfo": {
                    "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
                },
            },
        },
    )


def to_parquet(database: str, table: str, region: str, compression: str = "SNAPPY") -> dict:
    return {
        "Enabled": True,
        "SchemaConfiguration": {
            "RoleARN": ROLE, "DatabaseName": database, "TableName": table, "Region": region, "VersionId": "LATEST",
        },
        "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
        "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {"Compression": compression}}},
    }


def create_delivery(firehose, name: str, bucket: str, *, source: str | None = None, conversion: dict | None = None,
                    prefix: str = "data/", error_prefix: str = "errors/!{firehose:error-output-type}/",
                    interval: int = 0, size_mb: int = 64, **destination) -> str:
    request = {
        "DeliveryStreamName": name,
        "DeliveryStreamType": "KinesisStreamAsSource" if source else "DirectPut",
        "ExtendedS3DestinationConfiguration": {
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{bucket}",
            "Prefix": prefix,
            "ErrorOutputPrefix": error_prefix,
            "BufferingHints": {"IntervalInSeconds": interval, "SizeInMBs": size_mb},
            **({"DataFormatConversionConfiguration": conversion} if conversion else {}),
            **destination,
        },
    }
    if source:
        request["KinesisStreamSourceConfiguration"] = {"KinesisStreamARN": source, "RoleARN": ROLE}
    arn = firehose.create_delivery_stream(**request)["DeliveryStreamARN"]
    wait_until(lambda: delivery_status(firehose, name) == "ACTIVE", f"delivery stream {name} is active")
    return arn


def delivery_status(firehose, name: str) -> str:
    return firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]["DeliveryStreamStatus"]


def put_all(kinesis, stream: str, records: list[tuple[str, bytes]], batch: int = 500) -> list[dict]:
    """PutRecords with the retry of failed records that AWS's guide asks producers for."""
    answers = []
    for start in range(0, len(records), batch):
        pending = [{"PartitionKey": key, "Data": data} for key, data in records[start:start + batch]]
        while pending:
            answer = kinesis.put_records(StreamName=stream, Records=pending)
            pairs = list(zip(pending, answer["Records"], strict=True))
            answers += [result for _, result in pairs if "ErrorCode" not in result]
            pending = [record for record, result in pairs if "ErrorCode" in result]
            assert len(pending) == answer["FailedRecordCount"]
            if pending:
                time.sleep(0.01 + random.random() * 0.02)
    return answers


def read_shard(kinesis, stream: str, shard: str, **start) -> list[dict]:
    """All records of a shard up to its tip."""
    start = start or {"ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **start)["ShardIterator"]
    records = []
    while True:
        page = kinesis.get_records(ShardIterator=iterator, Limit=10000)
        records += page["Records"]
        iterator = page.get("NextShardIterator")
        if not iterator or (not page["Records"] and page["MillisBehindLatest"] == 0):
            return records


def shards_of(kinesis, stream: str) -> list[dict]:
    """All of them, page by page: a page has at most a thousand."""
    page = kinesis.list_shards(StreamName=stream)
    shards = page["Shards"]
    while token := page.get("NextToken"):
        page = kinesis.list_shards(NextToken=token)
        shards += page["Shards"]
    return shards


def json_records(objects: list[dict]) -> list[bytes]:
    return [json.dumps(o).encode() for o in objects]


def keys_below(s3, bucket: str, prefix: str = "") -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
