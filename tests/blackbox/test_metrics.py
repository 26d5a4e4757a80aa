"""Metrics and the ledger of delivery streams."""

import json
import re
import urllib.error
import urllib.request

import pytest
from athena import Sql
from pipeline import create_delivery, create_stream, put_all
from server import run_mulgil, wait_until
from test_iceberg import deliver, put


def scrape(server, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(f"{server.endpoint}/metrics", headers=headers)) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        return answer.read().decode()


def value(server, metric, stream):
    """The value of a series of a delivery stream; None if there is none."""
    labels = rf'\{{account="000000000000",region="us-east-1",delivery_stream="{re.escape(stream)}"\}}'
    found = re.search(rf"^{metric}{labels} (\S+)$", scrape(server), re.M)
    return float(found[1]) if found else None


def test_what_comes_in_and_what_is_delivered_can_be_watched(server, firehose, bucket, fresh):
    name = fresh()
    create_delivery(firehose, name, bucket, interval=1)
    for _ in range(3):
        firehose.put_record_batch(DeliveryStreamName=name, Records=[{"Data": b"0123456789"}] * 10)
    assert value(server, "firehose_incoming_records_total", name) == 30
    assert value(server, "firehose_incoming_bytes_total", name) == 300
    assert value(server, "firehose_incoming_put_requests_total", name) == 3
    wait_until(lambda: value(server, "firehose_delivery_to_s3_records_total", name) == 30, "all is delivered")
    assert value(server, "firehose_delivery_to_s3_bytes_total", name) == 300
    assert value(server, "firehose_delivery_to_s3_data_freshness_seconds", name) == 0
    assert value(server, "firehose_ledger_pending_records", name) == 0
    assert value(server, "firehose_delivery_failing", name) == 0
    assert "# HELP firehose_delivery_to_s3_data_freshness_seconds DeliveryToS3.DataFreshness: " in scrape(server)


def test_data_that_waits_grows_old(server, firehose, bucket, fresh):
    name = fresh()
    create_delivery(firehose, name, bucket, interval=900)
    assert value(server, "firehose_delivery_to_s3_data_freshness_seconds", name) == 0
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"x"})
    first = wait_until(lambda: value(server, "firehose_delivery_to_s3_data_freshness_seconds", name), "it waits")
    wait_until(lambda: value(server, "firehose_delivery_to_s3_data_freshness_seconds", name) > first, "it grows old")


def test_a_stream_as_source_tells_how_far_behind_the_delivery_is(server, firehose, kinesis, bucket, fresh):
    stream, name = fresh("stream"), fresh("delivery")
    create_delivery(firehose, name, bucket, source=create_stream(kinesis, stream))
    put_all(kinesis, stream, [("k", b"abc")] * 20)
    wait_until(lambda: value(server, "firehose_data_read_from_kinesis_stream_records_total", name) == 20, "it is read")
    assert value(server, "firehose_data_read_from_kinesis_stream_bytes_total", name) == 60
    assert value(server, "firehose_kinesis_millis_behind_latest", name) == 0
    assert value(server, "firehose_incoming_records_total", name) is None


def test_totals_go_on_after_a_restart_and_streams_that_are_gone_have_none(own_server):
    server = own_server()
    firehose = server.client("firehose")
    server.client("s3").create_bucket(Bucket="lake")
    create_delivery(firehose, "d", "lake")
    firehose.put_record(DeliveryStreamName="d", Record={"Data": b"abc"})
    delivered = "firehose_delivery_to_s3_records_total"
    wait_until(lambda: value(server, delivered, "d") == 1, "it is delivered")
    server.kill9()
    server.start()
    assert value(server, delivered, "d") == 1
    server.client("firehose").delete_delivery_stream(DeliveryStreamName="d")
    wait_until(lambda: value(server, delivered, "d") is None, "it is forgotten")


