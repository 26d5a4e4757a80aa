"""Iceberg tables that deliveries feed are one thing to PyIceberg, Spark, Trino and Athena, at every moment of them.

`MULGIL_SEED` replays a history. Spark and Trino are installed like the other peers; without them the histories go on
with who is left, and the summary says who was left out.
"""

import itertools
import json
import random
import re
import threading
import time

import engines
import history
import peers
import pytest
from athena import QueryFailed
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, TruncateTransform
from pyiceberg.types import (
    BooleanType, DateType, DecimalType, DoubleType, ListType, LongType, NestedField, StringType, StructType,
    TimestampType, TimestamptzType,
)
from server import wait_until

ROLE = "arn:aws:iam::000000000000:role/firehose"
RECORDS_MAX = 120
PAUSE_SECONDS = 0.3
CONFLICTS_MAX = 30
CONFLICT = re.compile("conflict|missing required|missing data files|failed to commit|cannot commit", re.IGNORECASE)
KEEP = {"mulgil.upkeep.enabled": "false"}
# By row, not by file, for the engine whose default is by file.
MERGE_ON_READ = {f"write.{kind}.mode": "merge-on-read" for kind in ("delete", "update", "merge")}

SCHEMA = Schema(
    NestedField(1, "id", LongType()), NestedField(2, "kind", StringType()), NestedField(3, "name", StringType()),
    NestedField(4, "score", DoubleType()), NestedField(5, "price", DecimalType(12, 2)),
    NestedField(6, "good", BooleanType()), NestedField(7, "day", DateType()), NestedField(8, "at", TimestampType()),
    NestedField(9, "seen", TimestamptzType()), NestedField(10, "tags", ListType(12, StringType())),
    NestedField(11, "place", StructType(NestedField(13, "city", StringType()))),
)
PARTITIONED = PartitionSpec(
    PartitionField(2, 1000, IdentityTransform(), "kind"), PartitionField(8, 1001, DayTransform(), "at_day"))
BUCKETS = PartitionSpec(
    PartitionField(1, 1000, BucketTransform(3), "id_bucket"), PartitionField(2, 1001, IdentityTransform(), "kind"))

pytestmark = pytest.mark.timeout(peers.INSTALL_SECONDS_MAX + 240)


class Peers:
    """The engines of this session: started together, waited for when first asked for."""

    def __init__(self, server, home):
        server.client("s3").create_bucket(Bucket="engines")
        make = {
            "Spark": lambda: engines.Spark(server, "s3://engines/spark", home / "spark.log"),
            "Trino": lambda: engines.Trino(server, "s3://engines/trino", home / "trino"),
        }
        self.left_out, self.started = {}, {}
        for name, start in make.items():
            try:
                self.started[name] = start()
            except pytest.skip.Exception as reason:
                self.left_out[name] = str(reason)

    def ready(self) -> list:
        return [engine.ready() for engine in self.started.values()]

    def stop(self):
        for engine in self.started.values():
            engine.stop()


@pytest.fixture(scope="module")
def park(server, tmp_path_factory):
    park = Peers(server, tmp_path_factory.mktemp("engines"))
    yield park
    park.stop()


@pytest.fixture
def others(park):
    """Those that nobody here wrote."""
    if not park.started:
        pytest.skip("; ".join(park.left_out.values()))
    return park.ready()


@pytest.fixture(params=["Spark", "Trino"])
def other(request, park):
    if request.param in park.left_out:
        pytest.skip(park.left_out[request.param])
    return park.started[request.param].ready()


@pytest.fixture
def all_engines(others, sql):
    return [engines.Athena(sql), *others]


@pytest.fixture(autouse=True)
def deletes_of_trino(monkeypatch):
    monkeypatch.setattr("pyiceberg.io.pyarrow._read_deletes", engines.read_deletes)


