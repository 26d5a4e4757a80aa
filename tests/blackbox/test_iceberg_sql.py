"""Iceberg tables that another engine writes, read through Athena: types, deletes, evolution, older versions."""

import datetime
import decimal

import pyarrow
import pytest
from athena import QueryFailed
from pyiceberg.expressions import EqualTo, LessThan
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import (
    BooleanType, DateType, DecimalType, DoubleType, IntegerType, ListType, LongType, MapType, NestedField, StringType,
    StructType, TimestampType, TimestamptzType,
)

ROWS = 50_000


def events(from_, to):
    start = datetime.datetime(2024, 5, 1)
    ids = range(from_, to)
    return pyarrow.table({
        "Id": pyarrow.array(ids, pyarrow.int64()),
        "kind": pyarrow.array([f"k{id % 5}" for id in ids]),
        "at": pyarrow.array([start + datetime.timedelta(minutes=id) for id in ids], pyarrow.timestamp("us")),
    })


EVENTS = Schema(
    NestedField(1, "Id", LongType()), NestedField(2, "kind", StringType()), NestedField(3, "at", TimestampType())
)


@pytest.fixture
def table(catalog, database, bucket):
    by = PartitionSpec(PartitionField(3, 1000, DayTransform(), "at_day"))
    return catalog.create_table((database, "events"), EVENTS, location=f"s3://{bucket}/events", partition_spec=by)


def test_a_table_is_read_and_filters_leave_files_out(table, sql):
    table.append(events(0, ROWS))
    assert sql.rows("SELECT count(*), sum(id), count(DISTINCT kind) FROM events") == [(ROWS, sum(range(ROWS)), 5)]
    whole = sql.execute("SELECT sum(id) FROM events WHERE at > TIMESTAMP '2001-01-01 00:00:00'")["Statistics"]["DataScannedInBytes"]
    day = "at >= TIMESTAMP '2024-05-02 00:00:00' AND at < TIMESTAMP '2024-05-03 00:00:00'"
    one = sql.execute(f"SELECT sum(id) FROM events WHERE {day}")
    assert one["Statistics"]["DataScannedInBytes"] < whole / 2
    assert sql.value(f"SELECT count(*) FROM events WHERE {day}") == 1440
    assert sql.rows("SELECT id, kind, at FROM events WHERE id = 61") == [
        (61, "k1", datetime.datetime(2024, 5, 1, 1, 1))
    ]


def test_every_snapshot_stays_readable_by_number_by_time_and_by_name(table, sql):
    times = []
    for part in range(3):
        table.append(events(part * 100, (part + 1) * 100))
        times.append(table.current_snapshot())
    table.manage_snapshots().create_tag(times[0].snapshot_id, "first").commit()
    for count, snapshot in zip((100, 200, 300), times, strict=True):
        assert sql.value(f"SELECT count(*) FROM events FOR VERSION AS OF {snapshot.snapshot_id}") == count
        moment = datetime.datetime.fromtimestamp(snapshot.timestamp_ms / 1000, datetime.timezone.utc)
        text = moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{snapshot.timestamp_ms % 1000:03d} UTC"
        assert sql.value(f"SELECT count(*) FROM events FOR TIMESTAMP AS OF TIMESTAMP '{text}'") == count
    assert sql.value("SELECT count(*) FROM events FOR VERSION AS OF 'first'") == 100
    assert sql.rows(
        f"SELECT n.id FROM events n LEFT JOIN events FOR VERSION AS OF {times[1].snapshot_id} o ON n.id = o.id"
        " WHERE o.id IS NULL ORDER BY 1 LIMIT 2"
    ) == [(200,), (201,)]
    with pytest.raises(QueryFailed, match="snapshot ID does not exists: 12"):
        sql.value("SELECT count(*) FROM events FOR VERSION AS OF 12")
    with pytest.raises(QueryFailed, match="at or before"):
        sql.value("SELECT count(*) FROM events FOR TIMESTAMP AS OF TIMESTAMP '2001-01-01 00:00:00 UTC'")


def test_what_a_table_knows_of_itself(table, sql):
    table.append(events(0, 10))
    table.append(events(10, 2000))
    snapshots = sql.rows('SELECT snapshot_id, parent_id, operation, summary FROM "events$snapshots" ORDER BY committed_at')
    assert [row[0] for row in snapshots] == [s.snapshot_id for s in table.snapshots()]
    assert snapshots[1][1] == snapshots[0][0] and {row[2] for row in snapshots} == {"append"}
    assert "total-records=2000" in snapshots[1][3]
    history = sql.rows('SELECT snapshot_id, is_current_ancestor FROM "events$history"')
    assert [row[0] for row in history] == [s.snapshot_id for s in table.snapshots()]
    assert sql.value('SELECT sum(record_count) FROM "events$files"') == 2000
    assert sql.value('SELECT sum(added_rows_count) FROM "events$manifests"') == 2000
    days = sql.rows('SELECT partition.at_day, record_count FROM "events$partitions" ORDER BY 1')
    assert days == [(datetime.date(2024, 5, 1), 1440), (datetime.date(2024, 5, 2), 560)]
    first = table.snapshots()[0].snapshot_id
    assert sql.value(f'SELECT sum(record_count) FROM "events$files" FOR VERSION AS OF {first}') == 10
    assert sql.value('SELECT name FROM "events$refs"') == "main"


