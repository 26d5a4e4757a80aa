//! One plan, start to end: read, convert, encode, write. Nothing here is visible to anyone until the
//! caller publishes the outcome.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use log::Offset;
use rt::{Rt, Task};
use tokio::sync::watch;

use crate::compress::Compressor;
use crate::convert::{Converted, Converter, Group};
use crate::encode::{Payload, archived_name};
use crate::failpoints::at;
use crate::lanes::{Done, Lanes};
use crate::output::{Output, Sealed};
use crate::parts::{Live, Partitions, Parts};
use crate::plan::Plan;
use crate::reader::{AHEAD_BYTES, CHUNK_BYTES, Chunk, Reader};
use crate::records::{Count, Errors, Failures, Refusal, Tally};
use crate::reject::{Attempt, Cause, FailureKind};
use crate::requests::{Refused, Requests};
use crate::tables::lanes::{TableBatch, TableLanes};
use crate::{Compression, Encode, FlowError};

/// Chunks that are converted at the same time, ahead of the one that is being encoded.
const CONVERSIONS_AT_ONCE: usize = 2;

/// A chunk is held as read bytes, as rows and as encoded pages.
const COPIES: u64 = 3;

/// What records of a partition too many are refused with.
const PARTITIONS_EXCEEDED: &str = "The number of active partitions has exceeded the configured limit";

/// What a batch came to.
pub(crate) struct Outcome {
    pub(crate) ends: BTreeMap<u32, Offset>,
    pub(crate) tally: Tally,
    pub(crate) missing: u64,
    pub(crate) objects: Vec<Sealed>,
    /// The keys of those that hold delivered records.
    pub(crate) data_keys: Vec<String>,
    pub(crate) tables: Vec<TableBatch>,
}

/// Memory that the batch needs at most, in bytes. `partition_bytes` is the budget of all its partitions.
pub(crate) fn memory_bytes(plan: &Plan, partition_bytes: usize) -> u64 {
    let batch = plan.source_bytes.min(plan.bytes);
    if matches!(plan.spec.encode, Encode::Requests(_)) {
        // The records of a request are held, and its body, perhaps packed.
        return batch * COPIES;
    }
    let chunks = (CHUNK_BYTES * (CONVERSIONS_AT_ONCE + 2)) as u64;
    // Encoded rows are held until their row group is closed; they are rarely half of their source.
    let spread = plan.partitioned.is_some() || matches!(plan.spec.encode, Encode::Iceberg(_));
    let encoded = if spread { partition_bytes as u64 } else { batch / 2 };
    batch.min(chunks) * COPIES + batch.min(AHEAD_BYTES) + encoded
}

/// A batch in work.
pub(crate) struct Batch<'a> {
    ahead: Ahead,
    writing: Writing<'a>,
}

/// Keeps a batch from writing before its plan is stored.
pub(crate) struct Gate {
    closed: Option<watch::Receiver<bool>>,
}

/// Opens a [`Gate`]; dropped unopened, the batch behind it fails.
pub(crate) struct Opener {
    gate: watch::Sender<bool>,
}

impl Gate {
    pub(crate) fn open() -> Gate {
        Gate { closed: None }
    }

    pub(crate) fn closed() -> (Opener, Gate) {
        let (gate, closed) = watch::channel(false);
        (Opener { gate }, Gate { closed: Some(closed) })
    }

    async fn pass(&mut self) -> Result<(), FlowError> {
        if let Some(closed) = &mut self.closed {
            closed.wait_for(|open| *open).await.map_err(|_| FlowError::Conflict)?;
            self.closed = None;
        }
        Ok(())
    }
}

impl Opener {
    pub(crate) fn open(&self) {
        self.gate.send_replace(true);
    }
}

impl<'a> Batch<'a> {
    /// `live` has what this process knows of requests that were settled, `now` is how the spec encodes by now.
    pub(crate) fn new(
        parts: &'a Parts,
        plan: Arc<Plan>,
        gate: Gate,
        live: &Live,
        now: &Encode,
    ) -> Result<Batch<'a>, FlowError> {
        let converter = Arc::new(Converter::new(&plan, parts)?);
        let ahead = Ahead {
            rt: parts.rt.clone(),
            reader: Reader::new(parts.rt.clone(), parts.log.clone(), &plan),
            converter: converter.clone(),
            converting: VecDeque::new(),
            read: false,
        };
        let lanes = Lanes::new(parts, plan.clone());
        let requests = Requests::new(parts, &plan, &live.progress, now);
        let (errors, backup, tally) = (BTreeMap::new(), None, Tally::default());
        let partitions = Arc::clone(&live.partitions);
        let tables = match &plan.spec.encode {
            Encode::Iceberg(encode) => Some(TableLanes::new(parts, encode.as_ref().clone())),
            _ => None,
        };
        let writing = Writing {
            parts,
            plan,
            gate,
            converter,
            lanes,
            partitions,
            tables,
            requests,
            errors,
            backup,
            tally,
        };
        Ok(Batch { ahead, writing })
    }

    /// Takes every record of the batch from the source to the encoder.
    pub(crate) async fn produce(&mut self) -> Result<(), FlowError> {
        let Batch { ahead, writing } = self;
        let mut next = ahead.next().await?;
        while let Some(current) = next {
            // While one chunk is encoded and written, the following ones are read and converted.
            let (written, following) = futures::join!(writing.push(current), ahead.next());
            written?;
            next = following?;
            writing.parts.pass(at::AFTER_CHUNK).await?;
        }
        Ok(())
    }

    /// Where each partition stands, once all is produced.
    pub(crate) fn ends(&self) -> BTreeMap<u32, Offset> {
        self.ahead.reader.ends().collect()
    }

    /// Writes what is left and makes the objects durable.
    pub(crate) async fn finish(self) -> Result<Outcome, FlowError> {
        let (ends, missing) = (self.ends(), self.ahead.reader.missing());
        self.writing.finish(ends, missing).await
    }
}

