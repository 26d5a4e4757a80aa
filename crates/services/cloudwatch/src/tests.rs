//! The service behind a listener, in each of its protocols.

use std::sync::Arc;
use std::time::Duration;

use aws::client::{Client, ClientError, Credentials, Response, Target};
use aws::{Credential, Limits, LocalAccount, MemoryCredentials, Router, Service};
use bytes::Bytes;
use http::Method;
use names::AccountId;
use rt::{ManualClock, Rt};
use serde_json::{Value, json};

use super::*;

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2026-11-22T08:50:13Z.
const START: Timestamp = Timestamp::from_millis(1_795_337_413_000);
const DAY: Duration = Duration::from_secs(86_400);
const JSON: Target =
    Target { service: "monitoring", prefix: "GraniteServiceVersion20100801", version: "1.0" };

struct World {
    rt: Rt,
    clock: ManualClock,
    meta: Meta,
    client: Client,
}

impl World {
    async fn start() -> World {
        let (rt, clock) = Rt::manual(START, 1);
        let meta = Meta::in_memory(rt.clone()).await;
        let client = serve(&rt, &meta).await;
        World { rt, clock, meta, client }
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, ClientError> {
        self.client.call(JSON, operation, &input).await
    }

    async fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    async fn put(&self, datum: Value) {
        self.ok("PutMetricData", json!({"Namespace": "App", "MetricData": [datum]})).await;
    }

    /// Code and message.
    async fn refusal(&self, operation: &str, input: Value) -> (String, String) {
        let error = self.call(operation, input).await.expect_err("it should be refused");
        assert_eq!(error.status, 400, "{error}");
        (error.code, error.message)
    }

    /// All statistics of minutes around now.
    async fn statistics(&self, name: &str) -> Vec<Value> {
        let now = self.clock.now().as_millis() / 1000;
        let input = json!({
            "Namespace": "App", "MetricName": name, "StartTime": now - 3600, "EndTime": now + 60, "Period": 60,
            "Statistics": ["SampleCount", "Sum", "Minimum", "Maximum", "Average"],
        });
        let answer = self.ok("GetMetricStatistics", input).await;
        answer["Datapoints"].as_array().expect("points").clone()
    }

    async fn names(&self, filter: Value) -> Vec<String> {
        let answer = self.ok("ListMetrics", filter).await;
        let metrics = answer["Metrics"].as_array().expect("metrics").iter();
        metrics.map(|metric| metric["MetricName"].as_str().expect("a name").to_owned()).collect()
    }

    async fn rpc(&self, operation: &str, body: &[u8]) -> Response {
        let path = format!("/service/GraniteServiceVersion20100801/operation/{operation}");
        let headers = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")];
        let body = Bytes::copy_from_slice(body);
        self.client.send(Method::POST, "monitoring", &path, &[], &headers, body).await.expect("an answer")
    }
}

async fn serve(rt: &Rt, meta: &Meta) -> Client {
    let account = AccountId::new("123456789012").unwrap();
    let credentials = Arc::new(MemoryCredentials::new().with(KEY, Credential::root(account, SECRET)));
    let mut router = Router::builder(rt.clone(), Arc::new(LocalAccount), credentials, Limits::default());
    router.service(Service::new(&model::SERVICE, Arc::new(CloudWatch::new(meta.clone())), operations()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    rt.spawn("listener", aws::serve(listener, router, rt.stop()));
    Client::with_rt(&endpoint, Credentials::new(KEY, SECRET), "us-east-1", rt.clone())
}

/// A CBOR text of less than 24 bytes.
fn text(text: &str) -> Vec<u8> {
    [&[0x60 | u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

#[tokio::test]
async fn values_of_a_minute_are_taken_together() {
    let world = World::start().await;
    world.put(json!({"MetricName": "Latency", "Value": 4.0, "Unit": "Milliseconds"})).await;
    world.put(json!({"MetricName": "Latency", "Values": [1.0, 7.0], "Counts": [2.0, 1.0], "Unit": "Milliseconds"})).await;
    let set = json!({"SampleCount": 3.0, "Sum": 30.0, "Minimum": 5.0, "Maximum": 20.0});
    world.put(json!({"MetricName": "Latency", "StatisticValues": set, "Unit": "Milliseconds"})).await;
    world.clock.advance(Duration::from_secs(60));
    world.put(json!({"MetricName": "Latency", "Value": 2.0, "Unit": "Milliseconds"})).await;
    let points = world.statistics("Latency").await;
    assert_eq!(points.len(), 2);
    let minute = |at: i64| at / 60_000 * 60;
    assert_eq!(points[0]["Timestamp"], minute(START.as_millis()));
    assert_eq!(points[1]["Timestamp"], minute(START.as_millis()) + 60);
    assert_eq!(points[0]["SampleCount"], 7.0);
    assert_eq!(points[0]["Sum"], 43.0);
    assert_eq!((&points[0]["Minimum"], &points[0]["Maximum"]), (&json!(1.0), &json!(20.0)));
    assert_eq!((&points[1]["Average"], &points[1]["Unit"]), (&json!(2.0), &json!("Milliseconds")));
}

#[tokio::test]
async fn what_was_put_is_there_after_a_restart() {
    let world = World::start().await;
    world.put(json!({"MetricName": "Errors", "Value": 1.0})).await;
    let World { rt, clock, meta, .. } = world;
    let client = serve(&rt, &meta).await;
    let world = World { rt, clock, meta, client };
    world.put(json!({"MetricName": "Errors", "Value": 1.0})).await;
    assert_eq!(world.statistics("Errors").await[0]["Sum"], 2.0);
}

#[tokio::test]
async fn every_protocol_puts_and_reads_the_same_metrics() {
    let world = World::start().await;
    world.put(json!({"MetricName": "Puts", "Value": 1.0})).await;
    let form = [
        ("Namespace", "App"),
        ("MetricData.member.1.MetricName", "Puts"),
        ("MetricData.member.1.Value", "2"),
    ];
    let xml = world.client.call_query("monitoring", "2010-08-01", "PutMetricData", &form).await.unwrap();
    assert!(xml.contains("<PutMetricDataResponse") && xml.contains("<RequestId>"), "{xml}");
    // With lengths that are not told beforehand, as the Producer Library writes them.
    let datum = [
        &[0xbf][..],
        &text("MetricName"),
        &text("Puts"),
        &text("Value"),
        &[0xfb],
        &4.0_f64.to_be_bytes(),
        &[0xff],
    ]
    .concat();
    let body =
        [&[0xbf][..], &text("Namespace"), &text("App"), &text("MetricData"), &[0x9f], &datum, &[0xff, 0xff]]
            .concat();
    let answer = world.rpc("PutMetricData", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["smithy-protocol"], "rpc-v2-cbor");
    assert_eq!(world.statistics("Puts").await[0]["Sum"], 7.0);
    let list = [("Namespace", "App")];
    let xml = world.client.call_query("monitoring", "2010-08-01", "ListMetrics", &list).await.unwrap();
    assert!(xml.contains("<MetricName>Puts</MetricName>"), "{xml}");
}

#[tokio::test]
async fn refusals_carry_each_protocols_code() {
    let world = World::start().await;
    let (code, message) = world.refusal("PutMetricData", json!({"Namespace": "App", "MetricData": []})).await;
    assert_eq!(
        (&*code, &*message),
        ("MissingRequiredParameterException", "The parameter MetricData is required.")
    );
    let form = [("Namespace", "App")];
    let error =
        world.client.call_query("monitoring", "2010-08-01", "PutMetricData", &form).await.unwrap_err();
    assert_eq!((error.status, &*error.code), (400, "MissingParameter"));
    let body = [&[0xa1][..], &text("Namespace"), &text("App")].concat();
    let answer = world.rpc("PutMetricData", &body).await;
    assert_eq!(answer.headers["x-amzn-query-error"], "MissingParameter;Sender");
    let (code, message) = world.refusal("PutMetricAlarm", json!({})).await;
    assert!(message.contains("alarms are not built yet"), "{code}: {message}");
    let error = world.client.call_query("monitoring", "2010-08-01", "PutMetricAlarm", &[]).await.unwrap_err();
    assert_eq!(error.status, 400, "{error}");
    assert_eq!(world.rpc("PutMetricAlarm", &[0xa0]).await.status, 400);
}

#[tokio::test]
async fn values_that_mean_nothing_are_refused() {
    let world = World::start().await;
    let now = START.as_millis() / 1000;
    let day = 86_400;
    for (datum, code) in [
        (json!({"MetricName": "m"}), "MissingRequiredParameterException"),
        (json!({"MetricName": "m", "Value": 1.0, "Values": [1.0]}), "InvalidParameterCombinationException"),
        (json!({"MetricName": "m", "Value": 1.0, "Counts": [1.0]}), "InvalidParameterCombinationException"),
        (json!({"MetricName": "m", "Values": [1.0], "Counts": [1.0, 2.0]}), "InvalidParameterValueException"),
        (json!({"MetricName": "m", "Values": [1.0], "Counts": [0.0]}), "InvalidParameterValueException"),
        (json!({"MetricName": "m", "Value": 1e300}), "InvalidParameterValueException"),
        (
            json!({"MetricName": "m", "Value": 1.0, "Timestamp": now - 15 * day}),
            "InvalidParameterValueException",
        ),
        (json!({"MetricName": "m", "Value": 1.0, "Timestamp": now + day}), "InvalidParameterValueException"),
        (json!({"MetricName": "m", "Value": 1.0, "StorageResolution": 1}), "InvalidParameterValueException"),
    ] {
        let refused =
            world.refusal("PutMetricData", json!({"Namespace": "App", "MetricData": [datum]})).await;
        assert_eq!(refused.0, code, "{datum}: {}", refused.1);
    }
    let reserved = json!({"Namespace": "AWS/Kinesis", "MetricData": [{"MetricName": "m", "Value": 1.0}]});
    assert_eq!(world.refusal("PutMetricData", reserved).await.0, "InvalidParameterValueException");
    assert!(world.names(json!({})).await.is_empty());
}

#[tokio::test]
async fn metrics_are_found_by_namespace_name_dimensions_and_age() {
    let world = World::start().await;
    let of_shard = |name: &str, shard: &str| json!({"MetricName": name, "Value": 1.0, "Dimensions": [{"Name": "Shard", "Value": shard}]});
    world.put(of_shard("Old", "0")).await;
    world.clock.advance(Duration::from_secs(4 * 3600));
    world.put(of_shard("Lag", "0")).await;
    world.put(of_shard("Lag", "1")).await;
    world.put(json!({"MetricName": "Lag", "Value": 1.0})).await;
    assert_eq!(world.names(json!({"Namespace": "App"})).await.len(), 4);
    assert!(world.names(json!({"Namespace": "Other"})).await.is_empty());
    assert_eq!(world.names(json!({"MetricName": "Old"})).await, ["Old"]);
    assert_eq!(world.names(json!({"Dimensions": [{"Name": "Shard"}]})).await.len(), 3);
    assert_eq!(world.names(json!({"Dimensions": [{"Name": "Shard", "Value": "1"}]})).await, ["Lag"]);
    assert_eq!(world.names(json!({"RecentlyActive": "PT3H"})).await, ["Lag", "Lag", "Lag"]);
    assert_eq!(world.statistics("Lag").await[0]["SampleCount"], 1.0, "dimensions are part of the metric");
}

#[tokio::test]
async fn a_list_goes_on_where_its_page_ended() {
    let world = World::start().await;
    for start in [0, 600] {
        let data: Vec<_> =
            (start..start + 600).map(|n| json!({"MetricName": format!("m{n:04}"), "Value": 1.0})).collect();
        world.ok("PutMetricData", json!({"Namespace": "App", "MetricData": data})).await;
    }
    let mut token = Value::Null;
    let mut found = Vec::new();
    loop {
        let answer = world.ok("ListMetrics", json!({"NextToken": token})).await;
        let metrics = answer["Metrics"].as_array().unwrap();
        found.extend(metrics.iter().map(|metric| metric["MetricName"].as_str().unwrap().to_owned()));
        if answer["NextToken"].is_null() {
            break;
        }
        token = answer["NextToken"].clone();
    }
    let all: Vec<_> = (0..1200).map(|n| format!("m{n:04}")).collect();
    assert_eq!(found, all);
}

#[tokio::test]
async fn metric_data_comes_in_periods_newest_first_and_in_pages() {
    let world = World::start().await;
    let start = START.as_millis() / 1000 / 300 * 300;
    for minute in 0..10 {
        let at = start - 600 + minute * 60;
        world.put(json!({"MetricName": "m", "Value": minute as f64, "Timestamp": at})).await;
    }
    let query = |period: i64| {
        json!([{"Id": "a", "MetricStat": {
        "Metric": {"Namespace": "App", "MetricName": "m"}, "Period": period, "Stat": "Sum"}}])
    };
    let ask = |period, more: Value| {
        let mut input =
            json!({"MetricDataQueries": query(period), "StartTime": start - 600, "EndTime": start});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let answer = world.ok("GetMetricData", ask(300, json!({}))).await;
    let result = &answer["MetricDataResults"][0];
    assert_eq!(
        (&result["Id"], &result["Label"], &result["StatusCode"]),
        (&json!("a"), &json!("m"), &json!("Complete"))
    );
    assert_eq!(result["Values"], json!([35.0, 10.0]));
    assert_eq!(result["Timestamps"], json!([start - 300, start - 600]));
    let ascending = json!({"ScanBy": "TimestampAscending", "MaxDatapoints": 4});
    let mut values = Vec::new();
    let mut input = ask(60, ascending);
    loop {
        let answer = world.ok("GetMetricData", input.clone()).await;
        values.extend(answer["MetricDataResults"][0]["Values"].as_array().unwrap().clone());
        if answer["NextToken"].is_null() {
            break;
        }
        input["NextToken"] = answer["NextToken"].clone();
    }
    assert_eq!(values, (0..10).map(|minute| json!(f64::from(minute))).collect::<Vec<_>>());
    let percentile = json!({"MetricDataQueries": [{"Id": "a", "MetricStat": {
        "Metric": {"Namespace": "App", "MetricName": "m"}, "Period": 60, "Stat": "p99"}}], "StartTime": 0, "EndTime": 60});
    assert_eq!(world.refusal("GetMetricData", percentile).await.0, "InvalidParameterValueException");
}

#[tokio::test]
async fn more_points_than_one_answer_holds_are_refused() {
    let world = World::start().await;
    let input = json!({"Namespace": "App", "MetricName": "m", "StartTime": 0, "EndTime": 86_460, "Period": 60, "Statistics": ["Sum"]});
    let (code, message) = world.refusal("GetMetricStatistics", input).await;
    assert_eq!(code, "InvalidParameterCombinationException");
    assert!(message.contains("1441 datapoints, which exceeds the limit of 1440"), "{message}");
}

#[tokio::test]
async fn points_and_metrics_go_when_their_time_is_over() {
    let world = World::start().await;
    world.put(json!({"MetricName": "old", "Value": 1.0})).await;
    world.clock.advance(16 * DAY);
    world.put(json!({"MetricName": "new", "Value": 1.0})).await;
    assert_eq!(world.names(json!({})).await, ["new"]);
    let all = world.meta.scan(&meta::Key::scoped(&scope(), "cloudwatch"), None, 100).await.unwrap();
    assert_eq!(all.len(), 2, "a metric and its hour");
}

fn scope() -> Scope {
    Scope::new(AccountId::new("123456789012").unwrap(), names::Region::new("us-east-1").unwrap())
}