def test_rows_are_deleted_and_overwritten(table, sql):
    table.append(events(0, 100))
    table.delete(LessThan("Id", 10))
    table.overwrite(events(50, 55), EqualTo("Id", 50))
    assert sql.rows("SELECT count(*), min(id), sum(id) FROM events") == [
        (94, 10, sum(range(10, 100)) - 50 + sum(range(50, 55)))
    ]


def test_columns_are_found_by_id_after_renames_drops_and_new_ones(table, sql):
    table.append(events(0, 10))
    with table.update_schema() as change:
        change.rename_column("kind", "sort")
        change.add_column("extra", IntegerType())
    more = events(10, 20).rename_columns(["Id", "sort", "at"])
    table.append(more.append_column("extra", pyarrow.array(range(10), pyarrow.int32())))
    assert sql.rows("SELECT sort, extra FROM events WHERE id IN (3, 13) ORDER BY id") == [("k3", None), ("k3", 3)]
    with table.update_schema() as change:
        change.delete_column("sort")
    with table.update_schema() as change:
        change.add_column("kind", StringType())
    assert sql.rows("SELECT count(*), count(kind) FROM events") == [(20, 0)]
    # In the order of their commits, which that of the list need not be.
    first = min(table.snapshots(), key=lambda snapshot: snapshot.sequence_number).snapshot_id
    assert sql.rows(f"SELECT kind FROM events FOR VERSION AS OF {first} WHERE id = 3") == [("k3",)]


def test_all_types_come_back_as_they_were_written(catalog, database, bucket, sql):
    schema = Schema(
        NestedField(1, "b", BooleanType()), NestedField(2, "i", IntegerType()), NestedField(3, "l", LongType()),
        NestedField(4, "d", DoubleType()), NestedField(5, "m", DecimalType(12, 2)), NestedField(6, "day", DateType()),
        NestedField(7, "ts", TimestampType()), NestedField(8, "tz", TimestamptzType()),
        NestedField(9, "xs", ListType(10, IntegerType(), element_required=False)),
        NestedField(11, "kv", MapType(12, StringType(), 13, LongType(), value_required=False)),
        NestedField(14, "s", StructType(NestedField(15, "Name", StringType()), NestedField(16, "n", LongType()))),
    )
    table = catalog.create_table((database, "kinds"), schema, location=f"s3://{bucket}/kinds")
    at = datetime.datetime(2024, 5, 1, 12, 30, 15, 123456)
    row = {
        "b": True, "i": 7, "l": 1 << 40, "d": 2.5, "m": decimal.Decimal("12.34"), "day": at.date(), "ts": at,
        "tz": at.replace(tzinfo=datetime.timezone.utc), "xs": [1, None, 3], "kv": [("a", 1)],
        "s": {"Name": "x", "n": 5},
    }
    table.append(pyarrow.Table.from_pylist([row, dict.fromkeys(row)], schema=table.schema().as_arrow()))
    assert sql.rows("SELECT b, i, l, d, m, day FROM kinds WHERE b IS NOT NULL") == [
        (True, 7, 1 << 40, 2.5, decimal.Decimal("12.34"), at.date())
    ]
    texts = "CAST(ts AS varchar), CAST(tz AS varchar), json_format(CAST(xs AS json)), kv['a'], s.name, s.n"
    assert sql.rows(f"SELECT {texts} FROM kinds WHERE s.n = 5") == [
        ("2024-05-01 12:30:15.123456", "2024-05-01 12:30:15.123456 UTC", "[1,null,3]", 1, "x", 5)
    ]
    assert sql.value("SELECT count(*) FROM kinds WHERE ts = TIMESTAMP '2024-05-01 12:30:15.123456'") == 1


def test_athena_creates_a_table_that_another_engine_fills_and_drops_it(catalog, database, bucket, sql, s3):
    sql.execute(f"""
        CREATE TABLE made (id bigint, kind string, at timestamp)
        PARTITIONED BY (day(at), bucket(4, id), kind)
        LOCATION 's3://{bucket}/made/'
        TBLPROPERTIES ('table_type' = 'ICEBERG', 'format' = 'parquet', 'write_compression' = 'zstd')
    """)
    table = catalog.load_table((database, "made"))
    assert [str(field.transform) for field in table.spec().fields] == ["day", "bucket[4]", "identity"]
    assert table.properties["write.parquet.compression-codec"] == "zstd"
    assert sql.value("SELECT count(*) FROM made") == 0
    rows = events(0, 50).rename_columns(["id", "kind", "at"])
    table.append(rows)
    assert sql.rows("SELECT count(*), count(DISTINCT kind) FROM made WHERE kind <> 'k1'") == [(40, 4)]
    sql.execute("DROP TABLE made")
    assert not s3.list_objects_v2(Bucket=bucket, Prefix="made/").get("Contents")
    with pytest.raises(QueryFailed, match="does not exist"):
        sql.value("SELECT count(*) FROM made")


