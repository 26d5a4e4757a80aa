"""A reader that follows a stream through its reshards, parents before children, as consumers do."""

import time

from server import wait_until


class Follower:
    """Reads every shard to its end and goes on with its children; keeps what it saw by partition key."""

    def __init__(self, kinesis, stream: str):
        self.kinesis, self.stream = kinesis, stream
        self.seen: dict[str, list[tuple[int, bytes]]] = {}
        self.ended: set[str] = set()
        self.iterators: dict[str, str] = {}
        self.waiting: dict[str, set[str]] = {}
        for shard in self.shards():
            parents = {shard[name] for name in ("ParentShardId", "AdjacentParentShardId") if name in shard}
            self.waiting[shard["ShardId"]] = parents
        known = set(self.waiting)
        self.waiting = {shard: parents & known for shard, parents in self.waiting.items()}

    def shards(self) -> list[dict]:
        # boto3's own paginator sends the stream's name beside the token, which the service refuses.
        page = self.kinesis.list_shards(StreamName=self.stream, ShardFilter={"Type": "FROM_TRIM_HORIZON"})
        shards = page["Shards"]
        while token := page.get("NextToken"):
            page = self.kinesis.list_shards(NextToken=token)
            shards += page["Shards"]
        return shards

    def step(self) -> int:
        """Reads each shard whose parents are at their end once; how many records came."""
        for shard, parents in list(self.waiting.items()):
            if parents <= self.ended:
                del self.waiting[shard]
                self.iterators[shard] = self.kinesis.get_shard_iterator(
                    StreamName=self.stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
                )["ShardIterator"]
        count = 0
        for shard, iterator in list(self.iterators.items()):
            answer = self.kinesis.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                place = (int(record["SequenceNumber"]), record["Data"])
                self.seen.setdefault(record["PartitionKey"], []).append(place)
            count += len(answer["Records"])
            if following := answer.get("NextShardIterator"):
                assert not answer.get("ChildShards"), "children are told at the end"
                self.iterators[shard] = following
            else:
                del self.iterators[shard]
                self.ended.add(shard)
                assert answer["ChildShards"], "a closed shard has children"
                for child in answer["ChildShards"]:
                    assert shard in child["ParentShards"]
                    if child["ShardId"] not in self.ended | set(self.iterators):
                        self.waiting.setdefault(child["ShardId"], set(child["ParentShards"]))
        return count

    def total(self) -> int:
        return sum(len(records) for records in self.seen.values())

    def read_until(self, total: int, seconds: float = 120) -> None:
        def done():
            if not self.step():
                time.sleep(0.05)
            return self.total() >= total

        wait_until(done, f"{total} records were read", seconds)


def open_shards(kinesis, stream: str) -> list[dict]:
    """The open shards in the order of their ranges, which must cover every hash key once."""
    shards = kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    shards.sort(key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
    ends = [-1] + [int(shard["HashKeyRange"]["EndingHashKey"]) for shard in shards]
    starts = [int(shard["HashKeyRange"]["StartingHashKey"]) for shard in shards] + [2**128]
    assert [end + 1 for end in ends] == starts, "a hole or an overlap"
    return shards


def reshard_somehow(kinesis, stream: str, random_, expected: int | None = None) -> int:
    """One random split, merge or scaling; how many shards are open after it. `expected` before it."""
    shards = open_shards(kinesis, stream)
    assert expected in (None, len(shards)), f"{len(shards)} open shards, {expected} were acknowledged"
    kind = random_.choice(["split", "merge", "scale"])
    if kind == "scale":
        target = random_.randint((len(shards) + 1) // 2, min(len(shards) * 2, 8))
        kinesis.update_shard_count(StreamName=stream, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
        return target
    if kind == "merge" and len(shards) > 1:
        place = random_.randrange(len(shards) - 1)
        kinesis.merge_shards(
            StreamName=stream,
            ShardToMerge=shards[place]["ShardId"],
            AdjacentShardToMerge=shards[place + 1]["ShardId"],
        )
        return len(shards) - 1
    if len(shards) < 8:
        shard = random_.choice(shards)
        start, end = (int(shard["HashKeyRange"][name]) for name in ("StartingHashKey", "EndingHashKey"))
        kinesis.split_shard(
            StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=str((start + end) // 2 + 1)
        )
        return len(shards) + 1
    return len(shards)
