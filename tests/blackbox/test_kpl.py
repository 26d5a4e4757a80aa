"""The Kinesis Producer Library writes aggregated records over TLS; others, and Mulgil itself, take them apart."""

import collections
import json
import subprocess

import peers
import pytest
from pipeline import create_delivery, create_stream, parquet_table, to_parquet
from server import wait_until

RECORDS = 2000
KEYS = 7

pytestmark = pytest.mark.timeout(peers.INSTALL_SECONDS_MAX + 2 * peers.RUN_SECONDS_MAX)


def run(command: list, environment: dict) -> dict:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False,
                          timeout=peers.RUN_SECONDS_MAX)
    assert done.returncode == 0, done.stderr[-6000:]
    print(done.stderr[-3000:])
    return json.loads(done.stdout)


def produce(server, stream: str) -> None:
    """The library writes to a stream of two shards."""
    command = [*peers.java("kpl", "Produce"), stream, str(RECORDS)]
    seen = run(command, peers.environment(server) | peers.tls(server))
    assert seen["acknowledged"] == RECORDS and len(seen["shards"]) == 2
    assert seen["sequences"] < RECORDS / 10, "records were aggregated"


def test_the_client_library_takes_the_aggregates_apart(server, kinesis):
    create_stream(kinesis, "aggregated", shards=2)
    produce(server, "aggregated")
    seen = run([*peers.java("kcl", "Deaggregate"), "aggregated"], peers.environment(server))
    assert seen["raw"] < RECORDS / 10
    keys = collections.defaultdict(list)
    for key, text in seen["records"]:
        keys[key].append(json.loads(text)["id"])
    # The library sends batches side by side, so that it keeps no order.
    assert {key: sorted(ids) for key, ids in keys.items()} == {
        f"key-{key}": list(range(key, RECORDS, KEYS)) for key in range(KEYS)}


def test_a_delivery_takes_the_aggregates_apart(server, kinesis, firehose, glue, sql, bucket, database, fresh):
    stream = fresh()
    arn = create_stream(kinesis, stream, shards=2)
    parquet_table(glue, database, "rows", f"s3://{bucket}/rows/", [("id", "bigint"), ("name", "string")])
    create_delivery(firehose, fresh("d"), bucket, source=arn, prefix="rows/",
                    conversion=to_parquet(database, "rows", "us-east-1"))
    produce(server, stream)
    wait_until(lambda: sql.value("SELECT count(*) FROM rows") >= RECORDS, "every record is a row", every=0.1)
    assert sql.rows("SELECT count(*), count(DISTINCT id), max(id), max_by(name, id) FROM rows") == [
        (RECORDS, RECORDS, RECORDS - 1, f"record-{RECORDS - 1}")]
