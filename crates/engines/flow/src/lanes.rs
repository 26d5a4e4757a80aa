//! The data objects of a batch: one, or one for each partition its records belong to.
//!
//! What the encoders of all partitions hold together is bounded by one setting. Beyond it the largest is
//! written to its object, which goes on behind that. Each partition has the buffer of the delivery to
//! itself: an object that fills it is complete, and what comes later for that partition goes to a further one, whose
//! name has a number. Which records are in which object follows from the plan and the records.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use crate::FlowError;
use crate::convert::Group;
use crate::encode::{Encoder, Payload};
use crate::failpoints::at;
use crate::output::{Output, Sealed};
use crate::parts::Parts;
use crate::plan::Plan;

/// Objects of a batch whose files are open at the same time: systems give a process a thousand and twenty-four, and two
/// batches are in work.
const OPEN_MAX: usize = 400;

/// Objects that are made durable at the same time.
const SEALED_AT_ONCE: usize = 8;

pub(crate) struct Lanes<'a> {
    parts: &'a Parts,
    plan: Arc<Plan>,
    /// By the prefix of their objects.
    lanes: BTreeMap<String, Lane>,
    done: Vec<Done>,
}

/// One object in the making.
struct Lane {
    key: String,
    /// Objects of the partition before this one.
    piece: u32,
    /// Of the records in this one.
    bytes: u64,
    /// Absent while a thread works with it, and after the object was written out.
    encoder: Option<Encoder>,
    output: Option<Output>,
}

/// One that is complete.
pub(crate) struct Done {
    pub(crate) key: String,
    pub(crate) object: Sealed,
}

impl<'a> Lanes<'a> {
    pub(crate) fn new(parts: &'a Parts, plan: Arc<Plan>) -> Lanes<'a> {
        Lanes { parts, plan, lanes: BTreeMap::new(), done: Vec::new() }
    }

    /// Whether the records of a group have a place. If so, it is theirs.
    pub(crate) fn admit(&mut self, group: &Group) -> Result<bool, FlowError> {
        if let Some(lane) = self.lanes.get_mut(&group.prefix) {
            if lane.encoder.is_none() {
                lane.piece += 1;
                lane.bytes = 0;
                lane.key = object_key(&self.plan, &group.prefix, lane.piece);
                lane.encoder = Some(encoder(&self.plan, &lane.key)?);
            }
            lane.bytes += group.delivered.bytes;
            return Ok(true);
        }
        let limit = self.plan.spec.partitioning.unwrap_or_default().partitions_max;
        if self.plan.partitioned.is_some() && self.lanes.len() >= limit as usize {
            return Ok(false);
        }
        let key = object_key(&self.plan, &group.prefix, 0);
        let encoder = Some(encoder(&self.plan, &key)?);
        let lane = Lane { key, piece: 0, bytes: group.delivered.bytes, encoder, output: None };
        self.lanes.insert(group.prefix.clone(), lane);
        Ok(true)
    }

    /// Partitions that have a place.
    pub(crate) fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Encodes groups that were admitted, and returns what is to be written now.
    pub(crate) async fn encode(
        &mut self,
        groups: Vec<Group>,
    ) -> Result<Vec<(String, Vec<Bytes>)>, FlowError> {
        let take = |group: Group| {
            let lane = self.lanes.get_mut(&group.prefix).expect("the group was admitted");
            let encoder = lane.encoder.take().expect("an encoder that failed is not used again");
            (group.prefix, encoder, group.payload)
        };
        let work: Vec<(String, Encoder, Payload)> = groups.into_iter().map(take).collect();
        let encode = |(prefix, mut encoder, payload): (String, Encoder, Payload)| {
            let ready = encoder.push(payload)?;
            Ok::<_, FlowError>((prefix, encoder, ready))
        };
        let encode_all = move || work.into_iter().map(encode).collect::<Result<Vec<_>, _>>();
        let encoded = self.parts.rt.blocking("flow-encode", encode_all).await?;
        let mut ready = Vec::new();
        for (prefix, encoder, bytes) in encoded {
            let lane = self.lanes.get_mut(&prefix).expect("the lane was there before");
            lane.encoder = Some(encoder);
            if !bytes.is_empty() {
                ready.push((prefix, bytes));
            }
        }
        Ok(ready)
    }

    /// Whether objects are complete, or the encoders of all partitions hold more than they may.
    pub(crate) fn want_relief(&self) -> bool {
        self.plan.partitioned.is_some()
            && (self.memory() > self.parts.settings.partition_bytes
                || self.lanes.values().any(|lane| lane.is_full(&self.plan)))
    }

    /// Appends bytes to the object of a partition.
    pub(crate) async fn write(&mut self, prefix: &str, bytes: Vec<Bytes>) -> Result<(), FlowError> {
        let lane = self.lanes.get_mut(prefix).expect("only lanes make bytes");
        lane.write(self.parts, &self.plan, bytes).await
    }

    /// Makes complete objects durable, and writes out the largest of the others until half of the budget is free
    /// again: many small writes would cost more than they free.
    pub(crate) async fn relieve(&mut self) -> Result<(), FlowError> {
        for lane in self.lanes.values_mut().filter(|lane| lane.is_full(&self.plan)) {
            let object = lane.seal(self.parts, &self.plan).await?;
            self.done.push(Done { key: lane.key.clone(), object });
            self.parts.pass(at::AFTER_SPILL).await?;
        }
        if self.memory() <= self.parts.settings.partition_bytes {
            return Ok(());
        }
        let held = |lane: &Lane| lane.encoder.as_ref().map_or(0, Encoder::memory);
        let mut left = self.memory();
        let mut open = self.lanes.values().filter(|lane| lane.output.is_some()).count();
        let mut lanes: Vec<&mut Lane> =
            self.lanes.values_mut().filter(|lane| lane.encoder.is_some()).collect();
        lanes.sort_by_key(|lane| std::cmp::Reverse(held(lane)));
        for lane in lanes {
            if left <= self.parts.settings.partition_bytes / 2 {
                break;
            }
            left = left.saturating_sub(held(lane));
            if lane.output.is_some() || open < OPEN_MAX {
                open += usize::from(lane.output.is_none());
                lane.spill(self.parts, &self.plan).await?;
            } else {
                let object = lane.seal(self.parts, &self.plan).await?;
                self.done.push(Done { key: lane.key.clone(), object });
            }
            self.parts.pass(at::AFTER_SPILL).await?;
        }
        Ok(())
    }

    /// Makes what is left durable.
    pub(crate) async fn finish(self) -> Result<Vec<Done>, FlowError> {
        let Lanes { parts, plan, lanes, mut done } = self;
        let open = lanes.into_values().filter(|lane| lane.encoder.is_some());
        let seal = |mut lane: Lane| {
            let plan = &plan;
            async move {
                let object = lane.seal(parts, plan).await?;
                parts.pass(at::AFTER_DATA_OBJECT).await?;
                Ok::<_, FlowError>(Done { key: lane.key, object })
            }
        };
        let sealed: Vec<Done> =
            futures::stream::iter(open.map(seal)).buffered(SEALED_AT_ONCE).try_collect().await?;
        done.extend(sealed);
        Ok(done)
    }

    fn memory(&self) -> usize {
        self.lanes.values().filter_map(|lane| lane.encoder.as_ref()).map(Encoder::memory).sum()
    }
}

impl Lane {
    async fn write(&mut self, parts: &Parts, plan: &Plan, bytes: Vec<Bytes>) -> Result<(), FlowError> {
        if self.output.is_none() {
            let sink = &plan.spec.sink;
            let opened = Output::open(&parts.objects, &sink.bucket, &self.key, sink.content_type.clone());
            self.output = Some(opened.await?);
        }
        let output = self.output.as_mut().expect("it was opened above");
        for bytes in bytes {
            output.write(bytes).await?;
        }
        Ok(())
    }

