"""Resharding, consumers, subscriptions and capacity, as boto3 and the AWS CLI use them."""

import json
import random
import shutil
import subprocess
import sys
import threading
import time

import pytest
from follow import Follower, open_shards, reshard_somehow
from pipeline import create_delivery, create_stream, keys_below
from server import wait_until

KEYS = 20


class Producer(threading.Thread):
    """Puts numbered records of its keys, each until it is stored."""

    def __init__(self, kinesis, stream: str, number: int, stop: threading.Event):
        super().__init__(daemon=True)
        self.kinesis, self.stream, self.number, self.stop = kinesis, stream, number, stop
        self.put = 0
        self.error = None

    def run(self):
        try:
            while not self.stop.is_set():
                records = [
                    {"PartitionKey": f"{self.number}-{n % KEYS}", "Data": str(n).encode()}
                    for n in range(self.put, self.put + KEYS)
                ]
                answer = self.kinesis.put_records(StreamName=self.stream, Records=records)
                assert answer["FailedRecordCount"] == 0, answer
                self.put += KEYS
        except Exception as error:  # told to the test, which raises it
            self.error = error


def test_a_reader_follows_reshards_under_load_and_sees_every_record_once_per_key_in_order(server, fresh, seed):
    kinesis, stream, random_ = server.client("kinesis"), fresh(), random.Random(seed)
    create_stream(kinesis, stream, shards=2)
    stop = threading.Event()
    producers = [Producer(server.client("kinesis"), stream, number, stop) for number in range(3)]
    for producer in producers:
        producer.start()
    follower = Follower(kinesis, stream)
    for _ in range(25):
        reshard_somehow(kinesis, stream, random_)
        follower.step()
    stop.set()
    for producer in producers:
        producer.join(60)
        assert producer.error is None, repr(producer.error)
    total = sum(producer.put for producer in producers)
    follower.read_until(total)
    assert follower.total() == total > 0
    for producer in producers:
        for key in range(KEYS):
            records = follower.seen[f"{producer.number}-{key}"]
            assert [int(data) for _, data in records] == list(range(key, producer.put, KEYS)), seed
            numbers = [number for number, _ in records]
            assert numbers == sorted(set(numbers)), f"sequence numbers grow across reshards, seed {seed}"
    open_shards(kinesis, stream)


def test_reshards_survive_kills_with_everything_acknowledged(own_server, seed):
    random_ = random.Random(seed)
    server = own_server()
    create_stream(server.client("kinesis"), "s", shards=2)
    arn = server.client("kinesis").describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["StreamARN"]
    acknowledged: dict[str, list[int]] = {}
    n = 0
    for round_ in range(5):
        stop = threading.Event()

        def reshard():
            kinesis = server.client("kinesis")
            kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=f"app-{round_}")
            while not stop.is_set():
                try:
                    reshard_somehow(kinesis, "s", random_)
                except Exception:  # the server is gone
                    return

        resharding = threading.Thread(target=reshard, daemon=True)
        resharding.start()
        kinesis = server.client("kinesis")
        until = time.monotonic() + random_.uniform(0.3, 1.0)
        while time.monotonic() < until:
            key = f"k{n % 7}"
            kinesis.put_record(StreamName="s", PartitionKey=key, Data=str(n).encode())
            acknowledged.setdefault(key, []).append(n)
            n += 1
        server.kill9()
        stop.set()
        resharding.join(60)
        server.start()
        open_shards(server.client("kinesis"), "s")
    kinesis = server.client("kinesis")
    follower = Follower(kinesis, "s")
    follower.read_until(n)
    for key, numbers in acknowledged.items():
        assert [int(data) for _, data in follower.seen[key]] == numbers, seed
        places = [place for place, _ in follower.seen[key]]
        assert places == sorted(set(places)), seed
    consumers = kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
    assert [consumer["ConsumerName"] for consumer in consumers] == [f"app-{round_}" for round_ in range(5)]


@pytest.fixture
def consumer(kinesis, fresh):
    stream = fresh()
    arn = create_stream(kinesis, stream)
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="app")["Consumer"]["ConsumerARN"]
    described = kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]
    assert described["ConsumerStatus"] == "ACTIVE"
    return stream, consumer


