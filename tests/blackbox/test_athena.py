"""Athena through boto3: executions, results, DDL, work groups, prepared statements, the catalog."""

import csv
import io
import time
import uuid

import pyarrow
import pyarrow.parquet
import pytest
from athena import Sql
from pipeline import keys_below
from server import wait_until

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")


def upload_parquet(s3, bucket, key, **columns):
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), buffer)
    s3.put_object(Bucket=bucket, Key=key, Body=buffer.getvalue())
    return buffer.tell()


@pytest.fixture
def trips(s3, sql, bucket):
    """A partitioned Parquet table of three days, declared with Hive DDL."""
    sizes = {}
    for index, day in enumerate(DAYS):
        n = range(index * 1000, (index + 1) * 1000)
        sizes[day] = upload_parquet(
            s3, bucket, f"trips/day={day}/part-0.parquet",
            id=list(n), city=[f"city {i % 7}" for i in n], fare=[i / 4 for i in n],
        )
    sql.execute(
        f"""CREATE EXTERNAL TABLE IF NOT EXISTS trips (
              id bigint COMMENT 'which trip',
              city string,
              fare double
            ) PARTITIONED BY (day string)
            STORED AS PARQUET
            LOCATION 's3://{bucket}/trips/'
            TBLPROPERTIES ('classification'='parquet')"""
    )
    sql.execute("MSCK REPAIR TABLE trips")
    return sizes


def test_a_select_answers_with_a_header_and_typed_columns(sql):
    id = sql.execute("SELECT 1 AS i, CAST(2 AS bigint) b, 'x' AS s, CAST(NULL AS varchar) AS n, true t, 1.5E0 d, "
                     "DATE '2026-02-03' AS day, DECIMAL '12.50' AS m, ARRAY[1,2] AS a")["QueryExecutionId"]
    (page,) = sql.pages(id)
    columns = {c["Name"]: c for c in page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]}
    assert {name: c["Type"] for name, c in columns.items()} == {
        "i": "integer", "b": "bigint", "s": "varchar", "n": "varchar", "t": "boolean", "d": "double",
        "day": "date", "m": "decimal", "a": "array"}
    assert (columns["m"]["Precision"], columns["m"]["Scale"]) == (4, 2)
    assert columns["s"]["CaseSensitive"] and not columns["i"]["CaseSensitive"]
    header, row = page["ResultSet"]["Rows"]
    assert [c.get("VarCharValue") for c in header["Data"]] == list("ibsntd") + ["day", "m", "a"]
    assert row["Data"] == [
        {"VarCharValue": "1"}, {"VarCharValue": "2"}, {"VarCharValue": "x"}, {}, {"VarCharValue": "true"},
        {"VarCharValue": "1.5"}, {"VarCharValue": "2026-02-03"}, {"VarCharValue": "12.50"}, {"VarCharValue": "[1, 2]"}]
    assert page["UpdateCount"] == 0 and "NextToken" not in page


