"""SIGKILL at random moments while everything changes: nothing acknowledged is lost, nothing is doubled."""

import collections
import json
import os
import random
import threading
import time

from athena import Sql
from clock import clock  # noqa: F401  a fixture
from follow import open_shards
from ordeal import Registrar, Resharder, Retention, Writer
from pipeline import create_delivery, create_stream, keys_below, parquet_table, read_shard, shards_of, to_parquet
from readers import Poller, Subscriber
from server import wait_until

ROUNDS = int(os.environ.get("MULGIL_KILL_ROUNDS", "20"))
SHARDS = 4
# Every so many kills, the machine is off for so many hours.
DARK_EVERY = 3
DARK_HOURS = (4, 12)


def test_every_acknowledged_record_is_in_the_stream_in_order_and_in_the_table_exactly_once(own_server, seed):
    random_ = random.Random(seed)
    server = own_server()
    kinesis, firehose, glue, s3 = (server.client(name) for name in ("kinesis", "firehose", "glue", "s3"))
    s3.create_bucket(Bucket="lake")
    glue.create_database(DatabaseInput={"Name": "d"})
    columns = [("w", "int"), ("n", "bigint"), ("pad", "string")]
    parquet_table(glue, "d", "t", "s3://lake/t/", columns, [("day", "string")])
    arn = create_stream(kinesis, "s", shards=SHARDS)
    create_delivery(firehose, "f", "lake", source=arn, prefix="t/day=!{timestamp:yyyy-MM-dd}/",
                    conversion=to_parquet("d", "t", "us-east-1"))

    stop = threading.Event()
    writers = [Writer(server, "s", number, seed, stop) for number in range(4)]
    resharder = Resharder(server, "s", seed, stop)
    for part in [*writers, resharder]:
        part.start()
    for _ in range(ROUNDS):
        time.sleep(random_.uniform(0.02, 0.5))
        server.kill9()
        server.start()
    stop.set()
    for part in [*writers, resharder]:
        part.finish()

    kinesis = server.client("kinesis")
    stream = collections.Counter()
    by_place = {}
    for shard in shards_of(kinesis, "s"):
        records = read_shard(kinesis, "s", shard["ShardId"])
        numbers = [int(record["SequenceNumber"]) for record in records]
        assert numbers == sorted(set(numbers)), "sequence numbers grow"
        arrivals = [record["ApproximateArrivalTimestamp"] for record in records]
        assert arrivals == sorted(arrivals), "time does not go backwards in a shard"
        for record in records:
            body = json.loads(record["Data"])
            assert len(body["pad"]) == body["n"] * 7919 % 300
            stream[body["w"], body["n"]] += 1
            by_place[shard["ShardId"], int(record["SequenceNumber"])] = (body["w"], body["n"])

    acknowledged = 0
    for writer in writers:
        previous = {}
        for n, (shard, number) in sorted(writer.acknowledged.items()):
            assert by_place.get((shard, number)) == (writer.number, n), f"{writer.name} lost {n}, seed {seed}"
            assert number > previous.get(shard, -1), f"{writer.name} was reordered at {n}, seed {seed}"
            previous[shard] = number
        acknowledged += len(writer.acknowledged)
    for (w, n), times in stream.items():
        assert times <= writers[w].attempts[n], f"record {n} of writer {w} came from nowhere, seed {seed}"
    print(f"{ROUNDS} kills, {resharder.done} reshards, {acknowledged} acknowledged, {stream.total()} in the stream")
    assert acknowledged > ROUNDS
    open_shards(kinesis, "s")

    sql = Sql(server.client("athena"), "s3://lake/results/", "d")
    wait_until(lambda: sql.value("SELECT count(*) FROM t") >= stream.total(), "the table has every record", 120, 0.2)
    table = {(w, n): times for w, n, times in sql.rows("SELECT w, n, count(*) FROM t GROUP BY w, n")}
    differing = {key: (stream.get(key), table.get(key)) for key in stream.keys() | table.keys()
                 if stream.get(key) != table.get(key)}
    assert not differing, f"(in the stream, in the table) by record: {dict(list(differing.items())[:10])}, seed {seed}"
    assert keys_below(server.client("s3"), "lake", "errors/") == []


