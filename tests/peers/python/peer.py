"""The conversation of ../README.md with boto3."""

import datetime
import json
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

POLL_SECONDS = 0.02
POLLS_MAX = 1500
READS_MAX = 500
MIDDLE = str(1 << 127)

kinesis = boto3.client("kinesis", config=Config(retries={"total_max_attempts": 1}))


def until(what, condition):
    for _ in range(POLLS_MAX):
        if value := condition():
            return value
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"gave up waiting until {what}")


def active(stream):
    def summary():
        found = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
        return found if found["StreamStatus"] == "ACTIVE" else None

    return until(f"{stream} is active", summary)


def error_name(function, **request):
    try:
        function(**request)
        return None
    except ClientError as error:
        return error.response["Error"]["Code"]


def put(stream, start, count, keys):
    records = [{"PartitionKey": f"key-{n % keys}", "Data": f"record-{n}"} for n in range(start, start + count)]
    return kinesis.put_records(StreamName=stream, Records=records)["FailedRecordCount"]


def read(stream, shard):
    """Reads a shard from its oldest record until it ends or nothing is left to read."""
    records = []
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    iterator = iterator["ShardIterator"]
    for _ in range(READS_MAX):
        answer = kinesis.get_records(ShardIterator=iterator)
        records += answer["Records"]
        iterator = answer.get("NextShardIterator")
        if not iterator:
            return records, answer.get("ChildShards", []), True
        if not answer["Records"] and answer["MillisBehindLatest"] == 0:
            break
    return records, [], False


def put_get(stream):
    kinesis.create_stream(StreamName=stream, ShardCount=2)
    active(stream)
    kinesis.put_record(StreamName=stream, PartitionKey="binary", Data=bytes(range(256)))
    failed = put(stream, 0, 100, 7)
    shards = kinesis.list_shards(StreamName=stream)["Shards"]
    records = [record for shard in shards for record in read(stream, shard["ShardId"])[0]]
    first = next(record for record in records if record["PartitionKey"] == "binary")
    age = datetime.datetime.now(datetime.UTC) - first["ApproximateArrivalTimestamp"]
    return {
        "shards": [shard["ShardId"] for shard in shards],
        "failed": failed,
        "binary": first["Data"].hex(),
        "records": [[r["PartitionKey"], r["Data"].decode()] for r in records if r is not first],
        "recent": abs(age) < datetime.timedelta(days=1),
        "missingStream": error_name(kinesis.put_record, StreamName="no-such-stream", PartitionKey="k", Data=b"x"),
        "badIterator": error_name(kinesis.get_records, ShardIterator="no-such-iterator"),
    }


def subscribe(stream):
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    arn = active(stream)["StreamARN"]
    put(stream, 0, 20, 5)
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="peer")["Consumer"]["ConsumerARN"]

    def status():
        found = kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]["ConsumerStatus"]
        return found if found == "ACTIVE" else None

    status = until("the consumer is active", status)
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    events = kinesis.subscribe_to_shard(
        ConsumerARN=consumer, ShardId=shard, StartingPosition={"Type": "TRIM_HORIZON"})["EventStream"]
    texts, continues, behind, more = [], True, None, False
    for event in events:
        event = event["SubscribeToShardEvent"]
        texts += [record["Data"].decode() for record in event["Records"]]
        continues &= bool(event["ContinuationSequenceNumber"])
        behind = event["MillisBehindLatest"]
        if len(texts) >= 20 and not more:
            more = True
            put(stream, 20, 20, 5)
        if len(texts) >= 40:
            break
    events.close()
    kinesis.deregister_stream_consumer(ConsumerARN=consumer)
    until("the consumer is gone", lambda: not kinesis.list_stream_consumers(StreamARN=arn)["Consumers"])
    return {"status": status, "texts": texts, "continues": continues, "behind": behind, "consumers": []}


def shards_of(stream):
    return kinesis.list_shards(StreamName=stream)["Shards"]


def is_open(shard):
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


def walk(stream, family):
    parents = {s["ShardId"]: [s[p] for p in ("ParentShardId", "AdjacentParentShardId") if p in s] for s in family}
    queue, done, records, ended = [family[0]["ShardId"]], set(), [], []
    while queue:
        shard = queue.pop(0)
        seen, children, at_end = read(stream, shard)
        done.add(shard)
        records += seen
        ended += [shard] if at_end else []
        for child in children:
            child = child["ShardId"]
            if done.issuperset(parents[child]) and child not in queue:
                queue.append(child)
    return {"records": [[r["PartitionKey"], r["Data"].decode()] for r in records], "ended": ended}


def reshard(stream):
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    active(stream)
    put(stream, 0, 20, 5)
    root = shards_of(stream)[0]["ShardId"]
    kinesis.split_shard(StreamName=stream, ShardToSplit=root, NewStartingHashKey=MIDDLE)
    active(stream)
    put(stream, 20, 20, 5)
    left, right = (shard["ShardId"] for shard in shards_of(stream) if is_open(shard))
    kinesis.merge_shards(StreamName=stream, ShardToMerge=left, AdjacentShardToMerge=right)
    active(stream)
    put(stream, 40, 20, 5)
    kinesis.update_shard_count(StreamName=stream, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    active(stream)
    put(stream, 60, 20, 5)
    family = shards_of(stream)
    return {
        **walk(stream, family),
        "lineage": [[s["ShardId"], s.get("ParentShardId"), s.get("AdjacentParentShardId")] for s in family],
        "open": [s["ShardId"] for s in family if is_open(s)],
    }


STEPS = {"put-get": put_get, "subscribe": subscribe, "reshard": reshard}

if __name__ == "__main__":
    stem, *steps = sys.argv[1:]
    for step in steps:
        print(json.dumps({"step": step, **STEPS[step](f"{stem}-{step}")}), flush=True)
        kinesis.delete_stream(StreamName=f"{stem}-{step}", EnforceConsumerDeletion=True)
