"""A full disk: errors that clients retry, nothing acknowledged lost, work goes on when there is space."""

import os
import subprocess

import pytest
from botocore.exceptions import ClientError
from pipeline import create_stream, read_shard, shards_of
from server import Server, wait_until

SIZE_MB = 96
# What SDKs retry by themselves.
RETRIED = ("ProvisionedThroughputExceededException", "ThrottlingException", "LimitExceededException",
           "ServiceUnavailable", "ServiceUnavailableException", "InternalFailure", "SlowDown", "InternalError",
           "KMSThrottlingException", "InternalServerException")


@pytest.fixture
def small_disk(tmp_path):
    mount = tmp_path / "disk"
    mount.mkdir()
    if os.geteuid() != 0 or subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "mulgil-test", str(mount)], check=False
    ).returncode:
        pytest.skip("NOT TESTED: a full disk. It needs a file system of its own, and only root may mount one.")
    yield mount
    subprocess.run(["umount", "--lazy", str(mount)], check=True)


def put_until_refused(put, limit: int) -> tuple[list, str]:
    acknowledged = []
    for n in range(limit):
        try:
            acknowledged.append(put(n))
        except ClientError as error:
            return acknowledged, error.response["Error"]["Code"]
    raise AssertionError("the disk never became full")


def test_acknowledged_data_survives_a_full_disk_and_writes_go_on_when_there_is_space(small_disk):
    server = Server(small_disk / "data")
    try:
        server.start()
        check(server, small_disk / "ballast")
    finally:
        server.dispose()


def check(server, ballast):
    kinesis, s3 = server.client("kinesis"), server.client("s3")
    create_stream(kinesis, "s")
    s3.create_bucket(Bucket="full")
    (shard,) = shards_of(kinesis, "s")
    free = os.statvfs(ballast.parent)
    ballast.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - (24 << 20))))

    def put_record(n):
        body = b"%08d" % n + os.urandom(500_000)
        return body, kinesis.put_record(StreamName="s", PartitionKey="k", Data=body)["SequenceNumber"]

    def put_object(n):
        body = os.urandom(500_000)
        s3.put_object(Bucket="full", Key=f"{n}", Body=body)
        return f"{n}", body

    records, code = put_until_refused(put_record, 400)
    assert records and code in RETRIED, code
    _, code = put_until_refused(put_object, 400)
    assert code in RETRIED, code
    assert server.healthy()

    def everything_is_there():
        stored = {r["SequenceNumber"]: r["Data"] for r in read_shard(kinesis, "s", shard["ShardId"])}
        assert all(stored[number] == body for body, number in records)

    everything_is_there()
    ballast.unlink()
    records.append(wait_until(lambda: try_put(put_record, len(records)), "records are taken again"))
    key, body = wait_until(lambda: try_put(put_object, 1000), "objects are taken again")
    assert s3.get_object(Bucket="full", Key=key)["Body"].read() == body
    everything_is_there()
    server.kill9()
    server.start()
    kinesis = server.client("kinesis")
    stored = {r["SequenceNumber"]: r["Data"] for r in read_shard(kinesis, "s", shard["ShardId"])}
    assert all(stored[number] == body for body, number in records)


def try_put(put, n):
    try:
        return put(n)
    except ClientError as error:
        assert error.response["Error"]["Code"] in RETRIED
        return None
