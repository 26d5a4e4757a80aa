"""Deliveries to HTTP endpoints and to Splunk, by the protocols their vendors document."""

import json
import random
import re
import threading
import time
import urllib.request
import uuid

import pytest
from endpoints import Endpoint, accepted, certificate
from pipeline import ROLE, keys_below
from server import run_mulgil, wait_until


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("endpoint"))


@pytest.fixture
def trusting(own_server, certified):
    """A server that trusts the endpoints, with the bucket `kept`."""
    server = own_server("--delivery-ca", str(certified[0]))
    server.client("s3").create_bucket(Bucket="kept")
    return server


@pytest.fixture
def endpoint(certified):
    started = []

    def start(answer=accepted, port=0):
        started.append(Endpoint(*certified, answer, port))
        return started[-1]

    yield start
    for endpoint in started:
        endpoint.stop()


def bucket(**settings):
    return {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::kept", "Prefix": "out/", **settings}


def create_http(server, url, retry=300, **settings):
    firehose = server.client("firehose")
    firehose.create_delivery_stream(
        DeliveryStreamName="d",
        HttpEndpointDestinationConfiguration={
            "EndpointConfiguration": {"Url": url, "Name": "here", "AccessKey": "a-key"},
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
            "RetryOptions": {"DurationInSeconds": retry},
            "S3Configuration": bucket(),
            **settings,
        },
    )
    return firehose


def put(firehose, records):
    for start in range(0, len(records), 500):
        batch = [{"Data": record} for record in records[start:start + 500]]
        assert firehose.put_record_batch(DeliveryStreamName="d", Records=batch)["FailedPutCount"] == 0


def lines(count):
    return [b'{"n": %d}' % n for n in range(count)]


def taken(endpoint, answered=lambda request: True):
    """The records of every request, those of a request that came several times once."""
    by_id = {request.id: request.records() for request in list(endpoint.requests) if answered(request)}
    return sorted(record for records in by_id.values() for record in records)


def failures(server, folder):
    s3 = server.client("s3")
    keys = keys_below(s3, "kept", f"out/{folder}/")
    bodies = [s3.get_object(Bucket="kept", Key=key)["Body"].read() for key in keys]
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def test_an_endpoint_gets_every_record_as_documented(trusting, endpoint):
    place = endpoint()
    firehose = create_http(
        trusting, f"{place.url}/in",
        RequestConfiguration={
            "ContentEncoding": "GZIP",
            "CommonAttributes": [{"AttributeName": "team", "AttributeValue": "a b"}],
        },
    )
    put(firehose, lines(1000))
    wait_until(lambda: taken(place) == sorted(lines(1000)), "every record has arrived")
    for request in place.requests:
        assert request.path == "/in" and uuid.UUID(request.id)
        assert request.json()["requestId"] == request.id and request.json()["timestamp"] > 1_600_000_000_000
        assert request.headers["x-amz-firehose-protocol-version"] == "1.0"
        assert request.headers["x-amz-firehose-access-key"] == "a-key"
        assert re.fullmatch(r"arn:aws:firehose:[\w-]+:\d{12}:deliverystream/d", request.headers["x-amz-firehose-source-arn"])
        assert json.loads(request.headers["x-amz-firehose-common-attributes"]) == {"commonAttributes": {"team": "a b"}}
        assert request.headers["content-type"] == "application/json"
        assert request.headers["content-encoding"] == "gzip"
    assert keys_below(trusting.client("s3"), "kept") == []


def test_an_endpoint_that_is_away_loses_nothing_and_catches_up(trusting, endpoint):
    place = endpoint()
    port = place.port
    firehose = create_http(trusting, place.url)
    put(firehose, lines(10))
    wait_until(lambda: len(taken(place)) == 10, "the first have arrived")
    place.stop()
    put(firehose, [b"away %d" % n for n in range(700)])
    back = endpoint(port=port)
    wait_until(lambda: len(taken(back)) == 700, "the others have arrived")
    assert failures(trusting, "http-endpoint-failed") == []


def test_failures_are_tried_again_with_the_same_id_until_they_are_answered_rightly(trusting, endpoint):
    answers = [
        lambda request: (500, "no"),
        lambda request: (200, "not json"),
        lambda request: (200, json.dumps({"requestId": "another", "timestamp": 1})),
        lambda request: (503, json.dumps({"errorMessage": "busy"})),
    ]
    lock = threading.Lock()

    def answer(request):
        with lock:
            return (answers.pop(0) if answers else accepted)(request)

    place = endpoint(answer)
    firehose = create_http(trusting, place.url)
    put(firehose, lines(20))
    wait_until(lambda: len(place.requests) >= 5 and not answers, "it was tried again")
    assert len({request.id for request in place.requests[:5]}) == 1
    assert len({request.body for request in place.requests[:5]}) == 1
    wait_until(lambda: taken(place) == sorted(lines(20)), "every record has arrived")


def test_what_is_too_large_for_the_endpoint_is_not_tried_again(trusting, endpoint):
    place = endpoint(lambda request: (413, "too large"))
    firehose = create_http(trusting, place.url)
    put(firehose, lines(3))
    failed = wait_until(lambda: len(found := failures(trusting, "http-endpoint-failed")) == 3 and found, "they fail")
    assert all(line["errorCode"] == "HttpEndpoint.DestinationException" for line in failed)
    assert all("413" in line["errorMessage"] and line["attemptsMade"] == 1 for line in failed)
    assert len({request.id for request in place.requests}) == len(place.requests)


def test_when_the_time_to_retry_is_over_records_go_to_the_bucket(trusting, endpoint):
    place = endpoint(lambda request: (500, json.dumps({"errorMessage": "out of order"})))
    firehose = create_http(trusting, place.url, retry=1)
    put(firehose, lines(3))
    failed = wait_until(lambda: len(found := failures(trusting, "http-endpoint-failed")) == 3 and found, "they fail")
    assert all("out of order" in line["errorMessage"] and line["attemptsMade"] > 1 for line in failed)
    place.answer = accepted
    put(firehose, [b"later"])
    wait_until(lambda: b"later" in taken(place), "the next one arrives")


def test_what_an_endpoint_did_not_take_is_replayed_when_it_does(trusting, endpoint):
    place = endpoint(lambda request: (500, "out of order"))
    firehose = create_http(trusting, place.url, retry=0)
    put(firehose, lines(700))
    wait_until(lambda: len(failures(trusting, "http-endpoint-failed")) == 700, "they fail")
    place.answer = accepted
    place.requests.clear()
    command = ["firehose", "replay", "--error-prefix", "s3://kept/out/http-endpoint-failed/"]
    done = run_mulgil(*command, "--data-dir", str(trusting.data_dir))
    assert done.returncode == 0 and "replayed: 700 records" in done.stdout, done.stdout + done.stderr
    wait_until(lambda: taken(place) == sorted(lines(700)), "every record has arrived")
    shown = run_mulgil("firehose", "ledger", "d", "--json", "--data-dir", str(trusting.data_dir))
    ledger = json.loads(shown.stdout)
    assert ledger["balances"] and ledger["received"]["records"] == 1400
    assert ledger["delivered"]["records"] == ledger["rejected"]["records"] == 700
    with urllib.request.urlopen(f"{trusting.endpoint}/metrics") as answer:
        metrics = answer.read().decode()
    labels = '{account="000000000000",region="us-east-1",delivery_stream="d"}'
    assert f"firehose_delivery_to_http_endpoint_records_total{labels} 700" in metrics
    assert f"firehose_backup_to_s3_records_total{labels} 700" in metrics
    assert f"firehose_ledger_unbalanced{labels} 0" in metrics


def test_all_data_is_kept_in_the_bucket_if_asked_for(trusting, endpoint):
    place = endpoint()
    firehose = create_http(trusting, place.url, S3BackupMode="AllData", S3Configuration=bucket(Prefix="all/"))
    put(firehose, [b"a\n", b"b\n"])
    s3 = trusting.client("s3")

    def kept():
        return b"".join(s3.get_object(Bucket="kept", Key=key)["Body"].read() for key in keys_below(s3, "kept", "all/"))

    wait_until(lambda: kept() == b"a\nb\n", "both are kept")
    wait_until(lambda: taken(place) == [b"a\n", b"b\n"], "both have arrived")


def test_requests_after_a_kill_have_the_ids_they_had_before(trusting, endpoint, seed):
    """Killed at any moment, an endpoint that tells requests apart by id sees every record once."""
    chance = random.Random(seed)
    place = endpoint()
    create_http(trusting, place.url)
    total = 0
    for _ in range(4):
        firehose = trusting.client("firehose")
        put(firehose, [b"%06d" % n for n in range(total, total + 2000)])
        total += 2000
        time.sleep(chance.random() * 0.3)
        trusting.kill9()
        trusting.start()
    wait_until(lambda: len(set(taken(place))) == total, "every record has arrived")
    assert taken(place) == [b"%06d" % n for n in range(total)]


def test_a_certificate_that_is_not_trusted_is_refused_and_told(own_server, endpoint):
    server = own_server()
    server.client("s3").create_bucket(Bucket="kept")
    place = endpoint()
    firehose = create_http(server, place.url, retry=0)
    put(firehose, [b"x"])
    failed = wait_until(lambda: failures(server, "http-endpoint-failed"), "it fails")
    assert failed[0]["errorCode"] == "HttpEndpoint.ConnectionFailed" and "certificate" in failed[0]["errorMessage"]
    assert place.requests == []


def test_splunk_gets_every_event_and_acknowledges_it(trusting, endpoint):
    acknowledged = {}

    def answer(request):
        assert request.headers["authorization"] == "Splunk a-token"
        if request.path.startswith("/services/collector/ack"):
            (ack,) = request.json()["acks"]
            # Indexed at the second question.
            acknowledged[ack] = acknowledged.get(ack, -1) + 1
            return 200, json.dumps({"acks": {str(ack): acknowledged[ack] > 0}})
        return 200, json.dumps({"text": "Success", "code": 0, "ackId": len(place.requests)})

    place = endpoint(answer)
    firehose = trusting.client("firehose")
    firehose.create_delivery_stream(
        DeliveryStreamName="d",
        SplunkDestinationConfiguration={
            "HECEndpoint": place.url, "HECEndpointType": "Raw", "HECToken": "a-token",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0}, "S3Configuration": bucket(),
        },
    )
    put(firehose, lines(50))

    def events():
        bodies = [request.body for request in place.requests if request.path == "/services/collector/raw"]
        return sorted(line for body in bodies for line in body.splitlines())

    wait_until(lambda: events() == sorted(lines(50)), "every event has arrived")
    assert len({request.headers["x-splunk-request-channel"] for request in place.requests}) == 1
    assert failures(trusting, "splunk-failed") == []


