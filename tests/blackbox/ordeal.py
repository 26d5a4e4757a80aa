"""What goes on while a server is killed again and again: writers, reshards, retention, consumers, readers.

Everybody keeps what the server acknowledged to them, and what it may have done without saying so.
"""

import collections
import contextlib
import json
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError
from follow import open_shards, reshard_somehow
from urllib3.exceptions import HTTPError

KEYS = 13
# A request signed before the clock went ahead is too old after it.
RETRYABLE = ("ProvisionedThroughputExceededException", "InternalFailure", "ServiceUnavailable",
             "KMSThrottlingException", "InvalidSignatureException")
CONSUMERS_MAX = 12
HOURS = (24, 48, 72)


def code_of(error: ClientError) -> str:
    return error.response["Error"]["Code"]


class Part(threading.Thread):
    """One of those who act at the same time. Without an acknowledgement it goes on; any other surprise ends it."""

    def __init__(self, server, name: str, seed: int, stop: threading.Event):
        super().__init__(name=name, daemon=True)
        self.kinesis = server.client("kinesis", connect_timeout=1, read_timeout=10, max_pool_connections=50)
        self.stop = stop
        self.random = random.Random(f"{seed}/{name}")
        self.error = None

    def run(self):
        try:
            while not self.stop.is_set():
                if not self.attempt(self.step):
                    time.sleep(0.01)
        except Exception as error:  # told to the test, which raises it
            self.error = error

    def attempt(self, act, *arguments) -> bool:
        """Whether `act` ended with an answer; false where the server was gone or had no room."""
        try:
            act(*arguments)
            return True
        except ClientError as error:
            if code_of(error) not in RETRYABLE:
                raise
        except (BotoCoreError, HTTPError):
            # The server is gone; whether it did what it was asked is not known.
            pass
        return False

    def step(self) -> None:
        raise NotImplementedError

    def finish(self, seconds: float = 60) -> None:
        self.join(seconds)
        assert not self.is_alive(), f"{self.name} does not end"
        if self.error:
            raise AssertionError(f"{self.name}: {self.error!r}") from self.error


class Writer(Part):
    """Puts numbered records one after the other or in batches, each until it is acknowledged."""

    def __init__(self, server, stream: str, number: int, seed: int, stop: threading.Event,
                 pause: float = 0, now=time.time):
        super().__init__(server, f"writer {number}", seed, stop)
        self.stream, self.number, self.pause, self.now = stream, number, pause, now
        self.next = 0
        self.attempts = collections.Counter()
        self.acknowledged = {}  # number -> (shard, sequence number)
        self.sent_at = {}  # number -> when the last attempt began

    def step(self):
        # No key twice in a batch: records of one batch may be refused while later ones are taken.
        count = 1 if self.number % 2 else self.random.randrange(1, KEYS)
        numbers = list(range(self.next, self.next + count))
        self.next += count
        while numbers and not self.attempt(self.put, numbers):
            if self.stop.is_set():
                return
            time.sleep(0.01)
        if self.pause:
            time.sleep(self.random.uniform(0, self.pause))

    def key(self, n: int) -> str:
        return f"{self.number}-{n % KEYS}"

    def entry(self, n: int) -> dict:
        body = {"w": self.number, "n": n, "pad": "x" * (n * 7919 % 300)}
        return {"PartitionKey": self.key(n), "Data": json.dumps(body).encode()}

    def put(self, numbers: list[int]) -> None:
        """Takes from `numbers` what is acknowledged."""
        while numbers:
            self.attempts.update(numbers)
            self.sent_at.update(dict.fromkeys(numbers, self.now()))
            if len(numbers) == 1:
                results = [self.kinesis.put_record(StreamName=self.stream, **self.entry(numbers[0]))]
            else:
                records = [self.entry(n) for n in numbers]
                results = self.kinesis.put_records(StreamName=self.stream, Records=records)["Records"]
            for n, result in zip(list(numbers), results, strict=True):
                if "SequenceNumber" in result:
                    self.acknowledged[n] = (result["ShardId"], int(result["SequenceNumber"]))
                    numbers.remove(n)


