mod capacity;
mod consumers;
mod history;
mod positions;
mod putting;
mod reading;
mod resharding;
mod settings;
mod streams;
mod subscribing;
mod tagging;

use std::sync::Arc;
use std::time::Duration;

use aws::{
    ApiError, Caller, Credential, Limits, LocalAccount, MemoryCredentials, Principal, Router, Service,
};
use log::{Log, LogSettings};
use meta::Meta;
use names::{AccountId, Region, Scope};
use rt::{ManualClock, Rt, Timestamp};
use serde_json::{Value, json};

use crate::{Kinesis, KinesisSettings, Throughput, model, operations};

pub(super) const START: Timestamp = Timestamp::from_millis(1_795_337_413_000);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const ARN: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/";

/// A node with this service alone, on a clock that obeys the test.
pub(super) struct World {
    pub(super) clock: ManualClock,
    pub(super) log: Log,
    rt: Rt,
    meta: Meta,
    dir: tempfile::TempDir,
    settings: LogSettings,
    limits: Throughput,
    pub(super) kinesis: Arc<Kinesis>,
    caller: Caller,
    // A caller works as long as its router lives.
    router: Router,
    region: &'static str,
}

impl World {
    pub(super) async fn start() -> World {
        World::with(LogSettings::default()).await
    }

    pub(super) async fn with(settings: LogSettings) -> World {
        World::limited(settings, Throughput::Machine).await
    }

    pub(super) async fn limited(settings: LogSettings, limits: Throughput) -> World {
        let (rt, clock) = Rt::manual(START, 1);
        let meta = Meta::in_memory(rt.clone()).await;
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(dir.path(), meta.clone(), rt.clone(), settings.clone()).await.unwrap();
        let (kinesis, caller, router) = serve(&rt, &meta, &log, limits);
        World { clock, log, rt, meta, dir, settings, limits, kinesis, caller, router, region: "us-east-1" }
    }

    /// As after an orderly shutdown and a new start.
    pub(super) async fn restart(self) -> World {
        let World { clock, log, rt, meta, dir, settings, limits, kinesis, caller, router, region } = self;
        log.close().await;
        drop((caller, router, kinesis, log));
        let log = Log::open(dir.path(), meta.clone(), rt.clone(), settings.clone()).await.unwrap();
        let (kinesis, caller, router) = serve(&rt, &meta, &log, limits);
        World { clock, log, rt, meta, dir, settings, limits, kinesis, caller, router, region }
    }

    pub(super) async fn call(&self, operation: &str, input: Value) -> Result<Value, ApiError> {
        self.call_in(self.region, operation, input).await
    }

    pub(super) async fn call_in(
        &self,
        region: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, ApiError> {
        let account = AccountId::new("123456789012").unwrap();
        let scope = Scope::new(account.clone(), Region::new(region).unwrap());
        let principal = Principal::root(account, "AKIDEXAMPLE");
        self.caller.call_as(&principal, &scope, "kinesis", operation, input).await
    }

    pub(super) async fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// `InvalidArgumentException: …`
    pub(super) async fn refusal(&self, operation: &str, input: Value) -> String {
        let error = self.call(operation, input).await.expect_err("it should be refused");
        assert_eq!(error.status(), 400, "{error:?}");
        error.to_string()
    }

    pub(super) async fn create(&self, name: &str, shards: u32) {
        self.ok("CreateStream", json!({"StreamName": name, "ShardCount": shards})).await;
    }

    /// Shard and sequence number.
    pub(super) async fn put(&self, stream: &str, key: &str, data: &str) -> (String, String) {
        let input = json!({"StreamName": stream, "PartitionKey": key, "Data": base64(data)});
        let output = self.ok("PutRecord", input).await;
        (text(&output["ShardId"]), text(&output["SequenceNumber"]))
    }

    pub(super) async fn iterator(&self, stream: &str, shard: &str, kind: &str, more: Value) -> String {
        let mut input = json!({"StreamName": stream, "ShardId": shard, "ShardIteratorType": kind});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        text(&self.ok("GetShardIterator", input).await["ShardIterator"])
    }

    /// The data of everything from an iterator to the tail.
    pub(super) async fn read(&self, iterator: String) -> Vec<String> {
        let page = self.ok("GetRecords", json!({"ShardIterator": iterator})).await;
        assert_eq!(page["MillisBehindLatest"], 0);
        page["Records"].as_array().unwrap().iter().map(|record| from_base64(&record["Data"])).collect()
    }
}

fn serve(rt: &Rt, meta: &Meta, log: &Log, limits: Throughput) -> (Arc<Kinesis>, Caller, Router) {
    let settings = KinesisSettings { limits };
    let kinesis = Arc::new(Kinesis::with_settings(rt.clone(), meta.clone(), log.clone(), settings));
    let account = AccountId::new("123456789012").unwrap();
    let key = Credential::root(account, "secret");
    let credentials = Arc::new(MemoryCredentials::new().with("AKIDEXAMPLE", key));
    let mut router = Router::builder(rt.clone(), Arc::new(LocalAccount), credentials, Limits::default());
    router.service(Service::new(&model::SERVICE, kinesis.clone(), operations()));
    (kinesis, router.caller(), router.build())
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

pub(super) fn base64(text: &str) -> String {
    base64_simd::STANDARD.encode_to_string(text)
}

pub(super) fn from_base64(value: &Value) -> String {
    String::from_utf8(base64_simd::STANDARD.decode_to_vec(value.as_str().unwrap()).unwrap()).unwrap()
}

pub(super) const SHARD_0: &str = "shardId-000000000000";

#[test]
fn every_constraint_of_every_built_operation_is_checked() {
    let tried = aws::model::testing::assert_constraints(&model::SERVICE);
    assert_eq!(tried.operations, operations().len());
}

#[test]
fn every_constraint_of_every_built_operation_is_checked_in_cbor_too() {
    let tried = aws::model::testing::assert_constraints_in_cbor(&model::SERVICE);
    assert_eq!(tried, aws::model::testing::assert_constraints(&model::SERVICE));
}

#[tokio::test]
async fn what_is_not_built_is_refused_by_name() {
    let world = World::start().await;
    for operation in
        ["CreateChannel", "CreateQueue", "StartStreamEncryption", "UpdateStreamRecordDistributionStrategy"]
    {
        let error = world.call(operation, json!({})).await.unwrap_err();
        assert!(error.message().contains(operation), "{error}");
    }
    let refusal = world.refusal("DescribeStream", json!({"StreamName": "s", "StreamId": "x"})).await;
    assert!(refusal.starts_with("InvalidArgumentException: Field 'StreamId' is not supported"), "{refusal}");
}
