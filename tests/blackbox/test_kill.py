"""SIGKILL at random moments while writers write: nothing acknowledged is lost, nothing is doubled."""

import collections
import json
import os
import random
import threading
import time

from athena import Sql
from botocore.exceptions import BotoCoreError, ClientError
from pipeline import create_delivery, create_stream, keys_below, parquet_table, read_shard, shards_of, to_parquet
from server import wait_until

ROUNDS = int(os.environ.get("MULGIL_KILL_ROUNDS", "20"))
SHARDS = 4
BATCH_MAX = 40
RETRYABLE = ("ProvisionedThroughputExceededException", "InternalFailure", "ServiceUnavailable", "KMSThrottlingException")


class Writer(threading.Thread):
    """Puts numbered records one after the other or in batches, each until it is acknowledged."""

    def __init__(self, server, stream: str, number: int, seed: int, stop: threading.Event):
        super().__init__(name=f"writer {number}", daemon=True)
        self.client = server.client("kinesis", connect_timeout=1, read_timeout=10)
        self.stream, self.number, self.stop = stream, number, stop
        self.random = random.Random(f"{seed}/{number}")
        self.next = 0
        self.attempts = collections.Counter()
        self.acknowledged = {}  # number -> (shard, sequence number)
        self.error = None

    def run(self):
        try:
            while not self.stop.is_set():
                if self.number % 2:
                    self.put([self.take()])
                else:
                    self.put([self.take() for _ in range(self.random.randrange(1, BATCH_MAX))])
        except Exception as error:  # told to the test, which raises it
            self.error = error

    def take(self) -> int:
        self.next += 1
        return self.next - 1

    def entry(self, n: int) -> dict:
        body = {"w": self.number, "n": n, "pad": "x" * (n * 7919 % 300)}
        return {"PartitionKey": f"{self.number}-{n % 13}", "Data": json.dumps(body).encode()}

    def put(self, numbers: list[int]) -> None:
        while numbers:
            self.attempts.update(numbers)
            try:
                numbers = self.attempt(numbers)
            except ClientError as error:
                if error.response["Error"]["Code"] not in RETRYABLE:
                    raise
                time.sleep(0.01)
            except BotoCoreError:
                # The server is gone; whether it took the records is not known.
                if self.stop.is_set():
                    return
                time.sleep(0.01)

    def attempt(self, numbers: list[int]) -> list[int]:
        """The numbers to be put again."""
        if len(numbers) == 1:
            answer = self.client.put_record(StreamName=self.stream, **self.entry(numbers[0]))
            results = [answer]
        else:
            answer = self.client.put_records(StreamName=self.stream, Records=[self.entry(n) for n in numbers])
            results = answer["Records"]
        failed = []
        for n, result in zip(numbers, results, strict=True):
            if "SequenceNumber" in result:
                self.acknowledged[n] = (result["ShardId"], int(result["SequenceNumber"]))
            else:
                failed.append(n)
        return failed


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
    for writer in writers:
        writer.start()
    for _ in range(ROUNDS):
        time.sleep(random_.uniform(0.02, 0.5))
        server.kill9()
        server.start()
    stop.set()
    for writer in writers:
        writer.join(60)
        assert not writer.is_alive() and writer.error is None, repr(writer.error)

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
    print(f"{ROUNDS} kills, {acknowledged} acknowledged, {stream.total()} in the stream")
    assert acknowledged > ROUNDS

    sql = Sql(server.client("athena"), "s3://lake/results/", "d")
    wait_until(lambda: sql.value("SELECT count(*) FROM t") >= stream.total(), "the table has every record", 120, 0.2)
    table = {(w, n): times for w, n, times in sql.rows("SELECT w, n, count(*) FROM t GROUP BY w, n")}
    differing = {key: (stream.get(key), table.get(key)) for key in stream.keys() | table.keys()
                 if stream.get(key) != table.get(key)}
    assert not differing, f"(in the stream, in the table) by record: {dict(list(differing.items())[:10])}, seed {seed}"
    assert keys_below(server.client("s3"), "lake", "errors/") == []
