use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use lake::{Column, Database, Lake, Table};
use log::{Batch, Log, LogSettings, NewRecord, TopicId};
use meta::Meta;
use names::{AccountId, Region, Scope};
use objects::{ListRequest, Objects};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rt::{ManualClock, Rt, Timestamp};

use crate::functions::NoFunctions;
use crate::{
    Buffer, Compression, Encode, ErrorShape, Failpoints, Flow, FlowId, FlowSettings, FlowSpec, FlowStatus,
    Functions, ParquetEncode, RawEncode, Sink, Source, Start, TableVersion, keys,
};

pub(super) const BUCKET: &str = "lake";

/// 2024-01-31T22:59:30Z
pub(super) const START: Timestamp = Timestamp::from_millis(1_706_741_970_000);

/// All stores of a process, and a delivery engine on them that can crash.
pub(super) struct Rig {
    pub(super) rt: Rt,
    pub(super) clock: ManualClock,
    pub(super) meta: Meta,
    pub(super) log: Log,
    pub(super) objects: Objects,
    pub(super) lake: Lake,
    pub(super) flow: Flow,
    pub(super) failpoints: Failpoints,
    pub(super) settings: FlowSettings,
    functions: Arc<dyn Functions>,
    _dir: tempfile::TempDir,
}

impl Rig {
    pub(super) async fn new() -> Rig {
        Rig::with(FlowSettings { batch_spacing: Duration::ZERO, ..FlowSettings::default() }).await
    }

    pub(super) async fn with(settings: FlowSettings) -> Rig {
        Rig::with_functions(settings, Arc::new(NoFunctions)).await
    }

    pub(super) async fn with_functions(settings: FlowSettings, functions: Arc<dyn Functions>) -> Rig {
        let dir = tempfile::tempdir().unwrap();
        let (rt, clock) = Rt::manual(START, 42);
        let meta = Meta::in_memory(rt.clone()).await;
        let path = dir.path().join("log");
        let log = Log::open(&path, meta.clone(), rt.clone(), LogSettings::default()).await.unwrap();
        let objects = Objects::open(&dir.path().join("objects"), meta.clone(), rt.clone()).await.unwrap();
        objects.create_bucket(BUCKET, &scope()).await.unwrap();
        let lake = Lake::new(meta.clone(), objects.clone(), rt.clone());
        let failpoints = settings.failpoints.clone();
        let (a, b, c, d, e) = (rt.clone(), meta.clone(), log.clone(), objects.clone(), lake.clone());
        let flow = Flow::with_functions(a, b, c, d, e, functions.clone(), settings.clone());
        Rig { rt, clock, meta, log, objects, lake, flow, failpoints, settings, functions, _dir: dir }
    }

    /// The process dies here and another one starts.
    pub(super) async fn restart(&mut self) {
        self.flow.crash().await;
        self.failpoints = Failpoints::default();
        self.settings.failpoints = self.failpoints.clone();
        self.flow = Flow::with_functions(
            self.rt.clone(),
            self.meta.clone(),
            self.log.clone(),
            self.objects.clone(),
            self.lake.clone(),
            self.functions.clone(),
            self.settings.clone(),
        );
        self.flow.resume_all().await.unwrap();
    }

    pub(super) async fn topic(&self, partitions: u32) {
        self.log.create_topic(&topic(), partitions, Duration::from_secs(86_400)).await.unwrap();
    }

    /// A table of `id bigint, name string` below `events/`, partitioned by the given keys.
    pub(super) async fn table(&self, partition_keys: &[&str]) {
        let catalog = self.lake.catalog();
        catalog.create_database(&scope(), Database::new("db")).await.unwrap();
        let mut table = Table::new("db", "events");
        table.columns = vec![Column::new("id", "bigint"), Column::new("name", "string")];
        table.partition_keys = partition_keys.iter().map(|key| Column::new(*key, "string")).collect();
        table.storage.location = Some(format!("s3://{BUCKET}/events/"));
        catalog.create_table(&scope(), table).await.unwrap();
    }

    pub(super) async fn put(&self, partition: u32, data: impl IntoIterator<Item = Bytes>) {
        let record = |data| NewRecord { key: Bytes::from_static(b"key"), data };
        let batch = Batch { partition, records: data.into_iter().map(record).collect() };
        self.log.append(&topic(), vec![batch]).await.unwrap();
    }