def test_what_splunk_refuses_is_in_the_error_output(trusting, endpoint):
    place = endpoint(lambda request: (400, json.dumps({"text": "Invalid data format", "code": 6})))
    firehose = trusting.client("firehose")
    firehose.create_delivery_stream(
        DeliveryStreamName="d",
        SplunkDestinationConfiguration={
            "HECEndpoint": place.url, "HECEndpointType": "Event", "HECToken": "a-token",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0}, "S3Configuration": bucket(),
        },
    )
    put(firehose, [b"no event"])
    failed = wait_until(lambda: failures(trusting, "splunk-failed"), "it fails")
    assert failed[0]["errorCode"] == "Splunk.InvalidDataFormat" and failed[0]["EventId"]


def test_settings_that_cannot_work_are_refused_at_once(trusting, error_of):
    firehose = trusting.client("firehose")
    http = {"EndpointConfiguration": {"Url": "https://localhost"}, "S3Configuration": bucket()}
    for settings, named in [
        ({"EndpointConfiguration": {"Url": "http://localhost"}}, "https"),
        ({"SecretsManagerConfiguration": {"Enabled": True}}, "SecretsManagerConfiguration"),
        ({"S3Configuration": bucket(BucketARN="arn:aws:s3:::nowhere")}, "nowhere"),
        ({"BufferingHints": {"SizeInMBs": 65}}, "64"),
    ]:
        code, message = error_of(
            firehose.create_delivery_stream, DeliveryStreamName="d",
            HttpEndpointDestinationConfiguration={**http, **settings},
        )
        assert code in ("InvalidArgumentException", "ValidationException") and named in message, message
