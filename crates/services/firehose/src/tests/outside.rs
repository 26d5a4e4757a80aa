//! Destinations outside, with an outlet of this process in place of the network.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use flow::{Answer, Outlet, Request, Trouble};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::world::*;

#[derive(Default)]
struct Place {
    seen: Mutex<Vec<(Value, Request)>>,
    answers: Mutex<VecDeque<Answer>>,
}

impl Outlet for Place {
    fn deliver(&self, target: Value, request: Request) -> BoxFuture<'_, Answer> {
        self.seen.lock().unwrap().push((target, request));
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Accepted);
        std::future::ready(answer).boxed()
    }
}

impl Place {
    fn targets(&self) -> Vec<Value> {
        self.seen.lock().unwrap().iter().map(|(target, _)| target.clone()).collect()
    }

    fn records(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let records = seen.iter().flat_map(|(_, request)| request.records.clone());
        records.map(|data| String::from_utf8(data.to_vec()).unwrap()).collect()
    }
}

async fn world(answers: impl IntoIterator<Item = Answer>) -> (World, Arc<Place>) {
    let world = World::start().await;
    let answers = Mutex::new(answers.into_iter().collect());
    let place = Arc::new(Place { answers, ..Place::default() });
    let _same = world.flow.clone().with_outlet(place.clone());
    (world, place)
}

fn http(name: &str, settings: Value) -> Value {
    let mut destination = json!({
        "EndpointConfiguration": { "Url": "https://example.com/in", "Name": "a place", "AccessKey": "a-key" },
        "BufferingHints": { "SizeInMBs": 1, "IntervalInSeconds": 0 },
        "S3Configuration": destination(json!({ "Prefix": "kept/" })),
    });
    merge(&mut destination, settings);
    json!({ "DeliveryStreamName": name, "HttpEndpointDestinationConfiguration": destination })
}

fn splunk(name: &str, settings: Value) -> Value {
    let mut destination = json!({
        "HECEndpoint": "https://example.com:8088",
        "HECEndpointType": "Raw",
        "HECToken": "a-token",
        "BufferingHints": { "SizeInMBs": 1, "IntervalInSeconds": 0 },
        "S3Configuration": destination(json!({ "Prefix": "kept/" })),
    });
    merge(&mut destination, settings);
    json!({ "DeliveryStreamName": name, "SplunkDestinationConfiguration": destination })
}

fn merge(into: &mut Value, settings: Value) {
    for (name, value) in settings.as_object().unwrap() {
        into[name] = value.clone();
    }
}

async fn put(world: &World, data: &[&str]) {
    let records: Vec<Value> = data.iter().map(|data| json!({ "Data": base64(data) })).collect();
    world.ok("PutRecordBatch", json!({ "DeliveryStreamName": "d", "Records": records })).await;
}

async fn described(world: &World) -> Value {
    let described = world.ok("DescribeDeliveryStream", json!({ "DeliveryStreamName": "d" })).await;
    described["DeliveryStreamDescription"]["Destinations"][0].clone()
}

#[tokio::test]
async fn records_go_to_an_endpoint_as_its_settings_say_and_all_of_them_to_the_bucket() {
    let (world, place) = world([]).await;
    let settings = json!({
        "S3BackupMode": "AllData",
        "RequestConfiguration": {
            "ContentEncoding": "GZIP",
            "CommonAttributes": [{ "AttributeName": "team", "AttributeValue": "a" }],
        },
        "ProcessingConfiguration": {
            "Enabled": true, "Processors": [{ "Type": "AppendDelimiterToRecord" }],
        },
    });
    world.ok("CreateDeliveryStream", http("d", settings)).await;
    put(&world, &["one", "two"]).await;
    world.settled("d", 2).await;
    assert_eq!(place.records(), ["one\n", "two\n"]);
    let expected = json!({ "Http": {
        "url": "https://example.com/in",
        "access_key": "a-key",
        "source_arn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/d",
        "common_attributes": [["team", "a"]],
        "gzip": true,
    } });
    assert!(place.targets().iter().all(|target| *target == expected), "{:?}", place.targets());
    let kept: String = world.contents("kept/").await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(kept, "onetwo");
    let text = world.metrics.render().await;
    assert!(text.contains("firehose_delivery_to_http_endpoint_records_total"), "{text}");
}

#[tokio::test]
async fn what_an_endpoint_does_not_take_is_in_the_error_output_in_the_documented_form() {
    let trouble = Trouble::new("HttpEndpoint.DestinationException", "the endpoint answered 413");
    let (world, _) = world([Answer::Refused(trouble)]).await;
    world.ok("CreateDeliveryStream", http("d", json!({}))).await;
    put(&world, &["one"]).await;
    let status = world.settled("d", 1).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (0, 1));
    let contents = world.contents("kept/http-endpoint-failed/").await;
    let line: Value = serde_json::from_str(contents[0].1.trim()).unwrap();
    assert_eq!(line["rawData"], json!(base64("one")));
    assert_eq!(line["errorCode"], "HttpEndpoint.DestinationException");
    assert_eq!(line["errorMessage"], "the endpoint answered 413");
    assert_eq!(line["attemptsMade"], 1);
    assert!(line["arrivalTimestamp"].as_i64().unwrap() >= START.as_millis());
    assert!(line["attemptEndingTimestamp"].as_i64().unwrap() >= START.as_millis());
}

