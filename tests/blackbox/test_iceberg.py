"""Deliveries into Iceberg tables, read and extended by PyIceberg."""

import json
import random

import pyarrow
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField, StringType
from server import wait_until

ROLE = "arn:aws:iam::000000000000:role/firehose"
EVENTS = Schema(NestedField(1, "id", LongType()), NestedField(2, "name", StringType()))


def deliver(firehose, name, bucket, tables, **settings):
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        IcebergDestinationConfiguration={
            "RoleARN": ROLE,
            "CatalogConfiguration": {
                "CatalogARN": "arn:aws:glue:us-east-1:000000000000:catalog",
                "WarehouseLocation": f"s3://{bucket}/warehouse",
            },
            "DestinationTableConfigurationList": tables,
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
            "S3Configuration": {
                "RoleARN": ROLE,
                "BucketARN": f"arn:aws:s3:::{bucket}",
                "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
            },
            **settings,
        },
    )


def put(firehose, name, records):
    for start in range(0, len(records), 500):
        part = [{"Data": json.dumps(record)} for record in records[start : start + 500]]
        assert firehose.put_record_batch(DeliveryStreamName=name, Records=part)["FailedPutCount"] == 0


def rows(catalog, identifier, snapshot=None):
    table = catalog.load_table(identifier)
    return sorted(table.scan(snapshot_id=snapshot).to_arrow().to_pylist(), key=lambda row: row["id"])


def test_delivered_rows_are_read_by_pyiceberg_beside_its_own(firehose, catalog, database, bucket):
    catalog.create_table((database, "events"), EVENTS, location=f"s3://{bucket}/events")
    target = {"DestinationDatabaseName": database, "DestinationTableName": "events"}
    deliver(firehose, "into-events", bucket, [target])
    put(firehose, "into-events", [{"id": id, "name": f"n{id}"} for id in range(1000)])
    wait_until(lambda: len(rows(catalog, (database, "events"))) == 1000, "all rows are there")
    own = pyarrow.table({"id": pyarrow.array([5000], pyarrow.int64()), "name": ["own"]})
    catalog.load_table((database, "events")).append(own)
    put(firehose, "into-events", [{"id": 6000, "name": "after"}])
    wait_until(lambda: len(rows(catalog, (database, "events"))) == 1002, "both writers' rows are there")
    described = firehose.describe_delivery_stream(DeliveryStreamName="into-events")["DeliveryStreamDescription"]
    assert "IcebergDestinationDescription" in described["Destinations"][0]


def test_upserted_rows_are_the_last_of_their_key_at_every_snapshot(firehose, catalog, database, bucket):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    catalog.create_table((database, "people"), EVENTS, location=f"s3://{bucket}/people")
    target = {"DestinationDatabaseName": database, "DestinationTableName": "people", "UniqueKeys": ["id"]}
    query = f'{{destinationDatabaseName: "{database}", destinationTableName: "people", operation: .op}}'
    parameters = {"MetadataExtractionQuery": query, "JsonParsingEngine": "JQ-1.6"}
    processor = {
        "Type": "MetadataExtraction",
        "Parameters": [{"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()],
    }
    processing = {"Enabled": True, "Processors": [processor]}
    deliver(firehose, "into-people", bucket, [target], ProcessingConfiguration=processing)
    model, seen = {}, {}
    for round in range(8):
        records = []
        for number in range(200):
            id, operation = chance.randrange(300), chance.choice(["insert", "update", "delete"])
            name = f"{round}-{number}"
            records.append({"id": id, "name": name, "op": operation})
            if operation == "delete":
                model.pop(id, None)
            else:
                model[id] = name
        put(firehose, "into-people", records)
        expected = [{"id": id, "name": name} for id, name in sorted(model.items())]
        wait_until(lambda: rows(catalog, (database, "people")) == expected, f"round {round} is there")
        seen[catalog.load_table((database, "people")).current_snapshot().snapshot_id] = expected
    for snapshot, expected in seen.items():
        assert rows(catalog, (database, "people"), snapshot) == expected


def test_a_missing_table_is_made_and_new_fields_become_columns(firehose, catalog, database, bucket):
    target = {"DestinationDatabaseName": database, "DestinationTableName": "made"}
    deliver(
        firehose, "into-made", bucket, [target],
        SchemaEvolutionConfiguration={"Enabled": True}, TableCreationConfiguration={"Enabled": True},
    )
    put(firehose, "into-made", [{"id": 1, "name": "a"}])
    wait_until(lambda: catalog.table_exists((database, "made")), "the table is made")
    put(firehose, "into-made", [{"id": 2, "name": "b", "size": 1.5}])
    wait_until(lambda: len(rows(catalog, (database, "made"))) == 2, "both rows are there")
    assert rows(catalog, (database, "made")) == [
        {"id": 1, "name": "a", "size": None}, {"id": 2, "name": "b", "size": 1.5}
    ]


def test_what_is_no_row_goes_to_the_error_output(firehose, catalog, s3, database, bucket):
    catalog.create_table((database, "events"), EVENTS, location=f"s3://{bucket}/events")
    target = {"DestinationDatabaseName": database, "DestinationTableName": "events"}
    deliver(firehose, "into-broken", bucket, [target])
    firehose.put_record(DeliveryStreamName="into-broken", Record={"Data": b"no json"})
    listed = lambda: s3.list_objects_v2(Bucket=bucket, Prefix="errors/iceberg-failed/").get("Contents")
    found = wait_until(listed, "the error output is there")
    line = json.loads(s3.get_object(Bucket=bucket, Key=found[0]["Key"])["Body"].read())
    assert line["errorCode"] == "Iceberg.InvalidRecord"


def test_records_for_a_table_that_is_not_there_go_to_the_error_output(firehose, s3, database, bucket):
    target = {"DestinationDatabaseName": database, "DestinationTableName": "nowhere"}
    deliver(firehose, "into-nowhere", bucket, [target])
    put(firehose, "into-nowhere", [{"id": 1}])
    listed = lambda: s3.list_objects_v2(Bucket=bucket, Prefix="errors/iceberg-failed/").get("Contents")
    found = wait_until(listed, "the error output is there")
    line = json.loads(s3.get_object(Bucket=bucket, Key=found[0]["Key"])["Body"].read())
    assert line["errorCode"] == "Iceberg.NoSuchTable" and "nowhere" in line["errorMessage"]
