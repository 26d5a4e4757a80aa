//! What is delivered where, and what must be there in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arrow::util::display::array_value_to_string;
use bytes::Bytes;
use futures::TryStreamExt;
use lake::iceberg::{Creation, IcebergTable};
use lake::{Column, Database, Lake, Table};
use objects::{ListRequest, Objects};
use serde_json::{Value, json};

use super::super::rig::{BUCKET, gunzip, id, ids_of, parquet_spec, raw_spec, scope};
use super::super::tables;
use super::chance::Chance;
use super::world::World;
use crate::{
    Backup, Cause, Compression, Encode, Extract, FlowSpec, FlowStatus, Operator, Partitioning, RequestEncode,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Parquet,
    /// Parquet by a key of the record, written in pieces.
    Partitions,
    /// Parquet, and the source as it came.
    Backup,
    Append,
    Upsert,
    Requests,
}

/// One record in so many does not fit.
const UNFIT_EVERY: u64 = 100;
const UNFIT_AT: u64 = 7;
/// Keys of rows that are upserted.
const KEYS: u64 = 23;

/// What was put, in its order.
#[derive(Default)]
pub(super) struct Put {
    next: u64,
    /// Rows of a table with unique keys.
    model: BTreeMap<u64, String>,
    /// Rows that another writer added.
    foreign: Vec<i64>,
}

impl Put {
    pub(super) fn total(&self) -> u64 {
        self.next
    }

