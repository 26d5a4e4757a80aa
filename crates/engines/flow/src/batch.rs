//! One plan, start to end: read, convert, encode, write. Nothing here is visible to anyone until the
//! caller publishes the outcome.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use log::Offset;
use rt::{Rt, Task};
use tokio::sync::watch;

use crate::FlowError;
use crate::encode::{Converted, Converter, Count, Encoder, Payload};
use crate::failpoints::at;
use crate::output::{Output, Sealed};
use crate::parts::Parts;
use crate::plan::Plan;
use crate::reader::{CHUNK_BYTES, Chunk, Reader};
use crate::reject::{Attempt, FailureKind};

/// Chunks that are converted at the same time, ahead of the one that is being encoded.
const CONVERSIONS_AT_ONCE: usize = 2;

/// A chunk is held as read bytes, as rows and as encoded pages.
const COPIES: u64 = 3;

/// What a batch came to.
pub(crate) struct Outcome {
    pub(crate) ends: BTreeMap<u32, Offset>,
    pub(crate) delivered: Count,
    pub(crate) rejected: Count,
    pub(crate) missing: u64,
    pub(crate) objects: Vec<Sealed>,
    /// Whether one of the objects is the data object.
    pub(crate) has_data: bool,
}

/// Memory that the batch needs at most, in bytes.
pub(crate) fn memory_bytes(plan: &Plan) -> u64 {
    let batch = plan.source_bytes.min(plan.bytes);
    let chunks = (CHUNK_BYTES * (CONVERSIONS_AT_ONCE + 2)) as u64;
    // Encoded rows are held until their row group is closed; they are rarely half of their source.
    batch.min(chunks) * COPIES + batch / 2
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
    pub(crate) fn new(parts: &'a Parts, plan: Arc<Plan>, gate: Gate) -> Result<Batch<'a>, FlowError> {
        let (encode, table) = (&plan.spec.encode, plan.table.as_ref());
        let attempt = Attempt { planned: plan.planned, table_version: table.map(|table| table.version) };
        let ahead = Ahead {
            rt: parts.rt.clone(),
            reader: Reader::new(parts.log.clone(), &plan),
            converter: Arc::new(Converter::new(encode, table, &plan.spec.sink.errors, attempt)?),
            converting: VecDeque::new(),
            read: false,
        };
        let encoder = Encoder::new(encode, table)?;
        let writing = Writing {
            parts,
            plan,
            gate,
            encoder: Some(encoder),
            data: None,
            errors: None,
            delivered: Count::default(),
            rejected: Count::default(),
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
    converting: VecDeque<Task<Converted>>,
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
            Some(task) => Ok(Some(task.await.map_err(FlowError::Convert)?)),
            None => Ok(None),
        }
    }

    fn convert(&mut self, chunk: Chunk) {
        let (rt, converter) = (self.rt.clone(), self.converter.clone());
        let work = async move { rt.blocking("flow-convert", move || converter.convert(chunk)).await };
        self.converting.push_back(self.rt.spawn("flow-convert", work));
    }
}

/// The objects of a batch, each opened when there is something to put in it.
struct Writing<'a> {
    parts: &'a Parts,
    plan: Arc<Plan>,
    gate: Gate,
    /// Taken while a thread works with it.
    encoder: Option<Encoder>,
    data: Option<Output>,
    errors: Option<Output>,
    delivered: Count,
    rejected: Count,
}

impl Writing<'_> {
    async fn push(&mut self, converted: Converted) -> Result<(), FlowError> {
        let Converted { payload, delivered, rejected, error_lines } = converted;
        self.delivered.add(delivered);
        self.rejected.add(rejected);
        if !error_lines.is_empty() {
            self.write_errors(error_lines.into()).await?;
        }
        let ready = self.encode(payload).await?;
        if ready.is_empty() { Ok(()) } else { self.write_data(ready).await }
    }

    async fn encode(&mut self, payload: Payload) -> Result<Bytes, FlowError> {
        let mut encoder = self.encoder.take().expect("an encoder that failed is not used again");
        let work = move || {
            let ready = encoder.push(payload);
            (encoder, ready)
        };
        let (encoder, ready) = self.parts.rt.blocking("flow-encode", work).await;
        self.encoder = Some(encoder);
        ready
    }

    async fn finish(mut self, ends: BTreeMap<u32, Offset>, missing: u64) -> Result<Outcome, FlowError> {
        let mut objects = Vec::new();
        if self.delivered.records > 0 {
            let encoder = self.encoder.take().expect("an encoder that failed is not used again");
            let last = self.parts.rt.blocking("flow-encode", move || encoder.finish()).await?;
            if let Some(last) = last {
                self.write_data(last).await?;
            }
        }
        let data = self.data.take();
        let has_data = data.is_some();
        if let Some(data) = data {
            objects.push(data.seal().await?);
            self.parts.pass(at::AFTER_DATA_OBJECT).await?;
        }
        if let Some(errors) = self.errors.take() {
            objects.push(errors.seal().await?);
            self.parts.pass(at::AFTER_ERROR_OBJECT).await?;
        }
        let (delivered, rejected) = (self.delivered, self.rejected);
        Ok(Outcome { ends, delivered, rejected, missing, objects, has_data })
    }

    async fn write_data(&mut self, bytes: Bytes) -> Result<(), FlowError> {
        if self.data.is_none() {
            self.gate.pass().await?;
            let sink = &self.plan.spec.sink;
            let opened = Output::open(
                &self.parts.objects,
                &sink.bucket,
                &self.plan.data_key,
                sink.content_type.clone(),
            );
            self.data = Some(opened.await?);
        }
        self.data.as_mut().expect("it was opened above").write(bytes).await
    }

    async fn write_errors(&mut self, lines: Bytes) -> Result<(), FlowError> {
        if self.errors.is_none() {
            self.gate.pass().await?;
            let planned = self.plan.error_keys.iter().find(|(kind, _)| *kind == FailureKind::Format);
            let (_, key) = planned.expect("a plan names the object of every kind its encoding can reject");
            let opened = Output::open(&self.parts.objects, &self.plan.spec.sink.bucket, key, None);
            self.errors = Some(opened.await?);
        }
        self.errors.as_mut().expect("it was opened above").write(lines).await
    }
}
