"""`mulgil firehose replay`: an error output put again."""

import base64
import json
import random
import re
import signal
import subprocess

from pipeline import create_delivery, json_records, keys_below, parquet_table, to_parquet
from server import binary, clean_environment, run_mulgil, wait_until


def replay(server, prefix, *arguments):
    return run_mulgil(
        "firehose", "replay", "--error-prefix", prefix, "--data-dir", str(server.data_dir), *arguments
    )


def error_lines(s3, bucket):
    keys = [key for key in keys_below(s3, bucket, "errors/") if "/_" not in key]
    return [line for key in keys for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]


def lines(s3, bucket, prefix):
    keys = keys_below(s3, bucket, prefix)
    text = b"".join(s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys)
    return sorted(text.splitlines())


def test_what_failed_is_delivered_once_when_the_table_is_mended(
    server, firehose, s3, glue, sql, bucket, database, fresh
):
    parquet_table(glue, database, "t", f"s3://{bucket}/data/", [("id", "int")])
    name = fresh()
    create_delivery(firehose, name, bucket, conversion=to_parquet(database, "t", "us-east-1"))
    large = [{"id": 3_000_000_000 + n} for n in range(700)]
    for start in range(0, 700, 350):
        records = [{"Data": r} for r in json_records(large[start:start + 350])]
        firehose.put_record_batch(DeliveryStreamName=name, Records=records)
    wait_until(lambda: len(error_lines(s3, bucket)) == 700, "all of them fail")

    table = glue.get_table(DatabaseName=database, Name="t")["Table"]
    table["StorageDescriptor"]["Columns"] = [{"Name": "id", "Type": "bigint"}]
    kept = ("Name", "TableType", "PartitionKeys", "StorageDescriptor", "Parameters")
    glue.update_table(DatabaseName=database, TableInput={k: v for k, v in table.items() if k in kept})

    prefix = f"s3://{bucket}/errors/"
    looked = replay(server, prefix, "--dry-run")
    assert looked.returncode == 0 and "to replay: 700 records" in looked.stdout, looked.stdout + looked.stderr
    done = replay(server, prefix)
    assert done.returncode == 0 and re.search(r"^replayed: 700 records", done.stdout, re.M), done.stdout + done.stderr
    again = replay(server, prefix)
    assert "replayed: 0 records" in again.stdout and again.returncode == 0, again.stdout
    wait_until(lambda: sql.rows("SELECT count(*) FROM t") == [(700,)], "all of them are delivered")
    assert sql.rows("SELECT count(DISTINCT id) FROM t") == [(700,)]


def test_error_objects_of_any_delivery_stream_go_where_they_are_told(server, firehose, s3, bucket, fresh):
    name = fresh()
    create_delivery(firehose, name, bucket, prefix="again/")
    s3.put_object(Bucket=bucket, Key="old/a", Body=b'{"rawData": "b25lCg=="}\n{"rawData": "dHdvCg=="}\n')
    s3.put_object(Bucket=bucket, Key="old/b", Body=b"hello\n")
    unnamed = replay(server, f"s3://{bucket}/old/")
    assert unnamed.returncode == 1 and "--to" in unnamed.stderr
    done = replay(server, f"s3://{bucket}/old/", "--to", name)
    assert done.returncode == 1 and "old/b: line 1 is not an error record" in done.stderr, done.stderr
    assert "replayed: 2 records" in done.stdout
    wait_until(lambda: lines(s3, bucket, "again/") == [b"one", b"two"], "both are delivered")


def test_a_replay_that_is_killed_goes_on_and_repeats_one_batch_at_most(server, firehose, s3, bucket, fresh, seed):
    chance = random.Random(seed)
    name = fresh()
    create_delivery(firehose, name, bucket, prefix="again/")
    total = 20_000
    body = b"".join(
        json.dumps({"rawData": base64.b64encode(b"%d\n" % n).decode()}).encode() + b"\n" for n in range(total)
    )
    s3.put_object(Bucket=bucket, Key="old/a", Body=body)
    command = [binary(), "firehose", "replay", "--error-prefix", f"s3://{bucket}/old/", "--to", name,
               "--data-dir", str(server.data_dir)]
    kills = 0
    while True:
        process = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=0.05 + chance.random() * 0.3 if kills < 5 else 60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            continue
        assert process.returncode == 0, err
        break

    def delivered():
        found = [int(line) for line in lines(s3, bucket, "again/")]
        return found if set(found) == set(range(total)) else None

    found = wait_until(delivered, "every record is delivered")
    assert len(found) - total <= 500 * kills, (len(found), kills)