class Resharder(Part):
    """Splits, merges and scales; what is acknowledged must be seen ever after."""

    def __init__(self, server, stream: str, seed: int, stop: threading.Event):
        super().__init__(server, "resharder", seed, stop)
        self.stream, self.done, self.expected = stream, 0, None

    def step(self):
        expected, self.expected = self.expected, None
        try:
            self.expected = reshard_somehow(self.kinesis, self.stream, self.random, expected)
        except (ClientError, BotoCoreError):
            # Whether it was done is not known; what was acknowledged before is only known to be so without it.
            self.expected = None
            raise
        self.done += 1
        time.sleep(self.random.uniform(0, 0.2))


class Retention(Part):
    """Changes how long records are kept, and knows since when they must be there."""

    def __init__(self, server, stream: str, seed: int, stop: threading.Event, now):
        super().__init__(server, "retention", seed, stop)
        self.stream, self.now, self.done = stream, now, 0
        self.lock = threading.Lock()
        self.possible = {24}
        self.forgotten = 0.0

    def kept_since(self) -> float:
        """Whatever was accepted then or later cannot have expired yet."""
        with self.lock:
            # A second, because times in records are cut to milliseconds.
            self.forgotten = max(self.forgotten, self.now() - min(self.possible) * 3600 + 1)
            return self.forgotten

    def may_be(self, *hours: int) -> None:
        self.kept_since()
        with self.lock:
            self.possible = set(hours)

    def step(self):
        summary = self.kinesis.describe_stream_summary(StreamName=self.stream)["StreamDescriptionSummary"]
        current = summary["RetentionPeriodHours"]
        assert current in self.possible, f"retention is {current}, acknowledged was {self.possible}"
        self.may_be(current)
        target = self.random.choice([hours for hours in HOURS if hours != current])
        self.change(current, target)
        time.sleep(self.random.uniform(0, 0.3))

    def change(self, current: int, target: int) -> None:
        change = (self.kinesis.increase_stream_retention_period if target > current
                  else self.kinesis.decrease_stream_retention_period)
        self.may_be(current, target)
        change(StreamName=self.stream, RetentionPeriodHours=target)
        self.may_be(target)
        self.done += 1


class Registrar(Part):
    """Registers consumers, reads with them once, and deregisters them."""

    def __init__(self, server, stream: str, arn: str, seed: int, stop: threading.Event, kept: set[str]):
        super().__init__(server, "registrar", seed, stop)
        self.stream, self.arn, self.done, self.next = stream, arn, 0, 0
        self.there, self.unknown = set(kept), set()
        self.kept = kept

    def check(self) -> None:
        page = self.kinesis.list_stream_consumers(StreamARN=self.arn)
        listed = {consumer["ConsumerName"] for consumer in page["Consumers"]}
        assert "NextToken" not in page
        assert self.there - self.unknown == listed - self.unknown, (
            f"consumers are {listed}, acknowledged were {self.there}, not known {self.unknown}"
        )
        self.there, self.unknown = listed, set()

    def step(self):
        self.check()
        leaving = sorted(self.there - self.kept)
        if len(leaving) >= CONSUMERS_MAX or leaving and self.random.random() < 0.5:
            name = self.random.choice(leaving)
            self.unknown = {name}
            self.kinesis.deregister_stream_consumer(StreamARN=self.arn, ConsumerName=name)
            self.there.remove(name)
        else:
            name, self.next = f"app-{self.next}", self.next + 1
            self.unknown = {name}
            answer = self.kinesis.register_stream_consumer(StreamARN=self.arn, ConsumerName=name)
            self.there.add(name)
            self.unknown = set()
            self.look(answer["Consumer"]["ConsumerARN"])
        self.unknown = set()
        self.done += 1
        time.sleep(self.random.uniform(0, 0.1))

    def look(self, consumer: str) -> None:
        shard = self.random.choice(open_shards(self.kinesis, self.stream))
        try:
            answer = self.kinesis.subscribe_to_shard(
                ConsumerARN=consumer, ShardId=shard["ShardId"], StartingPosition={"Type": "TRIM_HORIZON"}
            )
            with contextlib.closing(answer["EventStream"]) as events:
                assert "SubscribeToShardEvent" in next(iter(events))
        except StopIteration:
            pass  # the server was killed between the answer and its first event
