"""Readers that go on over kills, reshards and expiry, and the comparison of what they saw with what writers know."""

import bisect
import contextlib
import json
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError
from ordeal import Part, code_of


class Reader(Part):
    """Reads every shard from its oldest record to its end, parents before children.

    `seen` is in the order of reading; `places` are the sequence numbers by shard, each with the time before which
    records could have expired when it was read.
    """

    def __init__(self, server, name: str, stream: str, seed: int, stop: threading.Event, kept_since):
        super().__init__(server, name, seed, stop)
        self.stream, self.kept_since = stream, kept_since
        self.iterators: dict[str, str | None] = {}
        self.lock = threading.Lock()
        self.seen: list[tuple[int, int, str, int]] = []  # writer, number, shard, sequence number
        self.places: dict[str, list[tuple[int, float]]] = {}
        self.arrivals: list[float] = []
        self.waiting: dict[str, set[str]] | None = None
        self.ended: dict[str, float] = {}
        self.continued = 0

    def step(self):
        if self.waiting is None:
            self.waiting = {}
            self.look_for_shards()
        for shard in self.ready():
            self.begin(shard)
        self.read()

    def look_for_shards(self) -> None:
        try:
            page = self.kinesis.list_shards(StreamName=self.stream)
            shards = page["Shards"]
            while token := page.get("NextToken"):
                page = self.kinesis.list_shards(NextToken=token)
                shards += page["Shards"]
        except (ClientError, BotoCoreError):
            if not self.places and not self.ended:
                self.waiting = None
            raise
        listed = {shard["ShardId"] for shard in shards}
        with self.lock:
            for shard in shards:
                parents = {shard[name] for name in ("ParentShardId", "AdjacentParentShardId") if name in shard}
                self.expect(shard["ShardId"], parents & listed)
            for parents in self.waiting.values():
                parents &= listed

    def expect(self, shard: str, parents: set[str]) -> None:
        if shard not in self.places and shard not in self.ended:
            self.waiting.setdefault(shard, parents)

    def ready(self) -> list[str]:
        with self.lock:
            ready = [shard for shard, parents in self.waiting.items() if parents <= self.ended.keys()]
            for shard in ready:
                del self.waiting[shard]
                self.places[shard] = []
            return ready

    def took(self, shard: str, records: list[dict], children: list[dict] | None) -> None:
        since = self.kept_since()
        with self.lock:
            places = self.places[shard]
            for record in records:
                number, body = int(record["SequenceNumber"]), json.loads(record["Data"])
                assert not places or places[-1][0] < number, f"{self.name}: {shard} goes back to {number}"
                assert len(body["pad"]) == body["n"] * 7919 % 300
                places.append((number, since))
                self.seen.append((body["w"], body["n"], shard, number))
                self.arrivals.append(record["ApproximateArrivalTimestamp"].timestamp())
            if children is not None:
                assert children, f"{self.name}: {shard} is at its end and has no children"
                self.ended[shard] = since
                for child in children:
                    assert shard in child["ParentShards"]
                    self.expect(child["ShardId"], set(child["ParentShards"]))

    def vanished(self, shard: str) -> None:
        """It was closed, and its last record expired."""
        since = self.kept_since()
        with self.lock:
            self.ended[shard] = since
        self.look_for_shards()

    def last(self, shard: str) -> str | None:
        places = self.places[shard]
        return str(places[-1][0]) if places else None

    def begin(self, shard: str) -> None:
        raise NotImplementedError

    def read(self) -> None:
        raise NotImplementedError

    def missing(self, writers) -> list:
        """What was acknowledged, is not here, and cannot have expired before this reader came by."""
        since = self.kept_since()
        with self.lock:
            found = {(w, n, shard, number) for w, n, shard, number in self.seen}
            places = {shard: list(of_shard) for shard, of_shard in self.places.items()}
            ended = dict(self.ended)
        missing = []
        for writer in writers:
            for n, (shard, number) in writer.acknowledged.items():
                if (writer.number, n, shard, number) in found:
                    continue
                of_shard = places.get(shard, [])
                after = bisect.bisect(of_shard, (number, 0.0))
                gone_before = of_shard[after][1] if after < len(of_shard) else ended.get(shard, since)
                if writer.sent_at[n] >= gone_before:
                    missing.append((writer.number, n, shard, number))
        return missing

    def check_order(self, writers) -> None:
        """Nothing more often than it was put, and each key in the order it was put."""
        times, latest = {}, {}
        for w, n, shard, number in self.seen:
            times[w, n] = times.get((w, n), 0) + 1
            key = writers[w].key(n)
            assert latest.get(key, (-1, -1)) < (n, number), f"{self.name}: {key} has {n} in {shard} after {latest[key]}"
            assert latest.get(key, (-1, -1))[1] < number, f"{self.name}: {key} has {number} after {latest[key]}"
            latest[key] = (n, number)
        for (w, n), count in times.items():
            assert count <= writers[w].attempts[n], f"{self.name}: record {n} of writer {w} came from nowhere"


