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
use crate::{HashRange, LogError, Offset, Partition, Routes, Topic, TopicId};

/// The stored form of a topic.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TopicRecord {
    pub(crate) incarnation: String,
    pub(crate) created: Timestamp,
    pub(crate) retention_ms: u64,
    pub(crate) partitions: Vec<PartitionRecord>,
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
        }
    }

    fn range(&self) -> HashRange {
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
}

impl TopicState {
    pub(crate) fn new(id: TopicId, record: TopicRecord) -> Arc<TopicState> {
        let retention_ms = Arc::new(AtomicU64::new(record.retention_ms));
        let partitions = record
            .partitions
            .iter()
            .map(|partition| Arc::new(PartitionState::new(partition.id, retention_ms.clone())))
            .collect();
        let open = record
            .partitions
            .iter()
            .filter(|partition| partition.closed_at.is_none())
            .map(|partition| (partition.range(), partition.index));
        let created = record.partitions.iter().map(|partition| partition.created).collect();
        let routes = Arc::new(Routes::new(record.incarnation.clone(), record.created, open, created));
        Arc::new(TopicState { id, record, partitions, retention_ms, routes })
    }

    /// Partitions stand at the place of their index.
    pub(crate) fn partition(&self, index: u32) -> Result<&Arc<PartitionState>, LogError> {
        self.partitions
            .get(index as usize)
            .ok_or_else(|| LogError::NoSuchPartition { topic: self.id.clone(), partition: index })
    }

    /// A partition that takes records.
    pub(crate) fn open_partition(&self, index: u32) -> Result<&Arc<PartitionState>, LogError> {
        let partition = self.partition(index)?;
        match self.record.partitions[index as usize].closed_at {
            Some(at) => Err(LogError::PartitionClosed { topic: self.id.clone(), partition: index, at }),
            None => Ok(partition),
        }
    }

    pub(crate) fn describe(&self) -> Topic {
        let partitions = self.record.partitions.iter().zip(&self.partitions).map(|(record, state)| {
            let shared = state.shared.lock();
            Partition {
                index: record.index,
                range: record.range(),
                parents: record.parents.clone(),
                closed_at: record.closed_at,
                created: record.created,
                oldest: shared.oldest,
                tail: shared.tail,
            }
        });
        Topic {
            id: self.id.clone(),
            partitions: partitions.collect(),
            retention: Duration::from_millis(self.retention_ms.load(Ordering::Relaxed)),
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
