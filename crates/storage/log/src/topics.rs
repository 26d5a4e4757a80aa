//! Topics as they are kept in the metadata store and in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use meta::{Meta, MetaError};
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::keys::LogKey;
use crate::partition::PartitionState;
use crate::topic::Route;
use crate::{HashRange, LogError, Offset, Partition, Routes, Topic, TopicId};

/// The stored form of a topic.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TopicRecord {
    pub(crate) incarnation: String,
    pub(crate) created: Timestamp,
    pub(crate) retention_ms: u64,
    /// The id that its pointer has: that of its first partition, which may be gone by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pointer: Option<u64>,
    /// In the order of their index; never none.
    pub(crate) partitions: Vec<PartitionRecord>,
}

impl TopicRecord {
    pub(crate) fn pointer(&self) -> u64 {
        self.pointer.or_else(|| Some(self.partitions.first()?.id)).unwrap_or_default()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PartitionRecord {
    pub(crate) index: u32,
    /// Names the partition in the segments.
    pub(crate) id: u64,
    /// The hash range's ends in hexadecimal.
    start: String,
    end: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parents: Vec<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed_at: Option<Offset>,
    pub(crate) created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<Timestamp>,
}

/// What a partition's removed segments can no longer tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) oldest: Offset,
    pub(crate) tail: Offset,
    pub(crate) at: Timestamp,
}

impl PartitionRecord {
    pub(crate) fn new(index: u32, id: u64, range: HashRange, created: Timestamp) -> PartitionRecord {
        PartitionRecord {
            index,
            id,
            start: format!("{:x}", range.start),
            end: format!("{:x}", range.end),
            parents: Vec::new(),
            closed_at: None,
            created,
            closed: None,
        }
    }

    /// Closed for longer than records are kept: nobody needs to know of it any more.
    pub(crate) fn is_over(&self, now: Timestamp, retention_ms: u64) -> bool {
        self.closed.is_some_and(|closed| closed.plus(Duration::from_millis(retention_ms)) <= now)
    }

    pub(crate) fn range(&self) -> HashRange {
        let end = |hex: &str, otherwise| u128::from_str_radix(hex, 16).unwrap_or(otherwise);
        HashRange { start: end(&self.start, 0), end: end(&self.end, u128::MAX) }
    }
}

/// A topic in memory.
pub(crate) struct TopicState {
    pub(crate) id: TopicId,
    pub(crate) record: TopicRecord,
    pub(crate) partitions: Vec<Arc<PartitionState>>,
    pub(crate) retention_ms: Arc<AtomicU64>,
    pub(crate) routes: Arc<Routes>,
    /// Held while partitions come or go: one change at a time. The same for all states of a topic.
    pub(crate) changing: Arc<tokio::sync::Mutex<()>>,
}

impl TopicState {
    pub(crate) fn new(id: TopicId, record: TopicRecord) -> Arc<TopicState> {
        let retention_ms = Arc::new(AtomicU64::new(record.retention_ms));
        TopicState::build(id, record, retention_ms, Arc::default(), &[])
    }

    /// The same topic with other partitions; those that stay keep their state.
    pub(crate) fn with_record(&self, record: TopicRecord) -> Arc<TopicState> {
        let (retention_ms, changing) = (self.retention_ms.clone(), self.changing.clone());
        TopicState::build(self.id.clone(), record, retention_ms, changing, &self.partitions)
    }

    fn build(
        id: TopicId,
        record: TopicRecord,
        retention_ms: Arc<AtomicU64>,
        changing: Arc<tokio::sync::Mutex<()>>,
        known: &[Arc<PartitionState>],
    ) -> Arc<TopicState> {
        let known: HashMap<u64, &Arc<PartitionState>> =
            known.iter().map(|partition| (partition.id, partition)).collect();
        let state = |partition: &PartitionRecord| match known.get(&partition.id) {
            Some(state) => (*state).clone(),
            None => Arc::new(PartitionState::new(partition.id, retention_ms.clone())),
        };
        let partitions = record.partitions.iter().map(state).collect();
        let route = |partition: &PartitionRecord| Route {
            index: partition.index,
            range: partition.range(),
            parents: partition.parents.clone(),
            created: partition.created,
            closed_at: partition.closed_at,
        };
        let routes = record.partitions.iter().map(route).collect();
        let routes = Arc::new(Routes::new(record.incarnation.clone(), record.created, routes));
        Arc::new(TopicState { id, record, partitions, retention_ms, routes, changing })
    }