class Poller(Reader):
    """GetRecords, with iterators that outlive the server and expire when its clock goes ahead."""

    def begin(self, shard):
        self.iterators[shard] = None

    def read(self):
        count = 0
        for shard, iterator in list(self.iterators.items()):
            try:
                count += self.page(shard, iterator or self.iterator(shard))
            except ClientError as error:
                if code_of(error) == "ExpiredIteratorException":
                    self.iterators[shard] = None
                elif code_of(error) == "ResourceNotFoundException":
                    del self.iterators[shard]
                    self.vanished(shard)
                else:
                    raise
        if not count:
            time.sleep(0.05)

    def iterator(self, shard: str) -> str:
        last = self.last(shard)
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if last:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": last}
        return self.kinesis.get_shard_iterator(StreamName=self.stream, ShardId=shard, **start)["ShardIterator"]

    def page(self, shard: str, iterator: str) -> int:
        answer = self.kinesis.get_records(ShardIterator=iterator, Limit=self.random.randrange(100, 2000))
        following = answer.get("NextShardIterator")
        self.took(shard, answer["Records"], None if following else answer.get("ChildShards", []))
        if following:
            self.iterators[shard] = following
        else:
            del self.iterators[shard]
        return len(answer["Records"])


class Subscriber(Reader):
    """SubscribeToShard, each subscription continued where the one before was cut off."""

    def __init__(self, server, name, stream, seed, stop, kept_since, consumer: str):
        super().__init__(server, name, stream, seed, stop, kept_since)
        self.consumer = consumer
        self.continuations: dict[str, str] = {}
        self.failed = None

    def begin(self, shard):
        threading.Thread(target=self.follow, args=[shard], name=f"{self.name} of {shard}", daemon=True).start()

    def read(self):
        if self.failed:
            raise self.failed
        time.sleep(0.02)

    def follow(self, shard: str) -> None:
        try:
            while not self.stop.is_set() and shard not in self.ended:
                if not self.attempt(self.subscribe, shard):
                    time.sleep(0.02)
        except Exception as error:  # told to the reader
            self.failed = error

    def subscribe(self, shard: str) -> None:
        start = {"Type": "TRIM_HORIZON"}
        if continuation := self.continuations.get(shard):
            start = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": continuation}
            self.continued += 1
        try:
            answer = self.kinesis.subscribe_to_shard(
                ConsumerARN=self.consumer, ShardId=shard, StartingPosition=start
            )
            with contextlib.closing(answer["EventStream"]) as events:
                for event in events:
                    self.event(shard, event["SubscribeToShardEvent"])
                    if self.stop.is_set():
                        return
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                self.vanished(shard)
            elif code_of(error) == "ResourceInUseException":
                time.sleep(0.2)  # the server holds the one before for five seconds
            else:
                raise

    def event(self, shard: str, event: dict) -> None:
        self.took(shard, event["Records"], event.get("ChildShards") or None)
        if continuation := event.get("ContinuationSequenceNumber"):
            self.continuations[shard] = continuation
