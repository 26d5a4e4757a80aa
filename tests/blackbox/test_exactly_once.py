"""Exactly once under fire: two million records, one in a hundred of which does not fit, through SIGKILLs."""

import base64
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

from athena import Sql
from pipeline import create_delivery, create_stream, keys_below, parquet_table, to_parquet
from server import wait_until

RECORDS = 2_000_000
BATCH = 500
KILLS = 8
PRODUCERS = 4
REGION = "us-east-1"


def record(id):
    """One in a hundred has a number that is none."""
    n = '"many"' if id % 100 == 7 else str(id % 1000)
    return f'{{"id":{id},"n":{n}}}'.encode()


def test_each_valid_record_is_in_the_table_once_and_each_other_one_in_the_error_output_once(own_server, seed):
    server = own_server()
    kinesis, firehose, glue, s3 = (server.client(c) for c in ("kinesis", "firehose", "glue", "s3"))
    s3.create_bucket(Bucket="lake")
    glue.create_database(DatabaseInput={"Name": "fire"})
    source = create_stream(kinesis, "fire", 4)
    parquet_table(glue, "fire", "events", "s3://lake/events/", [("id", "bigint"), ("n", "int")], [("hour", "string")])
    create_delivery(
        firehose, "fire", "lake", source=source, conversion=to_parquet("fire", "events", REGION),
        prefix="events/hour=!{timestamp:HH}/", error_prefix="errors/!{firehose:error-output-type}/", interval=0,
    )
    # Only what is in files counts here.
    firehose.tag_delivery_stream(DeliveryStreamName="fire", Tags=[{"Key": "mulgil:live", "Value": "false"}])
    chance = random.Random(seed)
    starts = iter(range(0, RECORDS, BATCH))
    kill_after = sorted(chance.sample(range(1, RECORDS // BATCH), KILLS))
    put = 0
    with ThreadPoolExecutor(PRODUCERS) as pool:
        for stop_at in [*kill_after, RECORDS // BATCH]:
            # Nothing is in flight when the process dies, so that the stream holds exactly what was put.
            for _ in pool.map(lambda start: put_batch(kinesis, start), [next(starts) for _ in range(stop_at - put)]):
                pass
            put = stop_at
            if stop_at < RECORDS // BATCH:
                time.sleep(chance.random() * 0.3)
                server.kill9()
                server.start()

    sql = Sql(server.client("athena"), "s3://lake/answers/", "fire")
    bad = RECORDS // 100
    good = RECORDS - bad
    wait_until(lambda: sql.value("SELECT count(*) FROM events") >= good, "every record is delivered", 300, every=0.5)
    assert sql.rows("SELECT count(*), count(DISTINCT id), count_if(id % 100 = 7) FROM events") == [(good, good, 0)]
    wait_until(lambda: len(rejected(s3)) >= bad, "every rejected record is in the error output", 60, every=0.5)
    ids = rejected(s3)
    assert len(ids) == bad and set(ids) == set(range(7, RECORDS, 100))


def put_batch(kinesis, start):
    records = [{"PartitionKey": str(id), "Data": record(id)} for id in range(start, min(start + BATCH, RECORDS))]
    while records:
        answer = kinesis.put_records(StreamName="fire", Records=records)
        records = [r for r, result in zip(records, answer["Records"], strict=True) if "ErrorCode" in result]


def rejected(s3):
    lines = (
        line
        for key in keys_below(s3, "lake", "errors/format-conversion-failed/")
        for line in s3.get_object(Bucket="lake", Key=key)["Body"].read().splitlines()
    )
    return [json.loads(base64.b64decode(json.loads(line)["rawData"]))["id"] for line in lines]