/// Reads and converts ahead of the encoder, on other threads.
struct Ahead {
    rt: Rt,
    reader: Reader,
    converter: Arc<Converter>,
    /// In the order of the batch.
    converting: VecDeque<Task<Result<Converted, FlowError>>>,
    /// To the end of the batch.
    read: bool,
}

impl Ahead {
    async fn next(&mut self) -> Result<Option<Converted>, FlowError> {
        while !self.read && self.converting.len() < CONVERSIONS_AT_ONCE {
            match self.reader.next().await? {
                Some(chunk) => self.convert(chunk),
                None => self.read = true,
            }
        }
        match self.converting.pop_front() {
            Some(task) => Ok(Some(task.await.map_err(FlowError::Convert)??)),
            None => Ok(None),
        }
    }

    fn convert(&mut self, chunk: Chunk) {
        let work = self.converter.clone().convert(self.rt.clone(), chunk);
        self.converting.push_back(self.rt.spawn("flow-convert", work));
    }
}

/// The objects of a batch, each opened when there is something to put in it.
struct Writing<'a> {
    parts: &'a Parts,
    plan: Arc<Plan>,
    gate: Gate,
    converter: Arc<Converter>,
    lanes: Lanes<'a>,
    /// Told to whoever watches.
    partitions: Arc<Partitions>,
    /// In place of lanes, if records go to a place outside.
    requests: Option<Requests<'a>>,
    /// In the place of `lanes` for rows of Iceberg tables.
    tables: Option<TableLanes<'a>>,
    /// By key: kinds of failure may share an object.
    errors: BTreeMap<String, Output>,
    backup: Option<Copying>,
    tally: Tally,
}

/// The copy of the source records.
struct Copying {
    compressor: Compressor,
    output: Option<Output>,
}