def test_what_cannot_be_done_is_refused_by_name(table, sql, bucket):
    with pytest.raises(QueryFailed, match="Unsupported table property key: colour"):
        sql.execute(f"CREATE TABLE x (a int) LOCATION 's3://{bucket}/x/'"
                    " TBLPROPERTIES ('table_type'='ICEBERG', 'colour'='blue')")
    with pytest.raises(QueryFailed, match="EXTERNAL"):
        sql.execute(f"CREATE EXTERNAL TABLE x (a int) LOCATION 's3://{bucket}/x/' TBLPROPERTIES ('table_type'='ICEBERG')")
    with pytest.raises(QueryFailed, match="follow from its rows"):
        sql.execute("ALTER TABLE events ADD PARTITION (at_day = '2024-05-01')")


def test_identity_partitions_are_told_apart(catalog, database, bucket, sql):
    by = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "kind"))
    table = catalog.create_table((database, "kinds"), EVENTS, location=f"s3://{bucket}/k", partition_spec=by)
    table.append(events(0, 1000))
    whole = sql.execute("SELECT sum(id) FROM kinds")["Statistics"]["DataScannedInBytes"]
    one = sql.execute("SELECT sum(id) FROM kinds WHERE kind = 'k2'")["Statistics"]["DataScannedInBytes"]
    assert one < whole / 3
    assert sql.value("SELECT count(*) FROM kinds WHERE kind = 'k2'") == 200


def test_another_engine_sees_what_alter_table_did(table, catalog, database, sql):
    table.append(events(0, 10))
    sql.execute("ALTER TABLE events ADD COLUMNS (size int COMMENT 'in bytes', tags array<string>)")
    sql.execute("ALTER TABLE events CHANGE COLUMN kind sort string AFTER size")
    table.refresh()
    more = events(10, 20).rename_columns(["Id", "sort", "at"])
    more = more.append_column("size", pyarrow.array(range(10), pyarrow.int32()))
    table.append(more.append_column("tags", pyarrow.array([["a", "b"]] * 10)))
    sql.execute("ALTER TABLE events CHANGE size size bigint")
    table.refresh()
    names = [(field.field_id, field.name, str(field.field_type)) for field in table.schema().fields]
    assert names == [
        (1, "Id", "long"), (3, "at", "timestamp"), (4, "size", "long"), (2, "sort", "string"), (5, "tags", "list<string>"),
    ]
    assert table.schema().find_field("size").doc == "in bytes"
    theirs = sorted(zip(*(table.scan().to_arrow()[name].to_pylist() for name in ("Id", "sort", "size")), strict=True))
    assert theirs == sql.rows("SELECT id, sort, size FROM events ORDER BY id")
    assert theirs[3] == (3, "k3", None) and theirs[13] == (13, "k3", 3)
    sql.execute("ALTER TABLE events DROP COLUMN sort")
    sql.execute("ALTER TABLE events ADD COLUMNS (sort string)")
    assert sql.rows("SELECT count(*), count(sort), sum(size) FROM events") == [(20, 0, 45)]
    # In the order of their commits, which that of the list need not be.
    first = min(table.snapshots(), key=lambda snapshot: snapshot.sequence_number).snapshot_id
    assert sql.rows(f"SELECT kind FROM events FOR VERSION AS OF {first} WHERE id = 3") == [("k3",)]
    assert catalog.load_table((database, "events")).schema().find_field("sort").field_id > 6
    with pytest.raises(QueryFailed, match="rows are partitioned by it"):
        sql.execute("ALTER TABLE events DROP COLUMN at")


def test_another_engine_sees_the_properties_of_a_table(table, sql):
    sql.execute("ALTER TABLE events SET TBLPROPERTIES ('vacuum_max_snapshot_age_seconds'='60', 'write_compression'='zstd')")
    table.refresh()
    assert table.properties["history.expire.max-snapshot-age-ms"] == "60000"
    assert table.properties["write.parquet.compression-codec"] == "zstd"
    assert sql.texts("SHOW TBLPROPERTIES events('write_compression')") == [["zstd"]]
    sql.execute("ALTER TABLE events UNSET TBLPROPERTIES ('write_compression')")
    table.refresh()
    assert "write.parquet.compression-codec" not in table.properties


def test_small_files_become_one_and_old_snapshots_go(table, sql):
    for part in range(8):
        table.append(events(part * 10, (part + 1) * 10))
    assert len(table.inspect.files()) == 8
    sql.execute("OPTIMIZE events REWRITE DATA USING BIN_PACK")
    table.refresh()
    assert len(table.inspect.files()) == 1
    assert table.scan().to_arrow().num_rows == sql.value("SELECT count(*) FROM events") == 80
    sql.execute("ALTER TABLE events SET TBLPROPERTIES ('vacuum_max_snapshot_age_seconds'='0')")
    sql.execute("VACUUM events")
    table.refresh()
    assert [snapshot.snapshot_id for snapshot in table.snapshots()] == [table.current_snapshot().snapshot_id]
    assert sql.value("SELECT sum(id) FROM events") == sum(range(80))
