"""The Glue Data Catalog through boto3."""

import pytest
from pipeline import parquet_table


@pytest.fixture
def table(glue, database):
    parquet_table(glue, database, "events", "s3://somewhere/events/", [("id", "bigint"), ("what", "string")],
                  [("year", "int"), ("day", "string")])
    return "events"


def partition(year, day):
    return {"Values": [str(year), day], "StorageDescriptor": {"Location": f"s3://somewhere/events/{year}/{day}/"}}


def test_databases_are_created_changed_listed_and_deleted(glue, fresh, error_of):
    name = fresh("db", "_")
    glue.create_database(DatabaseInput={"Name": name, "Description": "first", "Parameters": {"a": "1"},
                                        "LocationUri": "s3://somewhere/"})
    found = glue.get_database(Name=name)["Database"]
    assert (found["Description"], found["Parameters"], found["LocationUri"]) == ("first", {"a": "1"}, "s3://somewhere/")
    glue.update_database(Name=name, DatabaseInput={"Name": name, "Description": "second"})
    assert glue.get_database(Name=name)["Database"]["Description"] == "second"
    assert name in [d["Name"] for page in glue.get_paginator("get_databases").paginate() for d in page["DatabaseList"]]
    assert error_of(glue.create_database, DatabaseInput={"Name": name})[0] == "AlreadyExistsException"
    glue.delete_database(Name=name)
    assert error_of(glue.get_database, Name=name)[0] == "EntityNotFoundException"


