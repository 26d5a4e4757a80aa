"""`mulgil log inspect`: reads the log's files beside a running server, and says whether they are damaged."""

import json

from pipeline import create_stream
from server import run_mulgil

RECORDS = 200


def inspect(server, *arguments):
    return run_mulgil("log", "inspect", "--data-dir", str(server.data_dir), *arguments)


def test_what_was_put_is_shown_while_the_server_runs_and_damage_by_the_exit_code(own_server):
    server = own_server()
    kinesis = server.client("kinesis")
    create_stream(kinesis, "s", shards=2)
    for n in range(RECORDS // 10):
        entries = [{"Data": b"%06d" % (n * 10 + i), "PartitionKey": f"{n}-{i}"} for i in range(10)]
        assert kinesis.put_records(StreamName="s", Records=entries)["FailedRecordCount"] == 0

    shown = inspect(server, "--json", "--frames")
    assert shown.returncode == 0, shown.stderr
    *frames, summary = map(json.loads, shown.stdout.splitlines())
    assert not summary["is_damaged"] and summary["repeated_offsets"] == 0
    assert sum(segment["records"] for segment in summary["segments"]) == RECORDS
    assert sum(frame["records"] for frame in frames) == RECORDS
    by_partition = {}
    for frame in frames:
        assert frame["first"] == by_partition.get(frame["partition"], 0), "offsets have no gap"
        by_partition[frame["partition"]] = frame["first"] + frame["records"]
    assert {int(id): partition["end"] for id, partition in summary["partitions"].items()} == by_partition
    text = inspect(server)
    assert text.returncode == 0 and f"{RECORDS} records" in text.stdout

    server.kill9()
    segment = server.data_dir / "log" / summary["segments"][0]["file"]
    content = bytearray(segment.read_bytes())
    content[frames[1]["position"] + frames[1]["bytes"] - 1] ^= 1
    segment.write_bytes(content)
    damaged = inspect(server)
    assert damaged.returncode == 1
    assert "DAMAGED" in damaged.stdout and "is damaged" in damaged.stderr
    server.start()
    after = inspect(server, "--json")
    assert after.returncode == 1, "what is quarantined stays visible"


def test_a_directory_without_a_log_is_an_error_in_one_sentence(tmp_path):
    missing = run_mulgil("log", "inspect", "--data-dir", str(tmp_path / "none"))
    assert missing.returncode == 1
    assert missing.stderr.startswith("mulgil: cannot read the log in ")