def subscribe(kinesis, consumer: str, shard: str = "shardId-000000000000", **position):
    answer = kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId=shard, StartingPosition=position)
    return (event["SubscribeToShardEvent"] for event in answer["EventStream"])


def test_a_subscriber_gets_what_is_there_what_comes_and_at_the_end_the_children(kinesis, consumer):
    stream, arn = consumer
    put = lambda data: kinesis.put_record(StreamName=stream, PartitionKey="k", Data=data)["SequenceNumber"]
    first = put(b"before")
    events = subscribe(kinesis, arn, Type="TRIM_HORIZON")
    event = next(events)
    assert [record["Data"] for record in event["Records"]] == [b"before"]
    assert event["Records"][0]["SequenceNumber"] == event["ContinuationSequenceNumber"] == first
    second = put(b"while \x00\xff subscribed")
    event = next(event for event in events if event["Records"])
    assert event["Records"][0]["Data"] == b"while \x00\xff subscribed"
    assert (event["ContinuationSequenceNumber"], event["MillisBehindLatest"]) == (second, 0)
    kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127))
    last = list(events)[-1]
    assert [child["ShardId"] for child in last["ChildShards"]] == ["shardId-000000000001", "shardId-000000000002"]
    assert not last.get("ContinuationSequenceNumber")
    after = put(b"after")
    shard = kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    children = [s["ShardId"] for s in shard]
    found = []
    for child in children:
        found += next(subscribe(kinesis, arn, child, Type="TRIM_HORIZON"))["Records"]
    assert [record["SequenceNumber"] for record in found] == [after]
    assert int(after) > int(second)


def test_one_subscription_for_a_consumer_and_shard(kinesis, consumer, error_of):
    stream, arn = consumer
    events = subscribe(kinesis, arn, Type="LATEST")
    next(events)
    code, message = error_of(subscribe, kinesis, arn, Type="LATEST")
    assert code == "ResourceInUseException" and "Another active subscription exists" in message
    position = {"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": "1"}
    code, _ = error_of(subscribe, kinesis, arn, **position)
    assert code == "InvalidArgumentException"
    kinesis.deregister_stream_consumer(ConsumerARN=arn)
    with pytest.raises(Exception, match="ResourceNotFoundException|not found"):
        list(events)
    code, _ = error_of(subscribe, kinesis, arn, Type="LATEST")
    assert code == "ResourceNotFoundException"


def test_with_the_limits_of_aws_producers_and_readers_are_throttled(own_server, error_of):
    server = own_server("--kinesis-limits", "aws")
    kinesis = server.client("kinesis")
    create_stream(kinesis, "s")
    records = [{"PartitionKey": "k", "Data": b"x" * 200_000} for _ in range(10)]
    answer = kinesis.put_records(StreamName="s", Records=records)
    failed = [record for record in answer["Records"] if "ErrorCode" in record]
    assert 4 <= len(failed) == answer["FailedRecordCount"] < 6
    assert {record["ErrorCode"] for record in failed} == {"ProvisionedThroughputExceededException"}
    assert failed[0]["ErrorMessage"] == (
        "Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000."
    )
    retrying = server.client("kinesis", retries=8)
    retrying.put_record(StreamName="s", PartitionKey="k", Data=b"x" * 200_000)
    iterator = kinesis.get_shard_iterator(
        StreamName="s", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]

    def read_often():
        for _ in range(50):
            kinesis.get_records(ShardIterator=iterator, Limit=1)

    code, _ = error_of(read_often)
    assert code == "ProvisionedThroughputExceededException"