#[tokio::test]
async fn splunk_has_a_channel_of_its_own_and_its_own_error_output() {
    let (world, place) = world([Answer::Refused(Trouble::new("Splunk.InvalidDataFormat", "no event"))]).await;
    world.ok("CreateDeliveryStream", splunk("d", json!({ "HECEndpointType": "Event" }))).await;
    put(&world, &["one"]).await;
    world.settled("d", 1).await;
    let target = &place.targets()[0]["Splunk"];
    assert_eq!(
        (&target["endpoint"], &target["token"]),
        (&json!("https://example.com:8088"), &json!("a-token"))
    );
    assert_eq!((&target["events"], &target["acknowledgement_timeout"]["secs"]), (&json!(true), &json!(180)));
    assert_eq!(target["channel"].as_str().unwrap().len(), 36);
    let contents = world.contents("kept/splunk-failed/").await;
    let line: Value = serde_json::from_str(contents[0].1.trim()).unwrap();
    assert_eq!(line["errorCode"], "Splunk.InvalidDataFormat");
    assert!(line["EventId"].is_string());
}

#[tokio::test]
async fn a_description_has_the_defaults_and_no_access_key() {
    let (world, _) = world([]).await;
    world.ok("CreateDeliveryStream", http("d", json!({}))).await;
    let endpoint = described(&world).await["HttpEndpointDestinationDescription"].clone();
    assert_eq!(
        endpoint["EndpointConfiguration"],
        json!({ "Url": "https://example.com/in", "Name": "a place" })
    );
    assert_eq!(endpoint["RetryOptions"], json!({ "DurationInSeconds": 300 }));
    assert_eq!(endpoint["S3BackupMode"], "FailedDataOnly");
    assert_eq!(endpoint["S3DestinationDescription"]["Prefix"], "kept/");
    world.ok("DeleteDeliveryStream", json!({ "DeliveryStreamName": "d" })).await;
    world.ok("CreateDeliveryStream", splunk("d", json!({ "BufferingHints": null }))).await;
    let splunk = described(&world).await["SplunkDestinationDescription"].clone();
    assert_eq!(splunk["BufferingHints"], json!({ "SizeInMBs": 5, "IntervalInSeconds": 60 }));
    assert_eq!(splunk["HECAcknowledgmentTimeoutInSeconds"], 180);
    assert_eq!(splunk["S3BackupMode"], "FailedEventsOnly");
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_not_the_type() {
    let (world, place) = world([]).await;
    world.ok("CreateDeliveryStream", http("d", json!({}))).await;
    let update = |kind: &str, settings: Value| {
        json!({
            "DeliveryStreamName": "d", "CurrentDeliveryStreamVersionId": "1",
            "DestinationId": "destinationId-000000000001", kind: settings,
        })
    };
    let other = update("SplunkDestinationUpdate", json!({ "HECToken": "t" }));
    assert!(world.refusal("UpdateDestination", other).await.contains("another type"));
    let settings = json!({
        "EndpointConfiguration": { "Url": "https://example.org/" },
        "S3Update": { "Prefix": "elsewhere/" },
    });
    world.ok("UpdateDestination", update("HttpEndpointDestinationUpdate", settings)).await;
    let endpoint = described(&world).await["HttpEndpointDestinationDescription"].clone();
    assert_eq!(endpoint["EndpointConfiguration"]["Url"], "https://example.org/");
    assert_eq!(endpoint["BufferingHints"]["SizeInMBs"], 1);
    assert_eq!(endpoint["S3DestinationDescription"]["Prefix"], "elsewhere/");
    assert_eq!(endpoint["S3DestinationDescription"]["BucketARN"], "arn:aws:s3:::lake");
    put(&world, &["one"]).await;
    world.settled("d", 1).await;
    assert_eq!(place.targets()[0]["Http"]["url"], "https://example.org/");
    assert_eq!(place.targets()[0]["Http"]["access_key"], Value::Null);
}

#[tokio::test]
async fn settings_that_cannot_be_executed_are_refused() {
    let (world, _) = world([]).await;
    let secrets = json!({ "SecretsManagerConfiguration": { "Enabled": true } });
    let extraction = json!({ "ProcessingConfiguration": { "Enabled": true, "Processors": [{
        "Type": "MetadataExtraction", "Parameters": [
            { "ParameterName": "MetadataExtractionQuery", "ParameterValue": "{a: .a}" },
            { "ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6" },
        ],
    }] } });
    let elsewhere =
        json!({ "S3Configuration": destination(json!({ "BucketARN": "arn:aws:s3:::elsewhere" })) });
    let mut both = http("d", json!({}));
    both["ExtendedS3DestinationConfiguration"] = destination(json!({}));
    for (request, expected) in [
        (
            http("d", json!({ "EndpointConfiguration": { "Url": "http://example.com" } })),
            "endpointConfiguration.url",
        ),
        (http("d", json!({ "EndpointConfiguration": { "Url": "https://" } })), "EndpointConfiguration.Url"),
        (http("d", secrets.clone()), "SecretsManagerConfiguration"),
        (http("d", json!({ "BufferingHints": { "SizeInMBs": 5 } })), "both SizeInMBs and IntervalInSeconds"),
        (
            splunk("d", json!({ "BufferingHints": { "IntervalInSeconds": 5 } })),
            "both SizeInMBs and IntervalInSeconds",
        ),
        (http("d", extraction), "MetadataExtraction"),
        (http("d", elsewhere), "elsewhere"),
        (both, "Exactly one destination"),
        (splunk("d", json!({ "HECEndpoint": "http://example.com" })), "HECEndpoint"),
        (splunk("d", json!({ "HECToken": null })), "HECToken"),
        (splunk("d", secrets), "SecretsManagerConfiguration"),
    ] {
        let refusal = world.refusal("CreateDeliveryStream", request.clone()).await;
        assert!(refusal.contains(expected), "expected {expected:?}, got {refusal:?} for {request}");
    }
}
