use std::sync::Arc;
use std::time::Duration;

use aws::client::{Client, ClientError, Credentials, Target};
use aws::{Credential, Limits, LocalAccount, MemoryCredentials, Router, Service};
use flow::{Flow, FlowId, FlowSettings, FlowStatus};
use lake::{Column, Database, Lake, Table};
use log::{Batch, Log, LogSettings, NewRecord, TopicId};
use meta::{Key, Meta};
use metrics::Metrics;
use names::{AccountId, Region, Scope};
use objects::{ListRequest, Objects};
use rt::{ManualClock, Rt, Timestamp};
use serde_json::{Value, json};

use super::store;
use crate::{Firehose, model, operations};

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const ROLE: &str = "arn:aws:iam::123456789012:role/delivery";
pub(super) const STREAM_ARN: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/flights";

/// 2026-11-22T08:50:13Z
pub(super) const START: Timestamp = Timestamp::from_millis(1_795_337_413_000);

/// How often a delivery is looked at before a test gives up, some twenty milliseconds apart.
const ATTEMPTS_MAX: usize = 1_000;

/// A node with this service, the bucket `lake` and the table `db.flights`.
pub(super) struct World {
    pub(super) rt: Rt,
    pub(super) clock: ManualClock,
    meta: Meta,
    pub(super) log: Log,
    pub(super) objects: Objects,
    pub(super) lake: Lake,
    pub(super) flow: Flow,
    pub(super) firehose: Arc<Firehose>,
    pub(super) metrics: Metrics,
    pub(super) client: Client,
    _dir: tempfile::TempDir,
}

impl World {
    pub(super) async fn start() -> World {
        let dir = tempfile::tempdir().unwrap();
        let (rt, clock) = Rt::manual(START, 1);
        let meta = Meta::in_memory(rt.clone()).await;
        let path = dir.path().join("log");
        let log = Log::open(&path, meta.clone(), rt.clone(), LogSettings::default()).await.unwrap();
        let path = dir.path().join("objects");
        let objects = Objects::open(&path, meta.clone(), rt.clone()).await.unwrap();
        objects.create_bucket("lake", &scope()).await.unwrap();
        let lake = Lake::new(meta.clone(), objects.clone(), rt.clone());
        create_table(&lake).await;
        let engines = (rt.clone(), meta.clone(), log.clone(), objects.clone(), lake.clone());
        let (a, b, c, d, e) = engines.clone();
        let flow = Flow::new(a, b, c, d, e, FlowSettings::default());
        let (a, b, c, d, e) = engines;
        let metrics = Metrics::new();
        let firehose = Firehose::new(a, b, c, d, e, flow.clone());
        assert_eq!(firehose.start().await.unwrap(), 0);
        let account = AccountId::new(ACCOUNT).unwrap();
        let credentials = Arc::new(MemoryCredentials::new().with(KEY, Credential::root(account, SECRET)));
        let mut router = Router::builder(rt.clone(), Arc::new(LocalAccount), credentials, Limits::default());
        let firehose = Arc::new(firehose.with_metrics(metrics.clone()));
        router.service(Service::new(&model::SERVICE, firehose.clone(), operations()));
        let buckets = objects.clone();
        router.fallback_http(move |request| store::answer(buckets.clone(), request));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        rt.spawn("listener", aws::serve(listener, router, rt.stop()));
        let client = Client::with_rt(&endpoint, Credentials::new(KEY, SECRET), "us-east-1", rt.clone());
        World { rt, clock, meta, log, objects, lake, flow, firehose, metrics, client, _dir: dir }
    }

    pub(super) async fn call(&self, operation: &str, input: Value) -> Result<Value, ClientError> {
        self.client.call(Target::FIREHOSE, operation, &input).await
    }

    pub(super) async fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// `InvalidArgumentException: …`
    pub(super) async fn refusal(&self, operation: &str, input: Value) -> String {
        let error = self.call(operation, input).await.expect_err("it should be refused");
        assert_eq!(error.status, 400, "{error:?}");
        format!("{}: {}", error.code, error.message)
    }

    /// Creates the delivery stream `name` for direct puts with these destination settings.
    pub(super) async fn create(&self, name: &str, settings: Value) -> Value {
        self.ok("CreateDeliveryStream", direct(name, settings)).await
    }