    /// The next record and its partition.
    pub(super) fn record(&mut self, kind: Kind, partitions: u32) -> (u32, Bytes) {
        let n = self.next;
        self.next += 1;
        let key = n % KEYS;
        // What happens to a key happens in one partition: only there is an order.
        let partition = if kind == Kind::Upsert { key } else { n } % u64::from(partitions);
        let data = match kind {
            _ if is_unfit(n) => format!("bad {n}\n"),
            Kind::Upsert if n % 7 == 5 => {
                self.model.remove(&key);
                format!(r#"{{"id":{key},"op":"delete"}}"#)
            }
            Kind::Upsert => {
                self.model.insert(key, format!("v{n}"));
                format!(r#"{{"id":{key},"name":"v{n}"}}"#)
            }
            _ => format!("{{\"id\":{n},\"name\":\"n{}\"}}\n", n % 5),
        };
        (u32::try_from(partition).unwrap(), data.into())
    }

    fn unfit(&self) -> Vec<u64> {
        (0..self.next).filter(|n| is_unfit(*n)).collect()
    }

    fn fit(&self) -> Vec<i64> {
        (0..self.next).filter(|n| !is_unfit(*n)).map(|n| i64::try_from(n).unwrap()).collect()
    }
}

fn is_unfit(n: u64) -> bool {
    n % UNFIT_EVERY == UNFIT_AT
}

impl Kind {
    pub(super) fn spec(self, chance: &mut Chance) -> FlowSpec {
        let mut spec = match self {
            Kind::Parquet | Kind::Backup => parquet_spec(),
            Kind::Partitions => {
                let mut spec = parquet_spec();
                spec.sink.prefix =
                    "events/name=!{partitionKeyFromQuery:name}/day=!{timestamp:yyyy-MM-dd}/".to_owned();
                spec.operators = vec![Operator::Extract(Extract { query: "{name}".to_owned() })];
                spec.partitioning = Some(Partitioning { partitions_max: 500 });
                spec
            }
            Kind::Append => tables::spec(vec![tables::target("events", &[])]),
            Kind::Upsert => {
                let mut spec = tables::spec(vec![tables::target("events", &["id"])]);
                tables::encode(&mut spec).routed = true;
                spec.operators = vec![Operator::Extract(Extract { query: "{operation: .op}".to_owned() })];
                spec
            }
            Kind::Requests => requests(),
        };
        if self == Kind::Backup {
            spec.backup = Some(Backup {
                bucket: BUCKET.to_owned(),
                prefix: "backup/".to_owned(),
                name: "events".to_owned(),
                suffix: ".gz".to_owned(),
                compression: Compression::Gzip,
                content_type: None,
            });
        }
        spec.buffer.bytes = chance.between(150, 4_000);
        spec.buffer.interval = Duration::from_millis(chance.pick(&[0, 200, 3_000]));
        spec.source.trim = chance.is(500);
        spec
    }

    pub(super) async fn prepare(self, lake: &Lake) {
        let catalog = lake.catalog();
        let columns = vec![Column::new("id", "bigint"), Column::new("name", "string")];
        catalog.create_database(&scope(), Database::new("db")).await.unwrap();
        match self {
            Kind::Append | Kind::Upsert => {
                let mut creation =
                    Creation::new("db", "events", format!("s3://{BUCKET}/events"), &columns).unwrap();
                creation
                    .properties
                    .insert("write.metadata.delete-after-commit.enabled".to_owned(), "true".to_owned());
                creation.properties.insert("write.metadata.previous-versions-max".to_owned(), "5".to_owned());
                lake.iceberg().create(&scope(), creation).await.unwrap();
            }
            Kind::Parquet | Kind::Partitions | Kind::Backup => {
                let mut table = Table::new("db", "events");
                table.columns = columns;
                let keys: &[&str] = if self == Kind::Partitions { &["name", "day"] } else { &["day"] };
                if self == Kind::Partitions {
                    table.columns.pop();
                }
                table.partition_keys = keys.iter().map(|key| Column::new(*key, "string")).collect();
                table.storage.location = Some(format!("s3://{BUCKET}/events/"));
                catalog.create_table(&scope(), table).await.unwrap();
            }
            Kind::Requests => {}
        }
    }

    pub(super) fn is_iceberg(self) -> bool {
        matches!(self, Kind::Append | Kind::Upsert)
    }

    /// Every record is where it belongs, once, and the ledger says so. Called when nothing is pending, in calm.
    pub(super) async fn check(self, world: &mut World, put: &Put, status: &FlowStatus) {
        let ledger = &status.ledger;
        assert!(ledger.balances(), "{ledger:?}");
        assert_eq!(
            (ledger.taken_records, ledger.missing_records, ledger.dropped_records, status.pending_records),
            (put.total(), 0, 0, 0),
            "{ledger:?}"
        );
        let (objects, lake) = {
            let process = world.process();
            (process.calm_objects.clone(), process.calm_lake.clone())
        };
        let found = world.drive(Found::read(objects, lake.clone(), self.is_iceberg())).await;
        let found = found.expect("nobody dies in calm");
        let unfit: BTreeSet<u64> = put.unfit().into_iter().collect();
        let rejected: Vec<u64> = found.rejected.iter().filter_map(|data| unfit_number(data)).collect();
        assert_eq!(rejected.len() as u64, ledger.rejected_records.min(unfit.len() as u64), "rejected");
        assert!(rejected.iter().copied().eq(unfit.iter().copied()), "{rejected:?} of {unfit:?}");
        if self == Kind::Requests {
            return self.check_requests(world, put, &found);
        }
        assert_eq!(
            (ledger.rejected_records, ledger.delivered_records),
            (unfit.len() as u64, put.total() - unfit.len() as u64)
        );
        match self {
            Kind::Append => {
                let mut expected: Vec<i64> = put.fit();
                expected.extend(&put.foreign);
                expected.sort_unstable();
                assert_eq!(found.table_ids(), expected);
            }
            Kind::Upsert => {
                let mut expected: Vec<String> =
                    put.model.iter().map(|(key, value)| format!("{key}|{value}")).collect();
                expected.extend(put.foreign.iter().map(|id| format!("{id}|foreign")));
                expected.sort();
                assert_eq!(found.rows, expected);
            }
            _ => self.check_objects(put, status, &found),
        }
        for (batch, times) in &found.batches {
            assert_eq!(*times, 1, "batch {batch} was committed {times} times");
        }
    }

    fn check_objects(self, put: &Put, status: &FlowStatus, found: &Found) {
        let mut ids = Vec::new();
        for (key, bytes) in found.objects.range("events/".to_owned().."events0".to_owned()) {
            let these = ids_of(bytes.clone());
            if self == Kind::Partitions {
                for id in &these {
                    assert!(key.contains(&format!("/name=n{}/", id % 5)), "{id} lies in {key}");
                }
            }
            ids.extend(these);
        }
        ids.sort_unstable();
        assert_eq!(ids, put.fit());
        assert_eq!(status.ledger.objects, found.objects.len() as u64);
        let bytes: u64 = found.objects.values().map(|bytes| bytes.len() as u64).sum();
        assert_eq!(status.ledger.object_bytes, bytes);
        if self == Kind::Backup {
            let copies = found.objects.range("backup/".to_owned().."backup0".to_owned());
            let text: String = copies.map(|(_, bytes)| gunzip(bytes)).collect();
            let mut lines: Vec<&str> = text.lines().collect();
            lines.sort_unstable();
            let mut again = Put::default();
            let mut expected: Vec<String> = (0..put.total())
                .map(|_| String::from_utf8(again.record(self, 1).1.to_vec()).unwrap().trim_end().to_owned())
                .collect();
            expected.sort();
            assert_eq!(lines, expected);
        }
    }

    fn check_requests(self, world: &World, put: &Put, found: &Found) {
        let mut again = Put::default();
        let mut expected: Vec<Bytes> = (0..put.total()).map(|_| again.record(self, 1).1).collect();
        expected.sort();
        let mut there = world.place.records();
        there.extend(found.rejected.iter().cloned());
        there.sort();
        assert_eq!(there, expected, "each record is at the place or in the error output, once");
    }

    /// Another engine adds a row.
    pub(super) async fn add_foreign(self, world: &mut World, put: &mut Put) {
        let id = 1_000_000 + i64::try_from(put.foreign.len()).unwrap();
        let lake = world.process().calm_lake.clone();
        world.drive_on(tables::append_row(lake, "events", id, "foreign")).await;
        put.foreign.push(id);
    }
}

fn unfit_number(data: &[u8]) -> Option<u64> {
    std::str::from_utf8(data).ok()?.trim_end().strip_prefix("bad ")?.parse().ok()
}

fn requests() -> FlowSpec {
    let encode = RequestEncode {
        target: json!({ "place": 1 }),
        delimiter: None,
        request_bytes: 300,
        retry: Duration::from_secs(7 * 24 * 3600),
        failure: Cause::Endpoint,
    };
    FlowSpec { encode: Encode::Requests(Box::new(encode)), ..raw_spec() }
}

/// Everything a delivery left.
struct Found {
    objects: BTreeMap<String, Bytes>,
    /// The data in the lines of the error output, sorted.
    rejected: Vec<Bytes>,
    /// Of the table, sorted.
    rows: Vec<String>,
    /// How often each batch is in the table's history.
    batches: BTreeMap<String, u32>,
}

impl Found {
    async fn read(objects: Objects, lake: Lake, is_iceberg: bool) -> Found {
        let request =
            ListRequest { prefix: String::new(), delimiter: None, start_after: None, limit: 100_000 };
        let mut found = BTreeMap::new();
        for object in objects.list(BUCKET, &request).await.unwrap().objects {
            let bytes = objects.get_bytes(BUCKET, &object.key, None).await.unwrap();
            found.insert(object.key, bytes);
        }
        let mut rejected = Vec::new();
        for (_, bytes) in found.range("errors/".to_owned().."errors0".to_owned()) {
            for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let line: Value = serde_json::from_slice(line).unwrap();
                let data = base64_simd::STANDARD.decode_to_vec(line["data"].as_str().unwrap()).unwrap();
                rejected.push(Bytes::from(data));
            }
        }
        rejected.sort_by_key(|data| unfit_number(data));
        let (mut rows, mut batches) = (Vec::new(), BTreeMap::new());
        if is_iceberg {
            let table = lake.iceberg().load(&scope(), "db", "events").await.unwrap();
            rows = rows_of(&table).await;
            for snapshot in table.snapshots() {
                if let Some(batch) = snapshot.summary.get("mulgil.batch") {
                    *batches.entry(batch.clone()).or_default() += 1;
                }
            }
        }
        Found { objects: found, rejected, rows, batches }
    }

    fn table_ids(&self) -> Vec<i64> {
        let mut ids: Vec<i64> =
            self.rows.iter().map(|row| row.split_once('|').unwrap().0.parse().unwrap()).collect();
        ids.sort_unstable();
        ids
    }
}

async fn rows_of(table: &IcebergTable) -> Vec<String> {
    if table.snapshot_id().is_none() {
        return Vec::new();
    }
    let batches: Vec<arrow::array::RecordBatch> =
        table.table.scan().build().unwrap().to_arrow().await.unwrap().try_collect().await.unwrap();
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap());
            rows.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    rows.sort();
    rows
}

/// The delivery as it is, read without weather.
pub(super) async fn status(world: &mut World) -> Option<FlowStatus> {
    let flow = world.process().flow.clone();
    world.drive(async move { flow.status(&id()).await.ok() }).await.flatten()
}
