"""The Kinesis Client Library with two workers, polling and subscribed, while shards split and merge and one dies."""

import collections
import itertools
import json
import subprocess
import threading

import boto3
import peers
import pytest
from pipeline import create_stream
from server import free_port, wait_until

KEYS = 20
MODES = ("polling", "fanout")
# Two JVMs and a third for the leases start on cores that do other things too.
GUARD_SECONDS = 180

pytestmark = pytest.mark.timeout(peers.INSTALL_SECONDS_MAX + 3 * GUARD_SECONDS)


@pytest.fixture(scope="module")
def leases():
    """The endpoint of a DynamoDB that keeps leases."""
    lib = peers.jars("dynamodb")
    port = free_port()
    process = subprocess.Popen(
        ["java", "-Xmx256m", *peers.SHORT_RUN, f"-Djava.library.path={lib}",
         f"-Dsqlite4java.library.path={lib}", "-cp", f"{lib}/*",
         "com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory", "-sharedDb", "-disableTelemetry",
         "-port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: process.poll() is not None or peers.answers(endpoint), "DynamoDB Local answers")
        assert process.poll() is None, "DynamoDB Local ended"
        yield endpoint
    finally:
        process.kill()
        process.wait()


class Worker:
    """One JVM with a scheduler for each application; what it prints is an event each."""

    def __init__(self, name, server, leases, stream, applications, log):
        environment = peers.environment(server) | {"DYNAMODB_ENDPOINT_URL": leases}
        command = [*peers.java("kcl", "Worker"), name, stream, *applications]
        self.log = log
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=log.open("wb"),
                                        stderr=log.with_suffix(".err").open("wb"))

    def events(self) -> list[dict]:
        lines = self.log.read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in lines]

    def errors(self) -> str:
        return self.log.with_suffix(".err").read_text(errors="replace")[-6000:]

    def alive(self) -> bool:
        return self.process.poll() is None

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(GUARD_SECONDS) == 0, self.errors()


class Writer(threading.Thread):
    """Puts numbered records under every key, until told to stop; one record of a key at a time keeps their order."""

    def __init__(self, kinesis, stream):
        super().__init__(daemon=True)
        self.kinesis, self.stream = kinesis, stream
        self.halt, self.put, self.failure = threading.Event(), 0, None

    def run(self):
        try:
            for number in itertools.count():
                if self.halt.wait(0.05):
                    return
                self.put_one_of_each(number)
                self.put = number + 1
        except Exception as failure:  # noqa: BLE001, the test raises it
            self.failure = failure

    def put_one_of_each(self, number):
        waiting = [{"PartitionKey": f"key-{key}", "Data": f"key-{key}:{number}"} for key in range(KEYS)]
        while waiting:
            answer = self.kinesis.put_records(StreamName=self.stream, Records=waiting)["Records"]
            waiting = [record for record, outcome in zip(waiting, answer) if "ErrorCode" in outcome]

    def finish(self) -> set[str]:
        self.halt.set()
        self.join()
        if self.failure:
            raise self.failure
        return {f"key-{key}:{number}" for key in range(KEYS) for number in range(self.put)}


class Group:
    """The workers of one test, seen together."""

    def __init__(self, applications):
        self.applications, self.workers = applications, []

    def events(self, kind=None) -> list[dict]:
        found = [event for worker in self.workers for event in worker.events()]
        return sorted((e for e in found if kind in (None, e["event"])), key=lambda event: event["at"])

    def wait(self, what, condition):
        """Until every application's events satisfy `condition`."""
        def holds():
            running = [worker for worker in self.workers if worker.process.returncode is None]
            assert all(worker.alive() for worker in running), "\n".join(w.errors() for w in running)
            return all(condition([e for e in self.events() if e["application"] == a]) for a in self.applications)

        try:
            wait_until(holds, what, GUARD_SECONDS, every=0.2)
        except AssertionError as gave_up:
            summary = collections.Counter(
                (e["application"], e["worker"], e["shard"], e["event"]) for e in self.events())
            lines = [f"{row}: {count}" for row, count in sorted(summary.items(), key=str)]
            raise AssertionError("\n".join([str(gave_up), *lines, *(w.errors() for w in self.workers)])) from None


def got(worker, shards=None):
    """Whether a worker was given records (of one of the shards)."""
    return lambda events: any(e["event"] == "record" and e["worker"] == worker and (not shards or e["shard"] in shards)
                              for e in events)