def test_settings_of_a_stream_and_of_the_account(kinesis, fresh, error_of):
    stream = fresh()
    arn = create_stream(kinesis, stream)
    summary = lambda: kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=10_240)
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"x" * (10_240 * 1024 - 1))
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    kinesis.enable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["ALL"])
    now = summary()
    assert (now["MaxRecordSizeInKiB"], now["StreamModeDetails"]["StreamMode"]) == (10_240, "ON_DEMAND")
    assert len(now["EnhancedMonitoring"][0]["ShardLevelMetrics"]) == 7
    statement = {"Effect": "Allow", "Principal": "*", "Action": "kinesis:GetRecords", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    kinesis.put_resource_policy(ResourceARN=arn, Policy=policy)
    assert kinesis.get_resource_policy(ResourceARN=arn)["Policy"] == policy
    kinesis.delete_resource_policy(ResourceARN=arn)
    assert error_of(kinesis.get_resource_policy, ResourceARN=arn)[0] == "ResourceNotFoundException"
    assert "MinimumThroughputBillingCommitment" in kinesis.describe_account_settings()


def test_operations_that_are_not_built_are_refused_by_name(kinesis, fresh, error_of):
    stream = fresh()
    create_stream(kinesis, stream)
    code, message = error_of(
        kinesis.start_stream_encryption, StreamName=stream, EncryptionType="KMS", KeyId="alias/aws/kinesis"
    )
    assert "StartStreamEncryption" in message, (code, message)


def aggregated(records: list[tuple[str, bytes]]) -> bytes:
    """One record of several, as the Kinesis Producer Library writes it."""
    import hashlib

    def field(number: int, value: bytes) -> bytes:
        return bytes([number << 3 | 2]) + varint(len(value)) + value

    def varint(number: int) -> bytes:
        out = b""
        while number >= 0x80:
            out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
        return out + bytes([number])

    message = b"".join(field(1, key.encode()) for key, _ in records)
    for index, (_, data) in enumerate(records):
        message += field(3, b"\x08" + varint(index) + field(3, data))
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message).digest()


def test_an_aggregated_record_is_read_as_it_is_and_delivered_as_its_records(kinesis, firehose, s3, bucket, fresh):
    stream = fresh()
    arn = create_stream(kinesis, stream)
    create_delivery(firehose, fresh("delivery"), bucket, source=arn)
    data = aggregated([(f"key-{n}", f"record {n}\n".encode()) for n in range(200)])
    put = kinesis.put_record(StreamName=stream, PartitionKey="a", Data=data)
    broken = data[:-1] + b"?\n"
    kinesis.put_record(StreamName=stream, PartitionKey="a", Data=broken)
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert [record["Data"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]] == [data, broken]
    delivered = lambda: b"".join(
        s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys_below(s3, bucket, "data/")
    )
    records = b"".join(f"record {n}\n".encode() for n in range(200))
    wait_until(lambda: len(delivered()) >= len(records + broken), "everything was delivered")
    # In one object or in two, whose names have no order.
    assert delivered() in (records + broken, broken + records)


def test_the_cli_reshards_and_waits(server, fresh, tmp_path):
    executable = shutil.which("aws") or f"{sys.prefix}/bin/aws"
    stream = fresh()

    def aws(*arguments: str):
        done = subprocess.run(
            [executable, "kinesis", *arguments, "--output", "json"],
            env=server.cli_environment(tmp_path), capture_output=True, text=True, timeout=60, check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    aws("create-stream", "--stream-name", stream, "--shard-count", "1")
    aws("wait", "stream-exists", "--stream-name", stream)
    aws("split-shard", "--stream-name", stream, "--shard-to-split", "shardId-000000000000",
        "--new-starting-hash-key", str(2**127))
    aws("update-shard-count", "--stream-name", stream, "--target-shard-count", "4", "--scaling-type", "UNIFORM_SCALING")
    shards = aws("list-shards", "--stream-name", stream, "--shard-filter", "Type=AT_LATEST")["Shards"]
    assert len(shards) == 4
    shards.sort(key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
    aws("merge-shards", "--stream-name", stream, "--shard-to-merge", shards[0]["ShardId"],
        "--adjacent-shard-to-merge", shards[1]["ShardId"])
    summary = aws("describe-stream-summary", "--stream-name", stream)["StreamDescriptionSummary"]
    assert (summary["OpenShardCount"], summary["StreamStatus"]) == (3, "ACTIVE")
    arn = summary["StreamARN"]
    aws("register-stream-consumer", "--stream-arn", arn, "--consumer-name", "cli")
    assert aws("list-stream-consumers", "--stream-arn", arn)["Consumers"][0]["ConsumerStatus"] == "ACTIVE"