def test_a_table_comes_back_as_given_in_lower_case(glue, database):
    given = {
        "Name": "MixedCase", "Owner": "me", "Description": "text", "Retention": 7, "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet", "EXTERNAL": "TRUE"},
        "PartitionKeys": [{"Name": "day", "Type": "string", "Comment": "when"}],
        "StorageDescriptor": {
            "Columns": [{"Name": "id", "Type": "struct<a:int,b:array<string>>", "Comment": "which"}],
            "Location": "s3://somewhere/t/", "InputFormat": "in", "OutputFormat": "out", "Compressed": True,
            "NumberOfBuckets": 4, "BucketColumns": ["id"], "SortColumns": [{"Column": "id", "SortOrder": 1}],
            "SerdeInfo": {"Name": "s", "SerializationLibrary": "lib", "Parameters": {"x": "y"}},
            "Parameters": {"p": "q"}, "StoredAsSubDirectories": False,
        },
    }
    glue.create_table(DatabaseName=database, TableInput=given)
    found = glue.get_table(DatabaseName=database, Name="mixedcase")["Table"]
    assert found["Name"] == "mixedcase" and found["DatabaseName"] == database and found["VersionId"] == "0"
    for field in ("Owner", "Description", "Retention", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor"):
        assert found[field] == given[field], field


def test_an_update_keeps_the_earlier_version(glue, database, table):
    found = glue.get_table(DatabaseName=database, Name=table)["Table"]
    columns = found["StorageDescriptor"]["Columns"] + [{"Name": "more", "Type": "double"}]
    update = {k: found[k] for k in ("Name", "PartitionKeys", "TableType", "StorageDescriptor")}
    update["StorageDescriptor"] = {**found["StorageDescriptor"], "Columns": columns}
    glue.update_table(DatabaseName=database, TableInput=update)
    versions = glue.get_table_versions(DatabaseName=database, TableName=table)["TableVersions"]
    widths = {v["VersionId"]: len(v["Table"]["StorageDescriptor"]["Columns"]) for v in versions}
    assert widths == {"0": 2, "1": 3}
    old = glue.get_table_version(DatabaseName=database, TableName=table, VersionId="0")["TableVersion"]["Table"]
    assert [c["Name"] for c in old["StorageDescriptor"]["Columns"]] == ["id", "what"]


def test_tables_are_listed_by_expression_and_deleted(glue, database, fresh, error_of):
    for name in ("raw_a", "raw_b", "clean"):
        parquet_table(glue, database, name, "s3://somewhere/", [("id", "int")])
    listed = [t["Name"] for p in glue.get_paginator("get_tables").paginate(
        DatabaseName=database, PaginationConfig={"PageSize": 1}) for t in p["TableList"]]
    assert listed == ["clean", "raw_a", "raw_b"]
    raw = glue.get_tables(DatabaseName=database, Expression="raw_.*")["TableList"]
    assert sorted(t["Name"] for t in raw) == ["raw_a", "raw_b"]
    glue.delete_table(DatabaseName=database, Name="raw_a")
    answer = glue.batch_delete_table(DatabaseName=database, TablesToDelete=["raw_b", "never"])
    assert [e["TableName"] for e in answer["Errors"]] == ["never"]
    assert error_of(glue.get_table, DatabaseName=database, Name="raw_b")[0] == "EntityNotFoundException"


def test_partitions_are_created_found_by_expression_changed_and_deleted(glue, database, table, error_of):
    where = {"DatabaseName": database, "TableName": table}
    glue.create_partition(**where, PartitionInput=partition(2025, "b"))
    answer = glue.batch_create_partition(
        **where, PartitionInputList=[partition(y, d) for y in (2024, 2025, 2026) for d in "abc"]
    )
    assert [e["PartitionValues"] for e in answer["Errors"]] == [["2025", "b"]]
    assert answer["Errors"][0]["ErrorDetail"]["ErrorCode"] == "AlreadyExistsException"

    def values(expression=None):
        pages = glue.get_paginator("get_partitions").paginate(
            **where, **({"Expression": expression} if expression else {}), PaginationConfig={"PageSize": 2})
        return [tuple(p["Values"]) for page in pages for p in page["Partitions"]]

    assert len(values()) == 9
    assert sorted(values("year = 2025 AND day > 'a'")) == [("2025", "b"), ("2025", "c")]
    assert sorted(values("(year >= 2025 AND day IN ('a')) OR day = 'c' AND year < 2025")) == [
        ("2024", "c"), ("2025", "a"), ("2026", "a")]
    assert len(values("year BETWEEN 2024 AND 2025")) == 6
    glue.update_partition(**where, PartitionValueList=["2024", "a"], PartitionInput={
        **partition(2024, "a"), "Parameters": {"changed": "yes"}})
    found = glue.get_partition(**where, PartitionValues=["2024", "a"])["Partition"]
    assert found["Parameters"] == {"changed": "yes"}
    batch = glue.batch_get_partition(**where, PartitionsToGet=[{"Values": ["2024", "b"]}, {"Values": ["1999", "x"]}])
    assert [p["Values"] for p in batch["Partitions"]] == [["2024", "b"]]
    glue.delete_partition(**where, PartitionValues=["2024", "a"])
    glue.batch_delete_partition(**where, PartitionsToDelete=[{"Values": ["2024", "b"]}, {"Values": ["2024", "c"]}])
    assert {v[0] for v in values()} == {"2025", "2026"}
    assert error_of(glue.get_partition, **where, PartitionValues=["2024", "a"])[0] == "EntityNotFoundException"
    assert error_of(glue.create_partition, **where, PartitionInput={"Values": ["2024"]})[0] == "InvalidInputException"


def test_the_catalog_survives_a_kill(own_server):
    server = own_server()
    glue = server.client("glue")
    glue.create_database(DatabaseInput={"Name": "kept"})
    parquet_table(glue, "kept", "t", "s3://somewhere/", [("id", "int")], [("day", "string")])
    glue.create_partition(DatabaseName="kept", TableName="t", PartitionInput={"Values": ["x"]})
    server.kill9()
    server.start()
    glue = server.client("glue")
    assert glue.get_table(DatabaseName="kept", Name="t")["Table"]["Name"] == "t"
    assert glue.get_partition(DatabaseName="kept", TableName="t", PartitionValues=["x"])["Partition"]["Values"] == ["x"]
