"""Kinesis as boto3 producers and consumers use it."""

import datetime
import hashlib
import time

import pytest
from pipeline import create_stream, put_all, read_shard, shards_of
from server import wait_until

HASH_SPACE = 2**128


def test_a_record_comes_back_with_its_key_its_bytes_and_its_arrival_time(kinesis, fresh):
    stream = fresh()
    create_stream(kinesis, stream)
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    put = kinesis.put_record(StreamName=stream, PartitionKey="k\N{DROPLET}", Data=b"\x00\xffbytes")
    (record,) = read_shard(kinesis, stream, put["ShardId"])
    assert record["Data"] == b"\x00\xffbytes"
    assert record["PartitionKey"] == "k\N{DROPLET}"
    assert record["SequenceNumber"] == put["SequenceNumber"]
    assert before < record["ApproximateArrivalTimestamp"] < before + datetime.timedelta(minutes=5)


def test_records_go_to_the_shard_that_owns_the_md5_of_their_key(kinesis, fresh):
    stream = fresh()
    create_stream(kinesis, stream, shards=4)
    shards = shards_of(kinesis, stream)
    ranges = {
        s["ShardId"]: (int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"]))
        for s in shards
    }
    covered = sorted(ranges.values())
    assert covered[0][0] == 0 and covered[-1][1] == HASH_SPACE - 1
    assert all(left[1] + 1 == right[0] for left, right in zip(covered, covered[1:]))
    keys = [f"key-{n}" for n in range(200)]
    answer = kinesis.put_records(
        StreamName=stream, Records=[{"PartitionKey": key, "Data": key.encode()} for key in keys]
    )
    assert answer["FailedRecordCount"] == 0
    for key, result in zip(keys, answer["Records"], strict=True):
        hashed = int(hashlib.md5(key.encode()).hexdigest(), 16)
        start, end = ranges[result["ShardId"]]
        assert start <= hashed <= end, key
    assert {result["ShardId"] for result in answer["Records"]} == set(ranges)


def test_an_explicit_hash_key_overrides_the_partition_key(kinesis, fresh):
    stream = fresh()
    create_stream(kinesis, stream, shards=2)
    first, second = shards_of(kinesis, stream)
    for shard in (first, second):
        hash_key = shard["HashKeyRange"]["EndingHashKey"]
        put = kinesis.put_record(StreamName=stream, PartitionKey="same", ExplicitHashKey=hash_key, Data=b"x")
        assert put["ShardId"] == shard["ShardId"]


def test_sequence_numbers_grow_within_a_shard_and_keep_the_order_of_puts(kinesis, fresh):
    stream = fresh()
    create_stream(kinesis, stream)
    bodies = [f"{n}".encode() for n in range(1500)]
    put_all(kinesis, stream, [("k", body) for body in bodies])
    for n in range(20):
        previous = kinesis.put_record(StreamName=stream, PartitionKey="k", Data=f"single-{n}".encode())
    (shard,) = shards_of(kinesis, stream)
    records = read_shard(kinesis, stream, shard["ShardId"])
    assert [r["Data"] for r in records] == bodies + [f"single-{n}".encode() for n in range(20)]
    numbers = [int(r["SequenceNumber"]) for r in records]
    assert numbers == sorted(set(numbers))
    assert str(numbers[-1]) == previous["SequenceNumber"]


def test_all_five_iterator_types_begin_where_they_say(kinesis, fresh):
    stream = fresh()
    create_stream(kinesis, stream)
    puts = [kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"%d" % n) for n in range(3)]
    time.sleep(0.01)  # a later millisecond, so that AT_TIMESTAMP can tell them apart
    middle = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(0.01)
    puts += [kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"%d" % n) for n in range(3, 6)]
    shard = puts[0]["ShardId"]

    def bodies(**start):
        return b"".join(r["Data"] for r in read_shard(kinesis, stream, shard, **start))

    assert bodies(ShardIteratorType="TRIM_HORIZON") == b"012345"
    number = puts[2]["SequenceNumber"]
    assert bodies(ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=number) == b"2345"
    assert bodies(ShardIteratorType="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=number) == b"345"
    assert bodies(ShardIteratorType="AT_TIMESTAMP", Timestamp=middle) == b"345"
    latest = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="LATEST")
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"6")
    page = kinesis.get_records(ShardIterator=latest["ShardIterator"])
    assert [r["Data"] for r in page["Records"]] == [b"6"]