class Delivered:
    """A table, the delivery into it, and the model of both."""

    def __init__(self, firehose, catalog, database, bucket, pick, *, upserts, spec=None, name="t", more=KEEP):
        """Makes the table if it is given a partition spec."""
        self.firehose, self.catalog, self.database, self.name = firehose, catalog, database, name
        self.model, self.maker, self.pick, self.specs = history.Model(upserts), history.Maker(pick), pick, 0
        self.stream = f"{database}-{name}".replace("_", "-")[:64]
        if spec is not None:
            catalog.create_table(self.identifier, SCHEMA, location=f"s3://{bucket}/{name}", partition_spec=spec,
                                 properties=MERGE_ON_READ | more)
        target = {"DestinationDatabaseName": database, "DestinationTableName": name}
        if upserts:
            target["UniqueKeys"] = ["id"]
        query = f'{{destinationDatabaseName: "{database}", destinationTableName: "{name}", operation: .op}}'
        values = {"MetadataExtractionQuery": query, "JsonParsingEngine": "JQ-1.6"}
        processor = {"Type": "MetadataExtraction", "Parameters": [
            {"ParameterName": name, "ParameterValue": value} for name, value in values.items()]}
        firehose.create_delivery_stream(DeliveryStreamName=self.stream, IcebergDestinationConfiguration={
            "RoleARN": ROLE,
            "CatalogConfiguration": {"CatalogARN": "arn:aws:glue:us-east-1:000000000000:catalog"},
            "DestinationTableConfigurationList": [target],
            "SchemaEvolutionConfiguration": {"Enabled": True},
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
            "S3Configuration": {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{bucket}",
                                "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/"},
            **({"ProcessingConfiguration": {"Enabled": True, "Processors": [processor]}} if upserts else {}),
        })

    @property
    def identifier(self):
        return (self.database, self.name)

    def deliver(self):
        """Some records more; returns when all of them are in the table."""
        self.put()
        expected = self.model.states[-1]
        wait_until(lambda: self.read() == expected, "the records are in the table", every=0.1)

    def put(self):
        records = []
        for _ in range(self.pick.randrange(1, RECORDS_MAX)):
            operation = self.pick.choice(["insert", "update", "delete"]) if self.model.upserts else None
            row = self.maker.row(operation=operation)
            records.append(history.record(row))
            self.model.remove(row[0]) if operation == "delete" else self.model.put(row)
        entries = [{"Data": json.dumps(record)} for record in records]
        assert self.firehose.put_record_batch(DeliveryStreamName=self.stream, Records=entries)["FailedPutCount"] == 0

    def width(self) -> int:
        return len(self.catalog.load_table(self.identifier).schema().fields)

    def read(self, snapshot=None) -> frozenset:
        """What PyIceberg reads."""
        table = self.catalog.load_table(self.identifier)
        if table.current_snapshot() is None:
            return history.state([])
        rows = table.scan(snapshot_id=snapshot).to_arrow()
        names = rows.column_names
        return history.state(history.plain(row.values(), names) for row in rows.to_pylist())

    def read_by(self, engine, names, snapshots) -> dict[int, frozenset]:
        """What an engine reads at each of some snapshots with these columns; one statement for all, to be quick."""
        table, asked = engine.table(self.database, self.name), history.asked(engine, names)
        rows = {snapshot: [] for snapshot in snapshots}
        for (snapshot, *row) in engine.rows(" UNION ALL ".join(
                f"SELECT {snapshot} AS snapshot, {asked} FROM {engine.at(table, snapshot)}" for snapshot in snapshots)):
            rows[snapshot].append(history.plain(row, names))
        return {snapshot: history.state(read) for snapshot, read in rows.items()}


def inserted(given: Delivered, engine, table):
    """Rows whose keys may be there already: nobody else knows of unique keys."""
    rows = [given.maker.row()[:3] for _ in range(3)]
    given.model.rows += [history.plain(row, history.NAMES[:3]) for row in rows]
    given.model.note()
    return insert(table, engine, rows, given.width())