def segments(server) -> int:
    return sum(1 for _ in server.data_dir.rglob("*.segment"))


def test_reshards_retention_and_consumers_are_what_was_acknowledged_and_readers_miss_nothing(own_server, clock, seed):
    random_ = random.Random(seed)
    server = own_server()
    server.stop()
    server.extra = clock.environment()
    server.start()
    kinesis = server.client("kinesis")
    arn = create_stream(kinesis, "s", shards=2)
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]["ConsumerARN"]

    stop, stop_reading = threading.Event(), threading.Event()
    writers = [Writer(server, "s", number, seed, stop, pause=0.03, now=clock.now) for number in range(3)]
    resharder = Resharder(server, "s", seed, stop)
    retention = Retention(server, "s", seed, stop, clock.now)
    registrar = Registrar(server, "s", arn, seed, stop, kept={"reader"})
    poller = Poller(server, "poller", "s", seed, stop_reading, retention.kept_since)
    subscriber = Subscriber(server, "subscriber", "s", seed, stop_reading, retention.kept_since, consumer)
    actors = [*writers, resharder, retention, registrar]
    for part in [*actors, poller, subscriber]:
        part.start()

    def kill(dark_hours: float) -> None:
        server.kill9()
        clock.ahead += round(dark_hours * 3600)
        server.extra = clock.environment()
        server.start()
        for part in [*actors, poller, subscriber]:
            assert part.error is None, f"{part.name}: {part.error!r}, seed {seed}"

    for round_ in range(ROUNDS):
        time.sleep(random_.uniform(0.02, 1.0))
        kill(random_.uniform(*DARK_HOURS) if round_ % DARK_EVERY == 0 else 0)
        open_shards(server.client("kinesis"), "s")
    stop.set()
    for part in actors:
        part.finish()
    # One more night, so that the rounds of the last day are there and those before it are not.
    most = segments(server)
    kill(13)
    current = kinesis.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["RetentionPeriodHours"]
    assert current in retention.possible, seed
    if current != 24:
        retention.may_be(current)
        retention.change(current, 24)
    assert registrar.attempt(registrar.check)

    late = Poller(server, "late reader", "s", seed, stop_reading, retention.kept_since)
    late.start()
    horizon = clock.now() - 24 * 3600
    for reader in (poller, subscriber, late):
        complete = lambda: reader.error or not reader.missing(writers)
        wait_until(complete, f"the {reader.name} has everything, seed {seed}", 120, 0.2)
    stop_reading.set()
    for reader in (poller, subscriber, late):
        reader.finish()
        reader.check_order(writers)
    assert min(late.arrivals) > horizon - 1, "nothing expired is read"
    for writer in writers:
        by_key = {}
        for n, (_, number) in sorted(writer.acknowledged.items()):
            assert number > by_key.get(writer.key(n), -1), f"{writer.name} was reordered at {n}, seed {seed}"
            by_key[writer.key(n)] = number
    acknowledged = sum(len(writer.acknowledged) for writer in writers)
    kept = sum(sent > horizon for writer in writers for sent in writer.sent_at.values())
    assert 0 < kept < acknowledged, "some expired, some did not"
    assert poller.continued + subscriber.continued > 0 < registrar.done
    wait_until(lambda: segments(server) < most, "segments of expired records are gone")
    print(
        f"{ROUNDS} kills, {resharder.done} reshards, {retention.done} changes of retention, {registrar.done} of "
        f"consumers, {acknowledged} acknowledged, {len(poller.seen)} polled, {len(subscriber.seen)} pushed over "
        f"{subscriber.continued} continuations, {len(late.seen)} left, {segments(server)} of {most} segments left"
    )