def in_order(records) -> bool:
    """Whether each key's numbers were first delivered in their order."""
    first = dict.fromkeys(event["text"] for event in records)
    keys = collections.defaultdict(list)
    for text in first:
        key, number = text.split(":")
        keys[key].append(int(number))
    return all(numbers == sorted(numbers) for numbers in keys.values())


def check_checkpoints(events):
    """Whoever starts on a shard reads on from where the one before had told that it was."""
    told = {}
    for event in events:
        shard = event["application"], event["shard"]
        if event["event"] == "starts":
            last, start = told.get(shard), event["sequence"]
            # A worker may be killed after the checkpoint and before it said so.
            assert last is None or (start.isdigit() and int(start) >= int(last)), (shard, last, start)
        elif event["event"] == "checkpointed":
            told[shard] = event["sequence"]


def stored_checkpoints(server, leases, table) -> dict[str, str]:
    dynamodb = boto3.client("dynamodb", endpoint_url=leases, region_name=server.credentials["AWS_REGION"],
                            aws_access_key_id="any", aws_secret_access_key="any")
    items = dynamodb.scan(TableName=table)["Items"]
    return {item["leaseKey"]["S"]: item["checkpoint"]["S"] for item in items if "checkpoint" in item}


def open_shards(kinesis, stream) -> list[str]:
    shards = kinesis.list_shards(StreamName=stream)["Shards"]
    return [s["ShardId"] for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]]


def start(group, name, server, leases, stream, tmp_path):
    group.workers.append(Worker(name, server, leases, stream, group.applications, tmp_path / f"{name}.jsonl"))
    return group.workers[-1]


def reshard_and_kill(group, kinesis, stream, victim, survivor):
    first, second = open_shards(kinesis, stream)
    hashes = {s["ShardId"]: s["HashKeyRange"] for s in kinesis.list_shards(StreamName=stream)["Shards"]}
    middle = (int(hashes[first]["StartingHashKey"]) + int(hashes[first]["EndingHashKey"])) // 2
    kinesis.split_shard(StreamName=stream, ShardToSplit=first, NewStartingHashKey=str(middle))
    wait_until(lambda: len(open_shards(kinesis, stream)) == 3, "the shard is split")
    children = set(open_shards(kinesis, stream)) - {second}
    group.wait("the split shard's children are read",
               lambda events: children <= {e["shard"] for e in events if e["event"] == "record"})
    victim.kill9()
    left, right = sorted(open_shards(kinesis, stream), key=lambda shard: shard in children)[1:]
    kinesis.merge_shards(StreamName=stream, ShardToMerge=left, AdjacentShardToMerge=right)
    wait_until(lambda: len(open_shards(kinesis, stream)) == 2, "the shards are merged")
    merged = set(open_shards(kinesis, stream)) - {second}
    group.wait("the merged shard is read by the worker that is left", got(survivor, merged))


def test_two_workers_get_every_record_while_shards_move_and_one_is_killed(server, kinesis, fresh, leases, tmp_path):
    stream = fresh("s")
    create_stream(kinesis, stream, shards=2)
    group = Group([f"{stream}-{mode}" for mode in MODES])
    writer = Writer(server.client("kinesis", retries=5), stream)
    writer.start()
    try:
        start(group, "one", server, leases, stream, tmp_path)
        group.wait("the first worker reads", got("one"))
        victim = start(group, "two", server, leases, stream, tmp_path)
        group.wait("the second worker reads", got("two"))
        reshard_and_kill(group, kinesis, stream, victim, "one")
        written = writer.finish()
        group.wait("every record is delivered",
                   lambda events: written <= {e["text"] for e in events if e["event"] == "record"})
        group.workers[0].stop()
    finally:
        writer.halt.set()
        for worker in group.workers:
            worker.kill9()
    check_checkpoints(group.events())
    for application in group.applications:
        records = [e for e in group.events("record") if e["application"] == application]
        print(f"{application}: {len(written)} written, {len(records)} delivered")
        assert {event["text"] for event in records} == written
        assert in_order(records)
        last = {event["shard"]: event["sequence"] for event in records}
        stored = stored_checkpoints(server, leases, application)
        for shard in open_shards(kinesis, stream):
            assert shard not in last or stored[shard] == last[shard]