def insert(table, engine, rows, width) -> str:
    """Rows of an id, a kind and a name; every column wants a value."""
    nulls = ", NULL" * (width - 3)
    values = ", ".join(f"({id}, {engines.quoted(kind, engine)}, '{name}'{nulls})" for id, kind, name in rows)
    return f"INSERT INTO {table} VALUES {values}"


def deleted(given, engine, table):
    rest = given.pick.randrange(5)
    given.model.change(lambda row: None if row[0] % 5 == rest else row)
    return f"DELETE FROM {table} WHERE id % 5 = {rest}"


def updated(given, engine, table):
    """Rows that change, and their partition with them."""
    rest, mark = given.pick.randrange(7), f"+{len(given.model.states)}"
    moved = lambda row: (row[0], "moved", row[2] + mark, *row[3:])
    given.model.change(lambda row: moved(row) if row[0] % 7 == rest else row)
    return f"UPDATE {table} SET kind = 'moved', name = concat(name, '{mark}') WHERE id % 7 = {rest}"


def merged(given, engine, table):
    news = {id: f"m{len(given.model.states)}-{id}" for id in given.pick.sample(range(2 * history.IDS), 20)}
    known = {row[0] for row in given.model.rows}
    given.model.rows = [(*row[:2], news.get(row[0], row[2]), *row[3:]) for row in given.model.rows]
    given.model.rows += [history.plain((id, "new", name), history.NAMES[:3])
                         for id, name in news.items() if id not in known]
    given.model.note()
    source = " UNION ALL ".join(f"SELECT {id} AS id, '{name}' AS name" for id, name in news.items())
    return (f"MERGE INTO {table} t USING ({source}) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = s.name "
            "WHEN NOT MATCHED THEN INSERT (id, kind, name) VALUES (s.id, 'new', s.name)")


def rewritten(given, engine, table):
    """Files that change, and no row."""
    return engine.rewrite(given.database, given.name)


def repartitioned(given, engine, table):
    """Files to come lie in other partitions than those before."""
    given.specs += 1
    return engine.partition(table, "id", 1 + given.specs)


STATEMENTS = [inserted, deleted, updated, merged, rewritten, repartitioned]


def columns_of(table, snapshot) -> list[str]:
    schema = next(schema for schema in table.metadata.schemas if schema.schema_id == snapshot.schema_id)
    return [field.name for field in schema.fields]


def check_every_snapshot(given: Delivered, readers) -> int:
    """Everybody reads what the model has, in the model's order."""
    table = given.catalog.load_table(given.identifier)
    snapshots = sorted(table.snapshots(), key=lambda snapshot: snapshot.sequence_number)
    at, rows = 0, {}
    for snapshot in snapshots:
        rows[snapshot.snapshot_id] = given.read(snapshot.snapshot_id)
        found = given.model.place(rows[snapshot.snapshot_id], at)
        assert found is not None, (
            f"at {snapshot} PyIceberg reads what the table never was; beside the state that was waited for:\n"
            f"{difference(rows[snapshot.snapshot_id], given.model.states[-1])}")
        at = found
    assert given.model.states[at] == given.model.states[-1]
    for engine in readers:
        check_reads(given, engine, table, snapshots, rows)
    return len(snapshots)


def check_reads(given, engine, table, snapshots, expected) -> None:
    """An engine reads at these snapshots what is expected; they follow each other by their columns."""
    for names, some in itertools.groupby(snapshots, lambda snapshot: columns_of(table, snapshot)):
        for id, seen in given.read_by(engine, names, [snapshot.snapshot_id for snapshot in some]).items():
            assert seen == expected[id], f"{engine.name} at {id}, by {names}:\n{difference(seen, expected[id])}"


def difference(seen: frozenset, expected: frozenset) -> str:
    show = lambda rows: "\n".join(map(str, sorted(rows, key=str)[:5]))
    return f"{len(seen - expected)} unexpected:\n{show(seen - expected)}\n{len(expected - seen)} missing:\n" \
           f"{show(expected - seen)}"