def test_a_token_is_needed_where_one_is_set(own_server, tmp_path):
    config = tmp_path / "mulgil.toml"
    config.write_text("metrics.token = 'a-secret'\n")
    server = own_server("--config", str(config))
    for token in (None, "another"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            scrape(server, token)
        assert refused.value.code == 403 and b"MULGIL_METRICS_TOKEN" in refused.value.read()
    assert "mulgil_log_appended_records_total" in scrape(server, "a-secret")


def test_a_bucket_called_metrics_is_still_a_bucket(server, s3):
    s3.create_bucket(Bucket="metrics")
    s3.put_object(Bucket="metrics", Key="a", Body=b"b")
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="metrics")["Contents"]] == ["a"]
    assert "mulgil_log_appended_records" in scrape(server)


def test_the_ledger_balances_on_the_command_line(server, firehose, bucket, fresh):
    name = fresh()
    create_delivery(firehose, name, bucket)
    firehose.put_record_batch(DeliveryStreamName=name, Records=[{"Data": b"0123456789"}] * 25)

    def ledger():
        shown = run_mulgil("firehose", "ledger", name, "--json", "--data-dir", str(server.data_dir))
        assert shown.returncode == 0, shown.stderr
        found = json.loads(shown.stdout)
        settled = sum(found[line]["records"] for line in ("delivered", "rejected", "missing", "pending"))
        assert found["received"]["records"] == settled + found["dropped"]["records"]
        return found

    wait_until(lambda: ledger()["delivered"] == {"records": 25, "bytes": 250}, "all is delivered")
    shown = run_mulgil("firehose", "ledger", name, "--data-dir", str(server.data_dir))
    assert re.search(r"^delivered +25 +250$", shown.stdout, re.M), shown.stdout
    missing = run_mulgil("firehose", "ledger", "nothing", "--data-dir", str(server.data_dir))
    assert missing.returncode == 1 and "no delivery stream nothing" in missing.stderr


def test_the_ledger_is_for_who_signs(server, fresh):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server.endpoint}/_mulgil/firehose/ledger?region=us-east-1&name=x")
    assert refused.value.code == 403


def small_commits(server, count):
    """A table of that many commits of a row each, and how many data files it has now, as a function."""
    firehose, s3 = server.client("firehose"), server.client("s3")
    s3.create_bucket(Bucket="lake")
    server.client("glue").create_database(DatabaseInput={"Name": "db"})
    sql = Sql(server.client("athena"), "s3://lake/results/", "db")
    sql.execute("CREATE TABLE events (id bigint) LOCATION 's3://lake/events' TBLPROPERTIES ('table_type'='ICEBERG')")
    deliver(firehose, "d", "lake", [{"DestinationDatabaseName": "db", "DestinationTableName": "events"}])
    for id in range(count):
        put(firehose, "d", [{"id": id}])
        wait_until(lambda: sql.value("SELECT count(*) FROM events") == id + 1, f"row {id} is there")
    return lambda: sql.value('SELECT count(*) FROM "events$files"')


def upkeep(server, metric):
    """The value of a series of the table; None if there is none."""
    found = re.search(rf'^mulgil_upkeep_{metric}{{[^}}]*database="db",table="events"}} (\S+)$', scrape(server), re.M)
    return float(found[1]) if found else None


def test_what_upkeep_does_to_a_table_can_be_watched(own_server, tmp_path):
    config = tmp_path / "mulgil.toml"
    config.write_text("upkeep.interval_seconds = 1\n")
    server = own_server("--config", str(config))
    files = small_commits(server, 6)
    wait_until(lambda: upkeep(server, "compactions_total") == 1, "small files are rewritten")
    assert 5 <= upkeep(server, "rewritten_files_total") <= 6 and upkeep(server, "rewritten_bytes_total") > 0
    wait_until(lambda: upkeep(server, "lag_seconds") == 0 and upkeep(server, "running") == 0, "all is looked after")
    assert files() < 3 and upkeep(server, "failures_total") == 0


def test_upkeep_that_is_off_touches_nothing_and_its_lag_grows(own_server, tmp_path):
    config = tmp_path / "mulgil.toml"
    config.write_text("upkeep.interval_seconds = 1\n")
    server = own_server("--config", str(config), "--upkeep", "off")
    files = small_commits(server, 6)
    wait_until(lambda: upkeep(server, "lag_seconds") > 2, "commits wait for upkeep")
    assert files() == 6 and upkeep(server, "compactions_total") == 0