impl Writing<'_> {
    async fn push(&mut self, converted: Converted) -> Result<(), FlowError> {
        if self.requests.is_some() {
            return self.push_records(converted).await;
        }
        let Converted { groups, mut tally, mut failures, backup } = converted;
        let asked = groups.len();
        let mut admitted = Vec::with_capacity(asked);
        for group in groups {
            if self.tables.is_some() || self.lanes.admit(&group)? {
                admitted.push(group);
            } else {
                self.refuse(group, &mut tally, &mut failures);
            }
        }
        self.partitions.see(self.lanes.count(), admitted.len() < asked);
        self.tally.add(tally);
        for (kind, lines) in failures.lines {
            self.write_errors(kind, lines.into()).await?;
        }
        self.copy(backup).await?;
        if self.tables.is_some() {
            return self.write_rows(admitted).await;
        }
        let ready = self.lanes.encode(admitted).await?;
        let relief = self.lanes.want_relief();
        if !ready.is_empty() || relief {
            self.gate.pass().await?;
        }
        for (prefix, bytes) in ready {
            self.lanes.write(&prefix, bytes).await?;
        }
        if relief { self.lanes.relieve().await } else { Ok(()) }
    }

    async fn push_records(&mut self, converted: Converted) -> Result<(), FlowError> {
        let Converted { groups, tally, failures, backup } = converted;
        self.gate.pass().await?;
        self.tally.add(tally);
        for (kind, lines) in failures.lines {
            self.write_errors(kind, lines.into()).await?;
        }
        self.copy(backup).await?;
        for group in groups {
            let requests = self.requests.as_mut().expect("records go to a place outside");
            let refused = requests.push(group.members).await?;
            self.not_taken(refused).await?;
        }
        Ok(())
    }

    /// Writes records down that a place outside did not take.
    async fn not_taken(&mut self, refused: Vec<Refused>) -> Result<(), FlowError> {
        let mut failures = Failures::default();
        let attempt = Attempt { planned: self.parts.rt.now(), table_version: None };
        let errors = Errors { attempt, ..self.converter.errors().clone() };
        for Refused { refusal, members } in refused {
            for (data, origin) in &members {
                failures.push(&errors, &refusal, data, *origin);
                self.tally.refuse(Count::one(data));
            }
        }
        for (kind, lines) in failures.lines {
            self.write_errors(kind, lines.into()).await?;
        }
        Ok(())
    }

    /// Does not wait for the plan: the names of data files do not follow from it, and nobody sees them before the
    /// commit.
    async fn write_rows(&mut self, groups: Vec<Group>) -> Result<(), FlowError> {
        let tables = self.tables.as_mut().expect("only batches for tables have rows of them");
        for group in groups {
            if let Payload::Table(rows) = group.payload {
                tables.write(*rows).await?;
            }
        }
        Ok(())
    }

    /// Too many partitions are open for this one.
    fn refuse(&self, group: Group, tally: &mut Tally, failures: &mut Failures) {
        let refusal = Refusal::new(Cause::PartitionsLimit, PARTITIONS_EXCEEDED);
        for (data, origin) in &group.members {
            failures.push(self.converter.errors(), &refusal, data, *origin);
        }
        tally.refuse(group.delivered);
    }

    async fn copy(&mut self, bytes: Vec<u8>) -> Result<(), FlowError> {
        if self.plan.backup_key.is_none() {
            return Ok(());
        }
        let copying = self.backup.get_or_insert_with(|| Copying::new(&self.plan));
        // One block of a few megabytes at most: no need for a thread of its own.
        let ready = copying.compressor.push(bytes)?;
        if ready.is_empty() {
            return Ok(());
        }
        self.gate.pass().await?;
        copying.write(self.parts, &self.plan, ready).await
    }

    async fn finish(mut self, ends: BTreeMap<u32, Offset>, missing: u64) -> Result<Outcome, FlowError> {
        self.gate.pass().await?;
        if let Some(requests) = &mut self.requests {
            let refused = requests.finish().await?;
            self.not_taken(refused).await?;
        }
        let tables = match self.tables.take() {
            Some(tables) => tables.finish().await?,
            None => Vec::new(),
        };
        let done = self.lanes.finish().await?;
        let (data_keys, mut objects): (Vec<_>, Vec<_>) =
            done.into_iter().map(|Done { key, object }| (key, object)).unzip();
        for errors in self.errors.into_values() {
            objects.push(errors.seal().await?);
            self.parts.pass(at::AFTER_ERROR_OBJECT).await?;
        }
        if let Some(copying) = self.backup.take() {
            objects.push(copying.seal(self.parts, &self.plan).await?);
            self.parts.pass(at::AFTER_BACKUP_OBJECT).await?;
        }
        debug_assert!(self.tally.balances(), "every record is accounted for: {:?}", self.tally);
        Ok(Outcome { ends, tally: self.tally, missing, objects, data_keys, tables })
    }

    async fn write_errors(&mut self, kind: FailureKind, lines: Bytes) -> Result<(), FlowError> {
        let planned = self.plan.error_keys.iter().find(|(planned, _)| *planned == kind);
        let (_, key) = planned.expect("a plan names the object of every kind its steps can reject");
        if !self.errors.contains_key(key) {
            self.gate.pass().await?;
            let opened = Output::open(&self.parts.objects, &self.plan.spec.sink.bucket, key, None);
            self.errors.insert(key.clone(), opened.await?);
        }
        self.errors.get_mut(key).expect("it was opened above").write(lines).await
    }
}

impl Copying {
    fn new(plan: &Plan) -> Copying {
        let backup = plan.spec.backup.as_ref().expect("a plan with a backup's key has a backup");
        let key = plan.backup_key.as_deref().unwrap_or_default();
        let compressor = Compressor::new(backup.compression, archived_name(key));
        Copying { compressor, output: None }
    }

    async fn write(&mut self, parts: &Parts, plan: &Plan, bytes: Bytes) -> Result<(), FlowError> {
        if self.output.is_none() {
            let backup = plan.spec.backup.as_ref().expect("a plan with a backup's key has a backup");
            let key = plan.backup_key.as_deref().unwrap_or_default();
            let opened = Output::open(&parts.objects, &backup.bucket, key, backup.content_type.clone());
            self.output = Some(opened.await?);
        }
        self.output.as_mut().expect("it was opened above").write(bytes).await
    }

    async fn seal(mut self, parts: &Parts, plan: &Plan) -> Result<Sealed, FlowError> {
        let compressor =
            std::mem::replace(&mut self.compressor, Compressor::new(Compression::None, String::new()));
        let last = parts.rt.blocking("flow-encode", move || compressor.finish()).await?;
        self.write(parts, plan, last).await?;
        self.output.take().expect("it was opened by the write").seal().await
    }
}