    /// What the Kinesis service does when a stream is created and records are put.
    pub(super) async fn create_stream(&self, shards: u32) {
        self.log.create_topic(&stream_topic(), shards, Duration::from_secs(86_400)).await.unwrap();
    }

    pub(super) async fn put_to_stream(&self, data: &'static str) {
        let record = NewRecord { key: "key".into(), data: data.into() };
        let batch = Batch { partition: 0, records: vec![record] };
        self.log.append(&stream_topic(), vec![batch]).await.unwrap();
    }

    /// Lets time pass until so many records are delivered or rejected.
    pub(super) async fn settled(&self, name: &str, records: u64) -> FlowStatus {
        let id = FlowId::new(scope(), name);
        let mut commits = self.meta.watch(&Key::scoped(&scope(), "flow"));
        for _ in 0..ATTEMPTS_MAX {
            let status = self.flow.status(&id).await.unwrap();
            if status.ledger.settled_records() >= records {
                return status;
            }
            self.clock.advance(Duration::from_secs(1));
            // The clock that moves closes the batch; its commit is waited for in real time.
            Rt::system().timeout(Duration::from_millis(20), commits.changed()).await;
        }
        panic!("still waiting: {:?}", self.flow.status(&id).await)
    }

    pub(super) async fn contents(&self, prefix: &str) -> Vec<(String, String)> {
        let request =
            ListRequest { prefix: prefix.to_owned(), delimiter: None, start_after: None, limit: 1_000 };
        let mut contents = Vec::new();
        for object in self.objects.list("lake", &request).await.unwrap().objects {
            let bytes = self.objects.get_bytes("lake", &object.key, None).await.unwrap();
            contents.push((object.key, String::from_utf8_lossy(&bytes).into_owned()));
        }
        contents
    }
}

pub(super) fn scope() -> Scope {
    Scope::new(AccountId::new(ACCOUNT).unwrap(), Region::new("us-east-1").unwrap())
}

fn stream_topic() -> TopicId {
    TopicId::new(scope(), "stream", "flights")
}

async fn create_table(lake: &Lake) {
    lake.catalog().create_database(&scope(), Database::new("db")).await.unwrap();
    let mut table = Table::new("db", "flights");
    table.columns = vec![Column::new("origin", "string"), Column::new("delay", "int")];
    table.partition_keys = vec![Column::new("day", "string")];
    table.storage.location = Some("s3://lake/flights/".to_owned());
    lake.catalog().create_table(&scope(), table).await.unwrap();
}

/// A request to create a delivery stream for direct puts; `settings` are added to the destination.
pub(super) fn direct(name: &str, settings: Value) -> Value {
    json!({ "DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": destination(settings) })
}

pub(super) fn from_stream(name: &str, settings: Value) -> Value {
    let mut request = direct(name, settings);
    request["DeliveryStreamType"] = json!("KinesisStreamAsSource");
    request["KinesisStreamSourceConfiguration"] = json!({ "KinesisStreamARN": STREAM_ARN, "RoleARN": ROLE });
    request
}

pub(super) fn destination(settings: Value) -> Value {
    let mut destination = json!({ "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake" });
    for (name, value) in settings.as_object().unwrap() {
        destination[name] = value.clone();
    }
    destination
}

/// JSON to Parquet by the table `db.flights`, without waiting, into day partitions.
pub(super) fn conversion() -> Value {
    json!({
        "Prefix": "flights/day=!{timestamp:yyyy-MM-dd}/",
        "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
        "BufferingHints": { "SizeInMBs": 64, "IntervalInSeconds": 0 },
        "DataFormatConversionConfiguration": {
            "SchemaConfiguration": {
                "RoleARN": ROLE, "DatabaseName": "db", "TableName": "flights", "Region": "us-east-1"
            },
            "InputFormatConfiguration": { "Deserializer": { "OpenXJsonSerDe": {} } },
            "OutputFormatConfiguration": { "Serializer": { "ParquetSerDe": { "Compression": "SNAPPY" } } }
        }
    })
}

pub(super) fn base64(data: &str) -> String {
    base64_simd::STANDARD.encode_to_string(data)
}
