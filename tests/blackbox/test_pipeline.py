"""The whole pipeline: boto3 producer, stream, Firehose, Parquet, Athena."""

import base64
import collections
import datetime
import json
import random

from athena import Sql
from pipeline import create_delivery, create_stream, keys_below, parquet_table, put_all, to_parquet
from server import wait_until

CITIES = ["Seoul", "Busan", "Jeju", "Daegu"]


def test_every_record_put_is_a_row_or_an_error_and_new_partitions_need_no_repair(
    server, kinesis, firehose, glue, athena, s3, bucket, database, fresh, seed
):
    random_ = random.Random(seed)
    columns = [("id", "bigint"), ("city", "string"), ("fare", "double"), ("at", "timestamp")]
    parquet_table(glue, database, "trips", f"s3://{bucket}/trips/", columns, [("day", "string")])
    stream = fresh("stream")
    arn = create_stream(kinesis, stream, shards=3)
    create_delivery(
        firehose, fresh("delivery"), bucket, source=arn,
        prefix="trips/day=!{timestamp:yyyy-MM-dd}/",
        error_prefix="errors/!{firehose:error-output-type}/!{timestamp:yyyy}/",
        conversion=to_parquet(database, "trips", "us-east-1"),
    )
    good, bad, records = [], [], []
    for n in range(6000):
        if random_.random() < 0.01:
            data = random_.choice([b"not json %d" % n, b'{"id": "x%d"}' % n, b'{"id": %d, "fare": []}' % n])
            bad.append(data)
        else:
            trip = {"id": n, "city": random_.choice(CITIES), "fare": round(random_.random() * 50, 2),
                    "at": f"2026-01-{n % 28 + 1:02} 12:00:00"}
            good.append(trip)
            data = json.dumps(trip).encode()
        records.append((str(random_.random()), data))
    put_all(kinesis, stream, records)

    sql = Sql(athena, f"s3://{bucket}/results/", database)
    wait_until(lambda: sql.value("SELECT count(*) FROM trips") == len(good), "every good record is a row", every=0.2)
    assert sql.value("SELECT count(DISTINCT id) FROM trips") == len(good)
    by_city = dict(sql.rows("SELECT city, count(*) FROM trips GROUP BY city"))
    assert by_city == collections.Counter(trip["city"] for trip in good)
    total = sql.value("SELECT sum(fare) FROM trips")
    assert abs(total - sum(trip["fare"] for trip in good)) < 0.01
    assert sql.value("SELECT count(*) FROM trips WHERE at < TIMESTAMP '2026-01-15 00:00:00'") == sum(
        trip["at"] < "2026-01-15" for trip in good)

    days = {row[0] for row in sql.rows("SELECT DISTINCT day FROM trips")}
    today = datetime.datetime.now(datetime.timezone.utc).date()
    assert days <= {today.isoformat(), (today - datetime.timedelta(days=1)).isoformat()}
    partitions = glue.get_partitions(DatabaseName=database, TableName="trips")["Partitions"]
    assert {p["Values"][0] for p in partitions} == days

    def errors():
        found = [json.loads(line) for key in keys_below(s3, bucket, "errors/")
                 for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
        return found if len(found) >= len(bad) else None

    found = wait_until(errors, "every bad record is in the error output")
    assert sorted(base64.b64decode(e["rawData"]) for e in found) == sorted(bad)
    assert all(e["lastErrorMessage"] and e["arrivalTimestamp"] > 1_700_000_000_000 for e in found)
    assert all(key.startswith("errors/format-conversion-failed/") for key in keys_below(s3, bucket, "errors/"))


def test_a_put_is_queryable_soon_after_at_zero_buffering(
    kinesis, firehose, glue, athena, bucket, database, fresh
):
    parquet_table(glue, database, "events", f"s3://{bucket}/events/", [("n", "bigint")])
    stream = fresh("stream")
    arn = create_stream(kinesis, stream)
    create_delivery(firehose, fresh("delivery"), bucket, source=arn, prefix="events/",
                    conversion=to_parquet(database, "events", "us-east-1"))
    sql = Sql(athena, f"s3://{bucket}/results/", database)
    for n in range(5):
        kinesis.put_record(StreamName=stream, PartitionKey="k", Data=json.dumps({"n": n}).encode())
        wait_until(lambda: sql.value("SELECT count(*) FROM events") == n + 1, f"record {n} is queryable")


def test_two_deliveries_of_one_stream_each_get_every_record(
    kinesis, firehose, glue, athena, bucket, database, fresh
):
    stream = fresh("stream")
    arn = create_stream(kinesis, stream, shards=2)
    for name in ("a", "b"):
        parquet_table(glue, database, name, f"s3://{bucket}/{name}/", [("n", "bigint")])
        create_delivery(firehose, fresh(name), bucket, source=arn, prefix=f"{name}/",
                        conversion=to_parquet(database, name, "us-east-1", compression=["SNAPPY", "GZIP"][name == "b"]))
    put_all(kinesis, stream, [(str(n), json.dumps({"n": n}).encode()) for n in range(2000)])
    sql = Sql(athena, f"s3://{bucket}/results/", database)
    for name in ("a", "b"):
        wait_until(lambda: sql.value(f"SELECT count(*) FROM {name}") == 2000, f"{name} has every record", every=0.1)
        assert sql.rows(f"SELECT min(n), max(n), count(DISTINCT n) FROM {name}") == [(0, 1999, 2000)]
