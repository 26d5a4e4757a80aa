//! Splits and merges: which of them bring a stream to so many even shards, and one change of a stream at a
//! time.

use std::sync::Arc;

use aws::ApiError;
use log::{Change, HashRange, Topic, TopicId};
use meta::Txn;

use crate::error::from_log;
use crate::limits::{SHARDS_MAX, SHARDS_PER_STREAM_MAX};
use crate::model::{StreamStatus, error};
use crate::stream::StreamRecord;
use crate::{Kinesis, shard};

/// An open shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) index: u32,
    pub(crate) range: HashRange,
}

/// A boundary this close to where it should be, in parts of an even shard, is left where it is: a shard of a
/// few hashes is of no use to anybody.
const SNAP: u128 = 1024;

/// The open shards in the order of their ranges.
pub(crate) fn open_shards(topic: &Topic) -> Vec<Open> {
    let open = topic.partitions.iter().filter(|partition| partition.closed_at.is_none());
    let mut open: Vec<_> =
        open.map(|partition| Open { index: partition.index, range: partition.range }).collect();
    open.sort_unstable_by_key(|shard| shard.range.start);
    open
}

/// The index that the next new shard gets.
pub(crate) fn next_index(topic: &Topic) -> u32 {
    topic.partitions.last().map_or(0, |last| last.index + 1)
}

/// The steps that turn the open shards, which are in the order of their ranges, into `target` even ones:
/// first splits at every boundary to come, then merges between them. Halves are taken of halves, so that no
/// reader has to go through more generations than necessary.
pub(crate) fn even(open: &[Open], next: u32, target: u32) -> Vec<Change> {
    let mut steps = Steps { changes: Vec::new(), next };
    let cuts = boundaries(open, target);
    let mut pieces = Vec::new();
    for shard in open {
        let first = cuts.partition_point(|cut| *cut <= shard.range.start);
        let end = cuts.partition_point(|cut| *cut <= shard.range.end);
        steps.split(*shard, &cuts[first..end], &mut pieces);
    }
    let mut rest = &pieces[..];
    for start in cuts.iter().skip(1).copied().map(Some).chain([None]) {
        let count = start.map_or(rest.len(), |start| rest.partition_point(|piece| piece.range.start < start));
        let (group, after) = rest.split_at(count);
        steps.merge(group);
        rest = after;
    }
    steps.changes
}

struct Steps {
    changes: Vec<Change>,
    next: u32,
}

impl Steps {
    fn split(&mut self, shard: Open, cuts: &[u128], pieces: &mut Vec<Open>) {
        let Some(at) = cuts.get(cuts.len() / 2).copied() else {
            pieces.push(shard);
            return;
        };
        self.changes.push(Change::Split { partition: shard.index, at });
        let low = Open { index: self.next, range: HashRange { start: shard.range.start, end: at - 1 } };
        let high = Open { index: self.next + 1, range: HashRange { start: at, end: shard.range.end } };
        self.next += 2;
        self.split(low, &cuts[..cuts.len() / 2], pieces);
        self.split(high, &cuts[cuts.len() / 2 + 1..], pieces);
    }

    fn merge(&mut self, pieces: &[Open]) -> Option<Open> {
        if pieces.len() <= 1 {
            return pieces.first().copied();
        }
        let (low, high) = pieces.split_at(pieces.len() / 2);
        let (low, high) = (self.merge(low)?, self.merge(high)?);
        self.changes.push(Change::Merge { left: low.index, right: high.index });
        let range = HashRange { start: low.range.start, end: high.range.end };
        self.next += 1;
        Some(Open { index: self.next - 1, range })
    }
}

/// Where `target` even shards begin, the first at 0.
fn boundaries(open: &[Open], target: u32) -> Vec<u128> {
    let count = u128::from(target.max(1));
    // 2^128 = quotient * count + remainder
    let (quotient, remainder) = (u128::MAX / count, u128::MAX % count + 1);
    let snap = quotient / SNAP;
    let snapped = |place: u128| {
        let even = place * quotient + place * remainder / count;
        let after = open.partition_point(|shard| shard.range.start < even);
        let near = [after.checked_sub(1), Some(after)].into_iter().flatten();
        let near = near.filter_map(|place| open.get(place)).map(|shard| shard.range.start);
        near.filter(|start| start.abs_diff(even) <= snap)
            .min_by_key(|start| start.abs_diff(even))
            .unwrap_or(even)
    };
    (0..count).map(snapped).collect()
}

/// A change of a stream that is under way; the stream's status is UPDATING until it is dropped.
pub(crate) struct Updating {
    service: Arc<Kinesis>,
    stream: TopicId,
}

impl Updating {
    /// Only one at a time.
    pub(crate) fn begin(service: &Arc<Kinesis>, stream: &TopicId) -> Result<Updating, ApiError> {
        if !service.updating.lock().insert(stream.clone()) {
            return Err(error::resource_in_use_exception(format!(
                "Stream {} under account {} not ACTIVE, instead in state UPDATING",
                stream.name, stream.scope.account
            )));
        }
        Ok(Updating { service: service.clone(), stream: stream.clone() })
    }

    pub(crate) async fn topic(&self) -> Result<Topic, ApiError> {
        self.service.log.topic(&self.stream).await.map_err(|error| from_log(&self.stream, error))
    }

    /// Takes the steps, which were made for this topic.
    pub(crate) async fn reshard(&self, topic: &Topic, changes: Vec<Change>) -> Result<(), ApiError> {
        if changes.is_empty() {
            return Ok(());
        }
        let done = self.service.log.reshard(&self.stream, &topic.incarnation, changes, Txn::new()).await;
        done.map(|_| ()).map_err(|error| from_log(&self.stream, error))
    }
}