def test_an_execution_tells_what_it_was_and_what_it_cost(sql, trips, database, bucket):
    execution = sql.execute("SELECT count(*) AS n, sum(fare) AS f FROM trips")
    assert execution["StatementType"] == "DML" and execution["SubstatementType"] == "SELECT"
    assert execution["Query"] == "SELECT count(*) AS n, sum(fare) AS f FROM trips"
    assert execution["QueryExecutionContext"]["Database"] == database
    assert execution["WorkGroup"] == "primary"
    assert execution["EngineVersion"] == {
        "SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
    id = execution["QueryExecutionId"]
    assert execution["ResultConfiguration"]["OutputLocation"] == f"s3://{bucket}/results/{id}.csv"
    statistics = execution["Statistics"]
    assert 0 < statistics["DataScannedInBytes"] <= sum(trips.values())
    assert statistics["TotalExecutionTimeInMillis"] >= statistics["EngineExecutionTimeInMillis"] >= 0
    assert execution["Status"]["CompletionDateTime"] >= execution["Status"]["SubmissionDateTime"]
    runtime = sql.client.get_query_runtime_statistics(QueryExecutionId=id)["QueryRuntimeStatistics"]
    assert runtime["Rows"]["InputBytes"] == statistics["DataScannedInBytes"]
    assert runtime["Rows"]["OutputRows"] == 1


def test_partition_pruning_scans_only_what_is_asked_for(sql, trips):
    everything = sql.execute("SELECT sum(fare) FROM trips")["Statistics"]["DataScannedInBytes"]
    one_day = sql.execute(f"SELECT sum(fare) FROM trips WHERE day = '{DAYS[1]}'")["Statistics"]["DataScannedInBytes"]
    nothing = sql.execute("SELECT sum(fare) FROM trips WHERE day = '1999-01-01'")["Statistics"]["DataScannedInBytes"]
    assert nothing == 0 < one_day < everything / 2
    assert sql.value(f"SELECT count(*) FROM trips WHERE day IN ('{DAYS[0]}', '{DAYS[2]}')") == 2000
    assert sql.value("SELECT max(day) FROM trips") == DAYS[2]


def test_results_are_spooled_as_csv_exactly_as_athena_writes_it(sql, s3, bucket):
    id = sql.execute("""SELECT * FROM (VALUES (1, 'plain', 'x'), (2, 'say "hi", ok', ''), (3, NULL, NULL))
                        AS t(n, text, more) ORDER BY n""")["QueryExecutionId"]
    body = s3.get_object(Bucket=bucket, Key=f"results/{id}.csv")["Body"].read().decode()
    assert body == '"n","text","more"\n"1","plain","x"\n"2","say ""hi"", ok",""\n"3",,\n'
    assert [row[1] for row in csv.reader(io.StringIO(body))] == ["text", "plain", 'say "hi", ok', ""]
    metadata = s3.get_object(Bucket=bucket, Key=f"results/{id}.csv.metadata")["Body"].read()
    assert b"varchar" in metadata and b"text" in metadata
    assert sql.texts("""SELECT NULL, '', '"'""")[1] == [None, "", '"']


def test_results_are_paged_by_a_thousand_rows_with_one_header(sql):
    id = sql.execute("SELECT n, 'row ' || CAST(n AS varchar) AS t FROM UNNEST(sequence(1, 2500)) AS x(n)")[
        "QueryExecutionId"]
    pages = sql.pages(id)
    assert [len(p["ResultSet"]["Rows"]) for p in pages] == [1000, 1000, 501]
    rows = [[c["VarCharValue"] for c in r["Data"]] for p in pages for r in p["ResultSet"]["Rows"]]
    assert rows[0] == ["n", "t"] and rows[1:] == [[str(n), f"row {n}"] for n in range(1, 2501)]
    assert [r for p in sql.pages(id, size=333) for r in p["ResultSet"]["Rows"]] == [
        r for p in pages for r in p["ResultSet"]["Rows"]]
    paginated = sql.client.get_paginator("get_query_results").paginate(QueryExecutionId=id)
    assert sum(len(p["ResultSet"]["Rows"]) for p in paginated) == 2501


def test_a_large_result_is_read_back_whole(sql, s3, bucket):
    execution = sql.execute("SELECT n, rpad('x', 500, 'y') AS pad FROM UNNEST(sequence(1, 10000)) AS x(n)")
    id = execution["QueryExecutionId"]
    size = s3.head_object(Bucket=bucket, Key=f"results/{id}.csv")["ContentLength"]
    assert size > 4_000_000
    rows = [r for p in sql.pages(id) for r in p["ResultSet"]["Rows"]][1:]
    assert [int(r["Data"][0]["VarCharValue"]) for r in rows] == list(range(1, 10001))


def test_parameters_fill_question_marks_in_order(sql, trips):
    assert sql.value("SELECT count(*) FROM trips WHERE day = ? AND id < ?",
                     ExecutionParameters=[f"'{DAYS[0]}'", "10"]) == 10


def test_ddl_leaves_its_answer_as_text(sql, s3, bucket, trips, database):
    execution = sql.execute("SHOW TABLES")
    id = execution["QueryExecutionId"]
    assert execution["StatementType"] == "UTILITY" and execution["SubstatementType"] == "SHOW_TABLES"
    assert execution["ResultConfiguration"]["OutputLocation"].endswith(f"/{id}.txt")
    assert s3.get_object(Bucket=bucket, Key=f"results/{id}.txt")["Body"].read().rstrip(b"\n") == b"trips"
    assert sql.texts("SHOW TABLES") == [["trips"]]
    created = sql.execute("CREATE DATABASE IF NOT EXISTS " + database)
    assert (created["StatementType"], created["SubstatementType"]) == ("DDL", "CREATE_DATABASE")
    assert sql.texts("SHOW PARTITIONS trips") == [[f"day={day}"] for day in DAYS]
    described = [row[0] for row in sql.texts("DESCRIBE trips")]
    assert described[0].split("\t")[0].strip() == "id" and described[0].split("\t")[1].strip() == "bigint"
    assert any(line.startswith("# Partition Information") for line in described)
    assert [row[0].strip() for row in sql.texts("SHOW COLUMNS IN trips")] == ["id", "city", "fare", "day"]
    ddl = "\n".join(row[0] for row in sql.texts("SHOW CREATE TABLE trips"))
    assert "CREATE EXTERNAL TABLE" in ddl and f"s3://{bucket}/trips" in ddl and "PARTITIONED BY" in ddl
    assert [database] in sql.texts("SHOW DATABASES")


def test_partitions_are_added_and_dropped_by_statement(sql, s3, bucket, trips):
    upload_parquet(s3, bucket, "elsewhere/part.parquet", id=[1, 2], city=["a", "b"], fare=[1.0, 2.0])
    sql.execute(f"ALTER TABLE trips ADD IF NOT EXISTS PARTITION (day='2026-02-01') "
                f"LOCATION 's3://{bucket}/elsewhere/'")
    assert sql.value("SELECT count(*) FROM trips WHERE day = '2026-02-01'") == 2
    sql.execute(f"ALTER TABLE trips DROP PARTITION (day='{DAYS[0]}')")
    assert sql.value("SELECT count(*) FROM trips") == 2002


def test_json_and_csv_tables_are_read(sql, s3, bucket):
    s3.put_object(Bucket=bucket, Key="json/a.json", Body=b'{"id":1,"v":{"x":[1,2]}}\n{"id":2,"v":{"x":[]}}\n')
    sql.execute(f"""CREATE EXTERNAL TABLE j (id int, v struct<x:array<int>>)
                    ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://{bucket}/json/'""")
    assert sql.rows("SELECT id, cardinality(v.x) FROM j ORDER BY id") == [(1, 2), (2, 0)]
    s3.put_object(Bucket=bucket, Key="csv/a.csv", Body=b"id,name\n1,one\n2,two\n")
    sql.execute(f"""CREATE EXTERNAL TABLE c (id int, name string)
                    ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://{bucket}/csv/'
                    TBLPROPERTIES ('skip.header.line.count'='1')""")
    assert sql.rows("SELECT id, name FROM c ORDER BY id") == [(1, "one"), (2, "two")]


def test_a_view_is_created_queried_and_dropped(sql, trips):
    sql.execute("CREATE OR REPLACE VIEW expensive AS SELECT id, fare FROM trips WHERE fare > 700")
    assert sql.value("SELECT count(*) FROM expensive") == 199
    sql.execute("DROP VIEW expensive")
    assert "expensive" in sql.fails("SELECT * FROM expensive")["Status"]["StateChangeReason"]


def test_the_same_token_is_the_same_query_and_another_request_is_refused(sql, athena, error_of):
    token = str(uuid.uuid4())
    first = sql.start("SELECT 1", ClientRequestToken=token)
    assert sql.start("SELECT 1", ClientRequestToken=token) == first
    sql.wait(first)
    assert sql.start("SELECT 1", ClientRequestToken=token) == first
    code, message = error_of(sql.start, "SELECT 2", ClientRequestToken=token)
    assert (code, message) == ("InvalidRequestException", "Idempotent parameters do not match")


def test_a_running_query_is_stopped_and_says_so(sql, athena, error_of):
    id = sql.start("SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x) "
                   "CROSS JOIN UNNEST(sequence(1, 10000)) AS b(y) "
                   "CROSS JOIN UNNEST(sequence(1, 100)) AS c(z) WHERE (x * y * z) % 7919 = 3")
    wait_until(lambda: sql.client.get_query_execution(QueryExecutionId=id)["QueryExecution"]["Status"]["State"]
               == "RUNNING", "the query runs")
    code, message = error_of(athena.get_query_results, QueryExecutionId=id)
    assert code == "InvalidRequestException"
    assert message == "Query has not yet finished. Current state: RUNNING"
    athena.stop_query_execution(QueryExecutionId=id)
    execution = sql.wait(id)
    assert execution["Status"]["State"] == "CANCELLED"
    code, message = error_of(athena.get_query_results, QueryExecutionId=id)
    assert message == "Query did not finish successfully. Final query state: CANCELLED"
    athena.stop_query_execution(QueryExecutionId=id)
    assert sql.value("SELECT 1") == 1


def test_the_history_is_listed_newest_first_and_paged(sql, athena, fresh):
    group = fresh("wg")
    athena.create_work_group(Name=group)
    mine = Sql(athena, sql.output, sql.database, group)
    ids = []
    for n in range(5):
        ids.append(mine.execute(f"SELECT {n}")["QueryExecutionId"])
        time.sleep(0.002)  # the order is by submission, in milliseconds
    pages = athena.get_paginator("list_query_executions").paginate(WorkGroup=group, PaginationConfig={"PageSize": 2})
    assert [id for page in pages for id in page["QueryExecutionIds"]] == ids[::-1]
    batch = athena.batch_get_query_execution(QueryExecutionIds=[ids[0], str(uuid.uuid4())])
    assert [e["QueryExecutionId"] for e in batch["QueryExecutions"]] == [ids[0]]
    assert len(batch["UnprocessedQueryExecutionIds"]) == 1


def test_a_work_group_enforces_its_location_and_its_scan_limit(sql, athena, s3, bucket, fresh, error_of, trips):
    group = fresh("wg")
    athena.create_work_group(
        Name=group, Description="for tests", Tags=[{"Key": "team", "Value": "lake"}],
        Configuration={"ResultConfiguration": {"OutputLocation": f"s3://{bucket}/enforced"},
                       "EnforceWorkGroupConfiguration": True, "BytesScannedCutoffPerQuery": 10_000_000},
    )
    mine = Sql(athena, f"s3://{bucket}/ignored/", sql.database, group)
    execution = mine.execute("SELECT count(*) FROM trips")
    assert execution["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{bucket}/enforced/")
    assert keys_below(s3, bucket, "ignored/") == []
    shown = athena.get_work_group(WorkGroup=group)["WorkGroup"]
    assert shown["Description"] == "for tests" and shown["State"] == "ENABLED"
    assert shown["Configuration"]["BytesScannedCutoffPerQuery"] == 10_000_000
    arn = f"arn:aws:athena:us-east-1:000000000000:workgroup/{group}"
    assert athena.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "lake"}]
    athena.tag_resource(ResourceARN=arn, Tags=[{"Key": "stage", "Value": "test"}])
    athena.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert athena.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "stage", "Value": "test"}]
    athena.update_work_group(WorkGroup=group, State="DISABLED")
    assert "disabled" in error_of(mine.start, "SELECT 1")[1].lower()
    assert error_of(athena.delete_work_group, WorkGroup=group)[0] == "InvalidRequestException"
    athena.delete_work_group(WorkGroup=group, RecursiveDeleteOption=True)
    assert error_of(athena.get_work_group, WorkGroup=group)[1] == "WorkGroup is not found."
    names = [g["Name"] for page in [athena.list_work_groups()] for g in page["WorkGroups"]]
    assert "primary" in names and group not in names