def check_metadata(given: Delivered, readers) -> None:
    """Everybody knows the same of the table."""
    table = given.catalog.load_table(given.identifier)
    snapshots = sorted(table.snapshots(), key=lambda snapshot: snapshot.sequence_number)
    lines = [(s.snapshot_id, s.parent_snapshot_id, s.summary.operation.value) for s in snapshots]
    order = [entry.snapshot_id for entry in table.history()]
    for engine in readers:
        about = lambda kind, engine=engine: engine.about(given.database, given.name, kind)
        told = engine.rows(f"SELECT snapshot_id, parent_id, operation FROM {about('snapshots')}")
        assert sorted(told) == sorted(lines), engine.name
        told = engine.rows(f"SELECT snapshot_id FROM {about('history')} ORDER BY made_current_at")
        assert sorted(told) == sorted((id,) for id in order), engine.name
        assert engine.rows(f"SELECT name, snapshot_id FROM {about('refs')}") == [("main", order[-1])], engine.name
        star = engine.columns(f"SELECT * FROM {engine.table(given.database, given.name)} LIMIT 1")
        assert star == [field.name for field in table.schema().fields], engine.name
    counted = {engine.name: sorted(engine.rows(
        "SELECT content, count(*), sum(record_count), sum(file_size_in_bytes) "
        f"FROM {engine.about(given.database, given.name, 'files')} GROUP BY content")) for engine in readers}
    assert len(set(map(str, counted.values()))) == 1, counted