def test_pages_follow_each_other_without_gap_or_overlap(kinesis, fresh):
    stream = fresh()
    create_stream(kinesis, stream)
    put_all(kinesis, stream, [("k", b"%d" % n) for n in range(100)])
    (shard,) = shards_of(kinesis, stream)
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    seen = []
    while len(seen) < 100:
        page = kinesis.get_records(ShardIterator=iterator, Limit=7)
        assert 0 < len(page["Records"]) <= 7
        seen += page["Records"]
        iterator = page["NextShardIterator"]
    assert [r["Data"] for r in seen] == [b"%d" % n for n in range(100)]
    assert kinesis.get_records(ShardIterator=iterator)["Records"] == []


def test_streams_are_listed_described_tagged_and_deleted(kinesis, fresh, error_of):
    names = [fresh(f"{n}") for n in range(3)]
    for name in names:
        create_stream(kinesis, name, shards=2)
    listed = [n for page in kinesis.get_paginator("list_streams").paginate(Limit=2) for n in page["StreamNames"]]
    assert set(names) <= set(listed) and len(listed) == len(set(listed))
    described = kinesis.describe_stream(StreamName=names[0])["StreamDescription"]
    assert described["StreamStatus"] == "ACTIVE" and len(described["Shards"]) == 2
    assert kinesis.describe_stream_summary(StreamName=names[0])["StreamDescriptionSummary"]["OpenShardCount"] == 2
    kinesis.add_tags_to_stream(StreamName=names[0], Tags={"team": "lake", "stage": "test"})
    kinesis.remove_tags_from_stream(StreamName=names[0], TagKeys=["stage"])
    assert kinesis.list_tags_for_stream(StreamName=names[0])["Tags"] == [{"Key": "team", "Value": "lake"}]
    kinesis.delete_stream(StreamName=names[0])

    def gone():
        try:
            kinesis.describe_stream_summary(StreamName=names[0])
        except kinesis.exceptions.ResourceNotFoundException:
            return True
        return False

    wait_until(gone, "the stream is deleted")
    assert error_of(kinesis.create_stream, StreamName=names[1], ShardCount=1)[0] == "ResourceInUseException"


def test_a_stream_can_be_named_by_its_arn(kinesis, fresh):
    stream = fresh()
    arn = create_stream(kinesis, stream)
    put = kinesis.put_record(StreamARN=arn, PartitionKey="k", Data=b"by arn")
    assert read_shard(kinesis, stream, put["ShardId"])[0]["Data"] == b"by arn"


def test_two_regions_never_see_each_others_streams(server, fresh):
    here, there = server.client("kinesis", region="us-east-1"), server.client("kinesis", region="eu-west-1")
    stream = fresh()
    create_stream(here, stream)
    create_stream(there, stream)
    here.put_record(StreamName=stream, PartitionKey="k", Data=b"here")
    (shard,) = shards_of(there, stream)
    assert read_shard(there, stream, shard["ShardId"]) == []


def test_records_up_to_the_limits_are_taken(kinesis, fresh):
    stream = fresh()
    create_stream(kinesis, stream)
    largest = b"x" * (1 << 20)
    put = kinesis.put_record(StreamName=stream, PartitionKey="k" * 256, Data=largest[:-256])
    answer = kinesis.put_records(
        StreamName=stream, Records=[{"PartitionKey": str(n), "Data": b"y" * 1000} for n in range(500)]
    )
    assert answer["FailedRecordCount"] == 0 and len(answer["Records"]) == 500
    assert len(read_shard(kinesis, stream, put["ShardId"])[0]["Data"]) == (1 << 20) - 256


@pytest.mark.parametrize("graceful", [True, False], ids=["stopped", "killed"])
def test_everything_acknowledged_is_there_after_a_restart(own_server, fresh, graceful):
    server = own_server()
    kinesis = server.client("kinesis")
    stream = fresh()
    create_stream(kinesis, stream, shards=2)
    kinesis.add_tags_to_stream(StreamName=stream, Tags={"kept": "yes"})
    bodies = {b"%d" % n for n in range(700)}
    put_all(kinesis, stream, [(body.decode(), body) for body in bodies])
    if graceful:
        assert server.stop() == 0
    else:
        server.kill9()
    server.start()
    kinesis = server.client("kinesis")
    seen = [r["Data"] for s in shards_of(kinesis, stream) for r in read_shard(kinesis, stream, s["ShardId"])]
    assert len(seen) == 700 and set(seen) == bodies
    assert kinesis.list_tags_for_stream(StreamName=stream)["Tags"] == [{"Key": "kept", "Value": "yes"}]