def test_a_scan_beyond_the_limit_is_cancelled(sql, athena, s3, bucket, fresh):
    group = fresh("wg")
    athena.create_work_group(Name=group, Configuration={"BytesScannedCutoffPerQuery": 10_000_000})
    for n in range(3):
        s3.put_object(Bucket=bucket, Key=f"wide/{n}.csv", Body=b"0123456789abcdef\n" * 400_000)
    sql.execute(f"CREATE EXTERNAL TABLE wide (line string) ROW FORMAT DELIMITED LOCATION 's3://{bucket}/wide/'")
    mine = Sql(athena, sql.output, sql.database, group)
    execution = mine.wait(mine.start("SELECT max(line) FROM wide"))
    assert execution["Status"]["State"] == "CANCELLED"
    assert "Bytes scanned limit was exceeded" in execution["Status"]["StateChangeReason"]
    assert sql.value("SELECT count(*) FROM wide") == 1_200_000


def test_a_recent_result_is_given_again_when_asked_for(sql, athena):
    reuse = {"ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}}
    text = f"SELECT '{uuid.uuid4()}' AS once"
    first = sql.execute(text, **reuse)
    assert not first["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"]
    again = sql.execute(text, **reuse)
    assert again["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"]
    assert again["QueryExecutionId"] != first["QueryExecutionId"]
    assert again["ResultConfiguration"]["OutputLocation"] == first["ResultConfiguration"]["OutputLocation"]
    assert again["Statistics"]["DataScannedInBytes"] == 0
    assert [p["ResultSet"]["Rows"] for p in sql.pages(again["QueryExecutionId"])] == [
        p["ResultSet"]["Rows"] for p in sql.pages(first["QueryExecutionId"])]
    fresh = sql.execute(text)
    assert not fresh["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"]


def test_named_queries_and_prepared_statements(sql, athena, fresh, error_of):
    id = athena.create_named_query(Name="n", Database="d", QueryString="SELECT 1")["NamedQueryId"]
    assert athena.get_named_query(NamedQueryId=id)["NamedQuery"]["QueryString"] == "SELECT 1"
    assert id in athena.list_named_queries()["NamedQueryIds"]
    athena.update_named_query(NamedQueryId=id, Name="m", QueryString="SELECT 2")
    assert athena.batch_get_named_query(NamedQueryIds=[id])["NamedQueries"][0]["Name"] == "m"
    athena.delete_named_query(NamedQueryId=id)
    assert error_of(athena.get_named_query, NamedQueryId=id)[0] == "InvalidRequestException"

    name = fresh("p", "_")
    athena.create_prepared_statement(StatementName=name, WorkGroup="primary", QueryStatement="SELECT ? + ? AS s")
    assert sql.value(f"EXECUTE {name} USING 40, 2") == 42
    assert sql.value(f"EXECUTE {name}", ExecutionParameters=["1", "2"]) == 3
    athena.update_prepared_statement(StatementName=name, WorkGroup="primary", QueryStatement="SELECT ? * 10 AS s")
    assert sql.value(f"EXECUTE {name} USING 7") == 70
    assert name in [s["StatementName"] for s in athena.list_prepared_statements(WorkGroup="primary")["PreparedStatements"]]
    athena.delete_prepared_statement(StatementName=name, WorkGroup="primary")
    code, _ = error_of(athena.get_prepared_statement, StatementName=name, WorkGroup="primary")
    assert code == "ResourceNotFoundException"
    other = fresh("q", "_")
    sql.execute(f"PREPARE {other} FROM SELECT 'by SQL, ' || ? AS s")
    assert sql.value(f"EXECUTE {other} USING 'it''s'") == "by SQL, it's"
    sql.execute(f"DEALLOCATE PREPARE {other}")
    assert "was not found" in sql.fails(f"EXECUTE {other} USING 1")["Status"]["StateChangeReason"]


def test_the_catalog_is_seen_through_athena(sql, athena, trips, database, error_of):
    assert [c["CatalogName"] for c in athena.list_data_catalogs()["DataCatalogsSummary"]] == ["AwsDataCatalog"]
    versions = [v["EffectiveEngineVersion"] for v in athena.list_engine_versions()["EngineVersions"]]
    assert "Athena engine version 3" in versions, versions
    absent = athena.batch_get_prepared_statement(PreparedStatementNames=["absent"], WorkGroup="primary")
    assert [s["StatementName"] for s in absent["UnprocessedPreparedStatementNames"]] == ["absent"]
    assert athena.get_data_catalog(Name="AwsDataCatalog")["DataCatalog"]["Type"] == "GLUE"
    pages = athena.get_paginator("list_databases").paginate(CatalogName="AwsDataCatalog")
    assert database in [d["Name"] for page in pages for d in page["DatabaseList"]]
    table = athena.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName=database, TableName="trips")
    metadata = table["TableMetadata"]
    assert [c["Name"] for c in metadata["Columns"]] == ["id", "city", "fare"]
    assert [c["Name"] for c in metadata["PartitionKeys"]] == ["day"]
    listed = athena.list_table_metadata(CatalogName="AwsDataCatalog", DatabaseName=database, Expression="tr.*")
    assert [t["Name"] for t in listed["TableMetadataList"]] == ["trips"]
    code, _ = error_of(athena.get_table_metadata, CatalogName="AwsDataCatalog", DatabaseName=database, TableName="no")
    assert code == "MetadataException"


def test_an_accepted_query_is_answered_after_a_kill(own_server):
    server = own_server()
    s3, athena = server.client("s3"), server.client("athena")
    s3.create_bucket(Bucket="out")
    sql = Sql(athena, "s3://out/")
    done = sql.execute("SELECT 'before' AS s")["QueryExecutionId"]
    pending = [sql.start(f"SELECT count(*) + {n} AS c FROM UNNEST(sequence(1, 2000)) AS a(x) "
                         "CROSS JOIN UNNEST(sequence(1, 2000)) AS b(y)") for n in range(3)]
    server.kill9()
    server.start()
    sql = Sql(server.client("athena"), "s3://out/")
    assert sql.pages(done)[0]["ResultSet"]["Rows"][1]["Data"] == [{"VarCharValue": "before"}]
    for n, id in enumerate(pending):
        assert sql.wait(id)["Status"]["State"] == "SUCCEEDED"
        assert sql.pages(id)[0]["ResultSet"]["Rows"][1]["Data"] == [{"VarCharValue": str(4_000_000 + n)}]