impl Drop for Updating {
    fn drop(&mut self) {
        self.service.updating.lock().remove(&self.stream);
    }
}

impl Kinesis {
    pub(crate) fn status(&self, stream: &TopicId) -> StreamStatus {
        if self.updating.lock().contains(stream) { StreamStatus::Updating } else { StreamStatus::Active }
    }

    /// Whether the account and the stream may have so many more open shards.
    pub(crate) async fn check_room(
        &self,
        stream: &TopicId,
        open: usize,
        more: usize,
    ) -> Result<(), ApiError> {
        if open + more > SHARDS_PER_STREAM_MAX {
            return Err(error::limit_exceeded_exception(format!(
                "A stream can have at most {SHARDS_PER_STREAM_MAX} shards; {} were requested.",
                open + more
            )));
        }
        let usage = self.usage(&stream.scope).await?;
        if usage.open_shards + more > SHARDS_MAX {
            return Err(error::limit_exceeded_exception(format!(
                "This request would exceed the shard limit for the account {} in {}. Current shard count for the \
                 account: {}. Limit: {SHARDS_MAX}. Number of additional shards that would have resulted from this \
                 request: {more}.",
                stream.scope.account, stream.scope.region, usage.open_shards
            )));
        }
        Ok(())
    }
}

/// SplitShard, MergeShards and UpdateShardCount are for those who provision.
pub(crate) fn check_mode(stream: &TopicId, record: &StreamRecord, operation: &str) -> Result<(), ApiError> {
    if record.on_demand {
        return Err(error::validation_exception(format!(
            "{operation} is not supported for stream {} under account {}, which is in ON_DEMAND mode.",
            stream.name, stream.scope.account
        )));
    }
    Ok(())
}

/// The open shard that a request names.
pub(crate) fn open_shard(stream: &TopicId, topic: &Topic, shard_id: &str) -> Result<Open, ApiError> {
    let index = shard::parse(shard_id);
    let found = topic.partitions.iter().find(|partition| Some(partition.index) == index);
    let found = found.ok_or_else(|| {
        error::resource_not_found_exception(format!(
            "Could not find shard {shard_id} in stream {} under account {}.",
            stream.name, stream.scope.account
        ))
    })?;
    if found.closed_at.is_some() {
        return Err(error::resource_in_use_exception(format!(
            "Shard {shard_id} in stream {} under account {} has already been merged or split, and thus is not \
             eligible for merging or splitting.",
            stream.name, stream.scope.account
        )));
    }
    Ok(Open { index: found.index, range: found.range })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the steps make of the shards, checked as they are taken.
    fn take(open: &[Open], changes: &[Change]) -> Vec<Open> {
        let mut now = open.to_vec();
        let mut next = open.iter().map(|shard| shard.index + 1).max().unwrap();
        let mut add = |now: &mut Vec<Open>, start, end| {
            now.push(Open { index: next, range: HashRange { start, end } });
            next += 1;
        };
        for change in changes {
            let take = |now: &mut Vec<Open>, index| {
                let place = now.iter().position(|shard| shard.index == index).expect("an open shard");
                now.remove(place).range
            };
            match *change {
                Change::Split { partition, at } => {
                    let range = take(&mut now, partition);
                    assert!(at > range.start && at <= range.end);
                    add(&mut now, range.start, at - 1);
                    add(&mut now, at, range.end);
                }
                Change::Merge { left, right } => {
                    let (low, high) = (take(&mut now, left), take(&mut now, right));
                    assert_eq!(low.end + 1, high.start);
                    add(&mut now, low.start, high.end);
                }
            }
        }
        now.sort_unstable_by_key(|shard| shard.range.start);
        now
    }

    fn evenly(count: u32) -> Vec<Open> {
        (0..).zip(HashRange::split_evenly(count)).map(|(index, range)| Open { index, range }).collect()
    }

    fn assert_even(shards: &[Open], count: u32) {
        assert_eq!(shards.len(), count as usize);
        assert_eq!((shards[0].range.start, shards[shards.len() - 1].range.end), (0, u128::MAX));
        assert!(shards.windows(2).all(|pair| pair[0].range.end + 1 == pair[1].range.start));
        let width = u128::MAX / u128::from(count);
        assert!(
            shards.iter().all(|shard| (shard.range.end - shard.range.start).abs_diff(width) <= width / 500)
        );
    }

    #[test]
    fn doubling_only_splits_and_halving_only_merges() {
        for count in [1, 2, 3, 5, 7, 100] {
            let doubled = even(&evenly(count), count, count * 2);
            assert_eq!(doubled.len(), count as usize);
            assert!(doubled.iter().all(|change| matches!(change, Change::Split { .. })));
            let halved = even(&evenly(count * 2), count * 2, count);
            assert_eq!(halved.len(), count as usize);
            assert!(halved.iter().all(|change| matches!(change, Change::Merge { .. })));
            assert!(even(&evenly(count), count, count).is_empty(), "what is even stays");
        }
    }

    proptest! {
        #[test]
        fn any_shards_become_so_many_even_ones(
            cuts in prop::collection::btree_set(1u128.., 0..20),
            target in 1u32..40,
        ) {
            let mut starts = vec![0];
            starts.extend(cuts);
            let ends = starts.iter().skip(1).map(|start| start - 1).chain([u128::MAX]);
            let ranges = starts.iter().zip(ends).map(|(start, end)| HashRange { start: *start, end });
            let open: Vec<_> = (0..).zip(ranges).map(|(index, range)| Open { index, range }).collect();
            let changes = even(&open, open.len() as u32, target);
            let after = take(&open, &changes);
            assert_even(&after, target);
            prop_assert!(even(&after, 1000, target).is_empty());
        }
    }
}
