"""The AWS SDKs of five languages hold the same conversation with the binary, and see the same."""

import base64
import collections
import json
import pathlib
import subprocess
import sys

import peers
import pytest

PEERS = {
    "python": peers.python_peer, "js": peers.js_peer, "go": peers.go_peer, "rust": peers.rust_peer,
    "java": peers.java_peer,
}

# The first run installs and compiles.
pytestmark = pytest.mark.timeout(peers.INSTALL_SECONDS_MAX + peers.RUN_SECONDS_MAX)


@pytest.fixture(params=PEERS, scope="module")
def peer(request):
    return PEERS[request.param]()


def by_key(records) -> dict:
    keys = collections.defaultdict(list)
    for key, text in records:
        keys[key].append(text)
    return keys


def put_by_key(count: int, keys: int) -> dict:
    return by_key((f"key-{n % keys}", f"record-{n}") for n in range(count))


def test_records_put_are_read_and_errors_have_their_names(peer, server, fresh):
    seen = peers.converse(peer, server, fresh("s"), "put-get")["put-get"]
    assert seen["shards"] == ["shardId-000000000000", "shardId-000000000001"]
    assert seen["failed"] == 0 and seen["recent"]
    assert bytes.fromhex(seen["binary"]) == bytes(range(256))
    assert by_key(seen["records"]) == put_by_key(100, 7)
    assert seen["missingStream"] == "ResourceNotFoundException"
    assert seen["badIterator"] == "InvalidArgumentException"


def test_a_subscription_pushes_what_is_there_and_what_comes(peer, server, fresh):
    seen = peers.converse(peer, server, fresh("s"), "subscribe")["subscribe"]
    assert seen["status"] == "ACTIVE" and seen["consumers"] == []
    assert seen["texts"] == [f"record-{n}" for n in range(40)]
    assert seen["continues"] and seen["behind"] >= 0


def test_resharding_keeps_records_and_their_order(peer, server, fresh):
    seen = peers.converse(peer, server, fresh("s"), "reshard")["reshard"]
    assert by_key(seen["records"]) == put_by_key(80, 5)
    shard = "shardId-{:012}".format
    # One, split into 1 and 2, merged into 3, scaled to 4 and 5.
    assert seen["lineage"] == [
        [shard(0), None, None], [shard(1), shard(0), None], [shard(2), shard(0), None], [shard(3), shard(1), shard(2)],
        [shard(4), shard(3), None], [shard(5), shard(3), None],
    ]
    assert seen["ended"] == [shard(n) for n in range(4)] and seen["open"] == [shard(4), shard(5)]


@pytest.mark.parametrize("name", [name for name in PEERS if name != "rust"])
def test_the_same_over_tls(name, server, fresh):
    # The Rust peer is built without TLS, which would take longer to compile than everything else.
    seen = peers.converse(PEERS[name](), server, fresh("s"), "put-get", "subscribe", **peers.tls(server))
    assert by_key(seen["put-get"]["records"]) == put_by_key(100, 7)
    assert seen["subscribe"]["texts"] == [f"record-{n}" for n in range(40)]


class TestAwsCli:
    """The command line writes, reads and reshards; it has no subscriptions."""

    @pytest.fixture
    def aws(self, server, tmp_path):
        def run(*arguments):
            command = [sys.executable, pathlib.Path(sys.executable).with_name("aws"), "kinesis", *arguments]
            done = subprocess.run(command, env=server.cli_environment(tmp_path), cwd=tmp_path, capture_output=True,
                                  text=True, timeout=peers.RUN_SECONDS_MAX, check=False)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout or "null")

        return run

    def read(self, aws, stream, shard):
        iterator = aws("get-shard-iterator", "--stream-name", stream, "--shard-id", shard, "--shard-iterator-type",
                       "TRIM_HORIZON")["ShardIterator"]
        answer = aws("get-records", "--shard-iterator", iterator)
        return [base64.b64decode(record["Data"]).decode() for record in answer["Records"]], answer

    def test_it_puts_reads_splits_merges_and_scales(self, aws, fresh):
        stream = fresh("s")
        aws("create-stream", "--stream-name", stream, "--shard-count", "1")
        aws("wait", "stream-exists", "--stream-name", stream)
        put = lambda text: aws("put-record", "--stream-name", stream, "--partition-key", text, "--data",
                               text)["ShardId"]
        assert put("first") == "shardId-000000000000"
        aws("split-shard", "--stream-name", stream, "--shard-to-split", "shardId-000000000000",
            "--new-starting-hash-key", str(1 << 127))
        aws("wait", "stream-exists", "--stream-name", stream)
        texts, answer = self.read(aws, stream, "shardId-000000000000")
        assert texts == ["first"]
        if answer.get("NextShardIterator"):
            answer = aws("get-records", "--shard-iterator", answer["NextShardIterator"])
        assert [c["ShardId"] for c in answer["ChildShards"]] == ["shardId-000000000001", "shardId-000000000002"]
        child = put("second")
        assert self.read(aws, stream, child)[0] == ["second"]
        aws("merge-shards", "--stream-name", stream, "--shard-to-merge", "shardId-000000000001",
            "--adjacent-shard-to-merge", "shardId-000000000002")
        aws("wait", "stream-exists", "--stream-name", stream)
        assert put("third") == "shardId-000000000003"
        aws("update-shard-count", "--stream-name", stream, "--target-shard-count", "2", "--scaling-type",
            "UNIFORM_SCALING")
        aws("wait", "stream-exists", "--stream-name", stream)
        shards = aws("list-shards", "--stream-name", stream)["Shards"]
        assert len([s for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]]) == 2