    fn place(&self, index: u32) -> Result<usize, LogError> {
        self.record
            .partitions
            .binary_search_by_key(&index, |partition| partition.index)
            .map_err(|_| LogError::NoSuchPartition { topic: self.id.clone(), partition: index })
    }

    pub(crate) fn partition(&self, index: u32) -> Result<&Arc<PartitionState>, LogError> {
        Ok(&self.partitions[self.place(index)?])
    }

    /// A partition that takes records.
    pub(crate) fn open_partition(&self, index: u32) -> Result<&Arc<PartitionState>, LogError> {
        let place = self.place(index)?;
        match self.record.partitions[place].closed_at {
            Some(at) => Err(LogError::PartitionClosed { topic: self.id.clone(), partition: index, at }),
            None => Ok(&self.partitions[place]),
        }
    }

    /// After recovery: closed partitions end where the metadata say.
    pub(crate) fn restore_closed(&self) {
        for (record, state) in self.record.partitions.iter().zip(&self.partitions) {
            if let Some(tail) = record.closed_at {
                state.restore_closed(tail);
            }
        }
    }

    /// Without the partitions that were closed longer ago than records are kept.
    pub(crate) fn describe(&self, now: Timestamp) -> Topic {
        let retention_ms = self.retention_ms.load(Ordering::Relaxed);
        let kept = self.record.partitions.iter().zip(&self.partitions);
        let kept = kept.filter(|(record, _)| !record.is_over(now, retention_ms));
        let partitions = kept.map(|(record, state)| {
            let shared = state.shared.lock();
            Partition {
                index: record.index,
                range: record.range(),
                parents: record.parents.clone(),
                closed_at: record.closed_at,
                created: record.created,
                closed: record.closed,
                oldest: shared.oldest,
                tail: shared.tail,
            }
        });
        Topic {
            id: self.id.clone(),
            partitions: partitions.collect(),
            retention: Duration::from_millis(retention_ms),
            created: self.record.created,
            incarnation: self.record.incarnation.clone(),
        }
    }
}

pub(crate) fn retention_ms(retention: Duration) -> u64 {
    u64::try_from(retention.as_millis()).unwrap_or(u64::MAX)
}

/// Entries read at once.
const SCAN_PAGE: usize = 1000;

/// All topics of all scopes.
pub(crate) async fn load(meta: &Meta) -> Result<HashMap<TopicId, Arc<TopicState>>, MetaError> {
    let mut topics = HashMap::new();
    let mut after = None;
    loop {
        let pointers = meta.scan(&LogKey::Pointers.key(), after.as_ref(), SCAN_PAGE).await?;
        let ids = pointers.iter().map(|entry| entry.json::<TopicId>()).collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<_> = ids.iter().map(|id| LogKey::Topic(id).key()).collect();
        for (id, entry) in ids.into_iter().zip(meta.get_many(&keys).await?) {
            if let Some(entry) = entry {
                topics.insert(id.clone(), TopicState::new(id, entry.json()?));
            }
        }
        match pointers.last() {
            Some(last) if pointers.len() == SCAN_PAGE => after = Some(last.key.clone()),
            _ => return Ok(topics),
        }
    }
}

/// All marks, by partition id.
pub(crate) async fn load_marks(meta: &Meta) -> Result<HashMap<u64, Mark>, MetaError> {
    let mut marks = HashMap::new();
    let mut after = None;
    loop {
        let entries = meta.scan(&LogKey::Marks.key(), after.as_ref(), SCAN_PAGE).await?;
        for entry in &entries {
            if let Some(partition) = entry.key.last_u64() {
                marks.insert(partition, entry.json()?);
            }
        }
        match entries.last() {
            Some(last) if entries.len() == SCAN_PAGE => after = Some(last.key.clone()),
            _ => return Ok(marks),
        }
    }
}
