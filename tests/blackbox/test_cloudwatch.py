"""CloudWatch as boto3 speaks to it, in each protocol that clients still use."""

import datetime

import pytest

NAMESPACE = "KinesisProducerLibrary"


@pytest.fixture
def cloudwatch(server):
    return server.client("cloudwatch")


def put(cloudwatch, name: str, value: float, **more) -> None:
    dimensions = [{"Name": "StreamName", "Value": "s"}]
    datum = {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": "Count", **more}
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])


def minutes_around_now() -> dict:
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"StartTime": now - datetime.timedelta(minutes=5), "EndTime": now + datetime.timedelta(minutes=2)}


def test_what_a_producer_puts_is_listed_and_read(cloudwatch, fresh):
    name = fresh("metric")
    for value in (1.0, 5.0):
        put(cloudwatch, name, value)
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=NAMESPACE, MetricName=name)
    metrics = [metric for page in pages for metric in page["Metrics"]]
    assert metrics == [
        {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": [{"Name": "StreamName", "Value": "s"}]}
    ]
    points = cloudwatch.get_metric_statistics(
        Namespace=NAMESPACE, MetricName=name, Dimensions=metrics[0]["Dimensions"], Period=3600,
        Statistics=["Sum", "SampleCount", "Maximum"], **minutes_around_now(),
    )["Datapoints"]
    assert sum(point["Sum"] for point in points) == 6
    assert sum(point["SampleCount"] for point in points) == 2
    assert max(point["Maximum"] for point in points) == 5
    assert {point["Unit"] for point in points} == {"Count"}
    query = {"Id": "a", "MetricStat": {"Metric": metrics[0], "Period": 60, "Stat": "Sum"}}
    result = cloudwatch.get_metric_data(MetricDataQueries=[query], **minutes_around_now())["MetricDataResults"][0]
    assert (sum(result["Values"]), result["StatusCode"]) == (6, "Complete")
    assert all(isinstance(time, datetime.datetime) for time in result["Timestamps"])


@pytest.mark.parametrize("protocol", ["smithy-rpc-v2-cbor", "json", "query"])
def test_every_protocol_of_the_model_works(server, fresh, monkeypatch, protocol):
    # The first one that boto3 knows and the model names is taken.
    monkeypatch.setattr("botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", (protocol,))
    cloudwatch, name = server.client("cloudwatch"), fresh(protocol)
    assert cloudwatch.meta.service_model.resolved_protocol == protocol
    put(cloudwatch, name, 2.5)
    assert [metric["MetricName"] for metric in cloudwatch.list_metrics(MetricName=name)["Metrics"]] == [name]
    with pytest.raises(cloudwatch.exceptions.ClientError) as refused:
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[{"MetricName": name}])
    error = refused.value.response["Error"]
    assert error["Code"] in ("MissingParameter", "MissingRequiredParameterException"), error


def test_what_is_not_built_is_refused_by_name(cloudwatch, error_of):
    code, message = error_of(cloudwatch.describe_alarms)
    assert "alarms are not built yet" in message, (code, message)
    datum = {"MetricName": "m", "Value": 1.0, "StorageResolution": 1}
    code, message = error_of(cloudwatch.put_metric_data, Namespace="App", MetricData=[datum])
    assert "StorageResolution" in message, (code, message)


def test_metrics_survive_a_kill(own_server):
    server = own_server()
    put(server.client("cloudwatch"), "kept", 3.0)
    server.kill9()
    server.start()
    metrics = server.client("cloudwatch").list_metrics()["Metrics"]
    assert [metric["MetricName"] for metric in metrics] == ["kept"]