SHAPES = {
    "appended": (False, PartitionSpec()),
    "appended in partitions": (False, PARTITIONED),
    "upserted": (True, PartitionSpec()),
    "upserted in partitions": (True, BUCKETS),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_snapshot_of_a_history_is_the_models_for_everybody(
        shape, seed, firehose, catalog, database, bucket, all_engines, others):
    upserts, spec = SHAPES[shape]
    pick = random.Random(f"{seed}/{shape}")
    given = Delivered(firehose, catalog, database, bucket, pick, upserts=upserts, spec=spec)
    evolves = pick.randrange(1, len(STATEMENTS))
    for step, statement in enumerate(pick.sample(STATEMENTS, len(STATEMENTS))):
        given.maker.extra = step >= evolves
        given.deliver()
        # Athena's DML on these tables is not built.
        engine = pick.choice(all_engines if statement is rewritten else others)
        print(f"step {step}: {engine.name}, {statement.__name__}")
        engine.rows(statement(given, engine, engine.table(database, given.name)))
    given.deliver()
    count = check_every_snapshot(given, all_engines)
    check_metadata(given, all_engines)
    print(f"{count} snapshots, {len(given.model.rows)} rows at last")



COLUMNS = ("id bigint, kind {text}, name {text}, score double, price decimal(12,2), good boolean, day date, at {time}, "
           "seen {zoned}, tags {texts}, place {place}")
CREATIONS = {
    "Athena": (
        COLUMNS.format(text="string", time="timestamp", zoned="timestamp", texts="array<string>",
                       place="struct<city:string>"),
        "PARTITIONED BY (kind, day(at)) LOCATION 's3://{bucket}/made/' TBLPROPERTIES ('table_type' = 'ICEBERG')"),
    "Spark": (
        COLUMNS.format(text="string", time="timestamp_ntz", zoned="timestamp", texts="array<string>",
                       place="struct<city: string>"),
        "USING iceberg PARTITIONED BY (kind, days(at))"),
    "Trino": (
        COLUMNS.format(text="varchar", time="timestamp(6)", zoned="timestamp(6) with time zone",
                       texts="array(varchar)", place="row(city varchar)"),
        "WITH (partitioning = ARRAY['kind', 'day(at)'])"),
}


@pytest.mark.parametrize("creator", CREATIONS)
def test_a_table_made_by_one_is_fed_read_changed_and_dropped_by_the_others(
        creator, park, seed, firehose, catalog, database, bucket, s3, all_engines, others):
    if creator in park.left_out:
        pytest.skip(park.left_out[creator])
    engine = next(engine for engine in all_engines if engine.name == creator)
    columns, more = CREATIONS[creator]
    engine.rows(f"CREATE TABLE {engine.new_table(database, 'made')} ({columns}) {more.format(bucket=bucket)}")
    with catalog.load_table((database, "made")).transaction() as change:
        change.set_properties(KEEP)
    pick = random.Random(f"{seed}/{creator}")
    given = Delivered(firehose, catalog, database, bucket, pick, upserts=True, name="made")
    given.deliver()
    for other in others:
        for statement in (inserted, deleted, updated, merged):
            other.rows(statement(given, other, other.table(database, "made")))
        given.deliver()
    check_every_snapshot(given, all_engines)
    check_metadata(given, all_engines)
    location = catalog.load_table(given.identifier).location()
    dropper = all_engines[0] if creator != "Athena" else others[-1]
    dropper.rows(f"DROP TABLE {dropper.new_table(database, 'made')}")
    assert not catalog.table_exists(given.identifier)
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    left = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    assert not left or dropper.name == "Spark", "Spark leaves the files unless told to purge"


OWN = {"Spark": 1000, "Trino": 2000}
# Everybody has a partition: whoever updates or deletes by reading first is told of a conflict when rows of the same
# partition were deleted meanwhile, whichever they are.
OWNERS = PartitionSpec(PartitionField(1, 1000, TruncateTransform(1000), "owner"))
# A delivery without a buffer commits several times while another engine prepares one commit.
PATIENCE = {"commit.retry.num-retries": "50", "commit.retry.min-wait-ms": "10", "commit.retry.max-wait-ms": "200"}
OWN_ROUNDS = 3
REWRITE_ROUNDS = 8


class Writer(threading.Thread):
    """Another engine at work on rows of its own, for as long as the delivery goes on."""

    def __init__(self, given, engine, pick):
        super().__init__(daemon=True)
        self.engine, self.table, self.pick = engine, engine.table(given.database, given.name), pick
        self.width = given.width()
        self.first = OWN[engine.name]
        self.model, self.maker = history.Model(upserts=False), history.Maker(pick)
        self.conflicts, self.error = [], None

    def run(self):
        try:
            for round in range(OWN_ROUNDS):
                for statement, how in self.statements(round):
                    self.insist(statement)
                    how()
        except Exception as error:  # told to the test, which raises it
            self.error = error

    def statements(self, round):
        """What to say and how the model follows, each when the one before is done."""
        mine = f"id >= {self.first} AND id < {self.first + 1000}"
        rows = [(self.first + self.pick.randrange(50), self.engine.name, f"{round}-{n}") for n in range(20)]
        yield insert(self.table, self.engine, rows, self.width), lambda: self.add(rows)
        rest = self.pick.randrange(4)
        yield (f"UPDATE {self.table} SET name = concat(name, '+') WHERE {mine} AND id % 4 = {rest}",
               lambda: self.model.change(lambda row: (*row[:2], row[2] + "+", *row[3:]) if row[0] % 4 == rest else row))
        last = self.pick.randrange(5)
        yield (f"DELETE FROM {self.table} WHERE {mine} AND id % 5 = {last}",
               lambda: self.model.change(lambda row: None if row[0] % 5 == last else row))

    def add(self, rows):
        self.model.rows += [history.plain(row, history.NAMES[:3]) for row in rows]
        self.model.note()

    def insist(self, statement):
        """Until nobody else was faster; whoever reads before writing is told so."""
        while True:
            try:
                return self.engine.rows(statement)
            except engines.Failed as failed:
                if len(self.conflicts) >= CONFLICTS_MAX or not CONFLICT.search(str(failed)):
                    raise
                self.conflicts.append(str(failed).splitlines()[0])


def of_writer(rows: frozenset, first: int, end: int) -> frozenset:
    return frozenset((row, count) for row, count in rows if first <= row[0] < end)


def check_order(given, writers) -> list:
    """At every snapshot everybody's rows are as they were at some moment, and no moment comes back."""
    table = given.catalog.load_table(given.identifier)
    snapshots = sorted(table.snapshots(), key=lambda snapshot: snapshot.sequence_number)
    models = [(given.model, 0, 1000), *((writer.model, writer.first, writer.first + 1000) for writer in writers)]
    at = [0] * len(models)
    for snapshot in snapshots:
        rows = given.read(snapshot.snapshot_id)
        for n, (model, first, end) in enumerate(models):
            mine = of_writer(rows, first, end)
            found = model.place(mine, at[n])
            assert found is not None, f"at {snapshot} the rows from {first} on are what they never were:\n" \
                                      f"{difference(mine, model.states[-1])}"
            at[n] = found
    return snapshots


def test_everybody_writes_at_once_and_files_are_rewritten_below_them(
        seed, firehose, catalog, database, bucket, s3, all_engines, others):
    pick = random.Random(f"{seed}/at once")
    given = Delivered(firehose, catalog, database, bucket, pick, upserts=True, spec=OWNERS, more=PATIENCE)
    given.deliver()
    writers = [Writer(given, engine, random.Random(f"{seed}/{engine.name}")) for engine in others]
    for writer in writers:
        writer.start()
    athena = all_engines[0]
    for round in itertools.count():
        given.put()
        time.sleep(PAUSE_SECONDS)
        if round % REWRITE_ROUNDS == 0:
            athena.rows(athena.rewrite(database, "t"))
        if not any(writer.is_alive() for writer in writers):
            break
    for writer in writers:
        print(f"{writer.engine.name} was told of {len(writer.conflicts)} conflicts: {set(writer.conflicts)}")
        if writer.error:
            raise writer.error
    expected = lambda: given.model.states[-1].union(*(writer.model.states[-1] for writer in writers))
    wait_until(lambda: given.read() == expected(), "all records are in the table", every=0.2)
    athena.rows(athena.rewrite(database, "t"))
    assert given.read() == expected()
    given.put()
    wait_until(lambda: given.read() == expected(), "the next records are in the table", every=0.2)
    snapshots = check_order(given, writers)
    assert any(snapshot.summary.operation.value == "replace" for snapshot in snapshots)
    some = [*pick.sample(snapshots[:-1], 4), snapshots[-1]]
    expected = {snapshot.snapshot_id: given.read(snapshot.snapshot_id) for snapshot in some}
    for engine in all_engines:
        check_reads(given, engine, catalog.load_table(given.identifier), some, expected)
    check_metadata(given, all_engines)
    assert not s3.list_objects_v2(Bucket=bucket, Prefix="errors/").get("Contents")


UNREAD = {
    "Spark": ("USING iceberg TBLPROPERTIES ('format-version' = '3', 'write.delete.mode' = 'merge-on-read')",
              "deletion vectors are not supported"),
    "Trino": ("WITH (format = 'ORC')", "data files in ORC are not supported"),
}


def test_what_athena_does_not_read_is_refused_by_name(other, database, sql):
    more, refusal = UNREAD[other.name]
    table = other.new_table(database, "other")
    other.rows(f"CREATE TABLE {table} (id bigint) {more}")
    other.rows(f"INSERT INTO {table} VALUES (1), (2), (3), (4)")
    other.rows(f"DELETE FROM {table} WHERE id = 2")
    assert sorted(other.rows(f"SELECT id FROM {table}")) == [(1,), (3,), (4,)]
    with pytest.raises(QueryFailed, match=refusal):
        sql.rows("SELECT id FROM other")