    /// Whether it holds what one object is to hold.
    fn is_full(&self, plan: &Plan) -> bool {
        self.encoder.is_some() && self.bytes >= plan.spec.buffer.bytes
    }

    /// Writes what its encoder holds.
    async fn spill(&mut self, parts: &Parts, plan: &Plan) -> Result<(), FlowError> {
        let mut encoder = self.encoder.take().expect("only an open lane is written out");
        let spill = move || Ok::<_, FlowError>((encoder.spill()?, encoder));
        let (bytes, encoder) = parts.rt.blocking("flow-encode", spill).await?;
        self.encoder = Some(encoder);
        self.write(parts, plan, bytes).await?;
        self.output.as_mut().expect("it was opened by the write").flush().await
    }

    async fn seal(&mut self, parts: &Parts, plan: &Plan) -> Result<Sealed, FlowError> {
        let encoder = self.encoder.take().expect("only an open lane is sealed");
        let last = parts.rt.blocking("flow-encode", move || encoder.finish()).await?;
        self.write(parts, plan, last).await?;
        self.output.take().expect("it was opened by the write").seal().await
    }
}

fn object_key(plan: &Plan, prefix: &str, piece: u32) -> String {
    match &plan.partitioned {
        Some(key) => key.object(prefix, piece),
        None => plan.data_key.clone(),
    }
}

fn encoder(plan: &Arc<Plan>, key: &str) -> Result<Encoder, FlowError> {
    if plan.partitioned.is_some() {
        return Encoder::one_of_many(plan, key);
    }
    Encoder::new(&plan.spec.encode, plan.table.as_ref(), key)
}