    /// Waits until the status satisfies the condition. The ledger's commits wake it.
    pub(super) async fn until(&self, condition: impl Fn(&FlowStatus) -> bool) -> FlowStatus {
        let id = id();
        let mut watch = self.meta.watch(&keys::ledger(&id));
        let waiting = async {
            loop {
                let status = self.flow.status(&id).await.unwrap();
                assert_eq!(
                    status.received_records.checked_add_signed(status.ledger.made_records),
                    Some(status.ledger.settled_records() + status.pending_records),
                    "the ledger balances at every moment"
                );
                if condition(&status) {
                    return status;
                }
                // An error changes no key, so look again from time to time.
                Rt::system().timeout(Duration::from_millis(20), watch.changed()).await;
                if status.last_error.is_some() {
                    self.clock.advance(Duration::from_secs(1));
                }
            }
        };
        let status = Rt::system().timeout(Duration::from_secs(60), waiting).await;
        match status {
            Some(status) => status,
            None => panic!("still waiting: {:?}", self.flow.status(&id).await),
        }
    }

    pub(super) async fn until_settled(&self, records: u64) -> FlowStatus {
        self.until(|status| status.ledger.settled_records() >= records).await
    }

    /// Keys and bytes of all objects whose key begins with `prefix`.
    pub(super) async fn objects(&self, prefix: &str) -> BTreeMap<String, Bytes> {
        self.objects_in(BUCKET, prefix).await
    }

    pub(super) async fn objects_in(&self, bucket: &str, prefix: &str) -> BTreeMap<String, Bytes> {
        let request =
            ListRequest { prefix: prefix.to_owned(), delimiter: None, start_after: None, limit: 10_000 };
        let page = self.objects.list(bucket, &request).await.unwrap();
        let mut found = BTreeMap::new();
        for object in page.objects {
            let bytes = self.objects.get_bytes(bucket, &object.key, None).await.unwrap();
            found.insert(object.key, bytes);
        }
        found
    }

    /// The ids in the Parquet objects below `events/`, sorted.
    pub(super) async fn delivered_ids(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = self.objects("events/").await.into_values().flat_map(ids_of).collect();
        ids.sort_unstable();
        ids
    }

    /// The lines of the error output, as JSON.
    pub(super) async fn error_lines(&self) -> Vec<serde_json::Value> {
        let objects = self.objects("errors/").await;
        let lines = objects.values().flat_map(|bytes| bytes.split(|byte| *byte == b'\n'));
        lines.filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect()
    }
}

pub(super) fn scope() -> Scope {
    Scope::new(AccountId::new("000000000000").unwrap(), Region::new("eu-central-1").unwrap())
}

pub(super) fn id() -> FlowId {
    FlowId::new(scope(), "events")
}

pub(super) fn topic() -> TopicId {
    TopicId::new(scope(), "stream", "events")
}

pub(super) fn raw_spec() -> FlowSpec {
    FlowSpec {
        source: Source { topic: topic(), start: Start::Oldest, trim: false, aggregates: false },
        buffer: Buffer { bytes: 64 << 20, interval: Duration::ZERO },
        encode: Encode::Raw(RawEncode { delimiter: Some("\n".to_owned()), compression: Compression::None }),
        sink: Sink {
            bucket: BUCKET.to_owned(),
            prefix: "events/".to_owned(),
            error_prefix: "errors/".to_owned(),
            name: "events-1".to_owned(),
            suffix: String::new(),
            time_zone: String::new(),
            content_type: None,
            errors: ErrorShape::plain(),
        },
        register_partitions: true,
        operators: Vec::new(),
        partitioning: None,
        backup: None,
        live: false,
    }
}

pub(super) fn parquet_spec() -> FlowSpec {
    let encode = ParquetEncode {
        scope: scope(),
        database: "db".to_owned(),
        table: "events".to_owned(),
        version: TableVersion::Latest,
        json: lake::json::JsonOptions::default(),
        parquet: lake::parquet::ParquetSettings::default(),
        orc: None,
    };
    let mut spec = raw_spec();
    spec.encode = Encode::Parquet(Box::new(encode));
    spec.sink.prefix = "events/day=!{timestamp:yyyy-MM-dd}/".to_owned();
    spec.sink.error_prefix = "errors/!{firehose:error-output-type}/".to_owned();
    spec.sink.suffix = ".parquet".to_owned();
    spec
}

pub(super) fn json(id: i64) -> Bytes {
    format!(r#"{{"id":{id},"name":"n{id}"}}"#).into()
}

pub(super) fn ids_of(parquet: Bytes) -> Vec<i64> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap().build().unwrap();
    let column = |batch: RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    reader.flat_map(|batch| column(batch.unwrap())).collect()
}

pub(super) fn row_groups(parquet: Bytes) -> usize {
    ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap().metadata().num_row_groups()
}

pub(super) fn gunzip(bytes: &[u8]) -> String {
    std::io::read_to_string(MultiGzDecoder::new(bytes)).unwrap()
}
