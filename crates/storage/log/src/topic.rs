use std::fmt;
use std::time::Duration;

use names::Scope;
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Offset;

/// The name of a topic. `space` keeps the topics of different owners apart: `stream`, `delivery`, …
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicId {
    pub scope: Scope,
    pub space: String,
    pub name: String,
}

impl TopicId {
    pub fn new(scope: Scope, space: impl Into<String>, name: impl Into<String>) -> TopicId {
        TopicId { scope, space: space.into(), name: name.into() }
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.scope, self.space, self.name)
    }
}

/// A topic as it stands at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub id: TopicId,
    /// In the order of their index; closed ones included.
    pub partitions: Vec<Partition>,
    /// Records older than this are no longer read.
    pub retention: Duration,
    pub created: Timestamp,
    /// Differs between a topic and a later one of the same name.
    pub incarnation: String,
}

impl Topic {
    /// The open partition whose range holds `hash`.
    pub fn route(&self, hash: u128) -> Option<&Partition> {
        self.partitions
            .iter()
            .find(|partition| partition.closed_at.is_none() && partition.range.contains(hash))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    pub index: u32,
    pub range: HashRange,
    /// The partitions this one was split or merged from.
    pub parents: Vec<u32>,
    /// The tail at which it was closed; `None` while it takes records.
    pub closed_at: Option<Offset>,
    /// In a later second than that of each of its parents.
    pub created: Timestamp,
    /// When it was closed, which is when its children were created.
    pub closed: Option<Timestamp>,
    pub oldest: Offset,
    pub tail: Offset,
}

/// What an append must know of a topic, made once and shared: cheap to ask for with every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    pub incarnation: String,
    pub created: Timestamp,
    /// Ends of the open partitions' ranges in order, with the partition's index.
    open: Vec<(u128, u32)>,
    /// All partitions, closed ones too, in the order of their index.
    partitions: Vec<Route>,
}

/// What is fixed of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub index: u32,
    pub range: HashRange,
    /// The partitions this one was split or merged from.
    pub parents: Vec<u32>,
    pub created: Timestamp,
    /// The tail at which it was closed; `None` while it takes records.
    pub closed_at: Option<Offset>,
}

impl Routes {
    /// `partitions` in the order of their index.
    pub(crate) fn new(incarnation: String, created: Timestamp, partitions: Vec<Route>) -> Routes {
        let open = partitions.iter().filter(|partition| partition.closed_at.is_none());
        let mut open: Vec<_> = open.map(|partition| (partition.range.end, partition.index)).collect();
        open.sort_unstable();
        Routes { incarnation, created, open, partitions }
    }

    /// The open partition that takes `hash`.
    pub fn partition(&self, hash: u128) -> Option<u32> {
        let place = self.open.partition_point(|(end, _)| *end < hash);
        self.open.get(place).map(|(_, index)| *index)
    }

    /// How many partitions are open.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// When a partition was created, `None` if there is none of this index.
    pub fn created(&self, partition: u32) -> Option<Timestamp> {
        self.get(partition).map(|partition| partition.created)
    }

    pub fn get(&self, partition: u32) -> Option<&Route> {
        let place = self.partitions.binary_search_by_key(&partition, |partition| partition.index).ok()?;
        self.partitions.get(place)
    }

    /// Every partition, closed ones too, in the order of their index.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.partitions.iter()
    }

    /// What a closed partition was split or merged into.
    pub fn children(&self, partition: u32) -> impl Iterator<Item = &Route> {
        self.partitions.iter().filter(move |child| child.parents.contains(&partition))
    }
}

/// Both ends belong to the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashRange {
    pub start: u128,
    pub end: u128,
}

impl HashRange {
    pub fn contains(&self, hash: u128) -> bool {
        (self.start..=self.end).contains(&hash)
    }

    /// The whole hash space in `parts` ranges, equal but for the last, which takes the remainder.
    pub fn split_evenly(parts: u32) -> impl Iterator<Item = HashRange> {
        let count = u128::from(parts.max(1));
        // 2^128 / count, rounded down; less one, so that a single part does not overflow.
        let last = if u128::MAX % count == count - 1 { u128::MAX / count } else { u128::MAX / count - 1 };
        (0..parts).map(move |part| {
            let part = u128::from(part);
            let start = last * part + part;
            let end = if part + 1 == count { u128::MAX } else { start + last };
            HashRange { start, end }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::HashRange;

    #[test]
    fn the_hash_space_is_split_without_gap_or_overlap() {
        for parts in [1, 2, 3, 4, 5, 7, 100, 10_000] {
            let ranges: Vec<_> = HashRange::split_evenly(parts).collect();
            assert_eq!(ranges.len(), parts as usize);
            assert_eq!(ranges[0].start, 0);
            assert_eq!(ranges[ranges.len() - 1].end, u128::MAX);
            assert!(ranges.windows(2).all(|pair| pair[0].end + 1 == pair[1].start), "{parts}");
        }
    }

    #[test]
    fn a_hash_goes_to_the_partition_whose_range_holds_it() {
        let start = rt::Timestamp::default();
        let route = |(range, index)| super::Route {
            index,
            range,
            parents: Vec::new(),
            created: start,
            closed_at: (index == 1).then_some(7),
        };
        let routes = HashRange::split_evenly(3).zip(0..).map(route).collect();
        let routes = super::Routes::new(String::new(), start, routes);
        let ends: Vec<_> = HashRange::split_evenly(3).collect();
        let at = |hash| routes.partition(hash);
        let found = [at(0), at(ends[0].end), at(ends[2].start), at(u128::MAX)];
        assert_eq!(found, [Some(0), Some(0), Some(2), Some(2)]);
        assert_eq!((routes.open_count(), routes.created(1), routes.created(3)), (2, Some(start), None));
    }

    #[test]
    fn two_halves_meet_in_the_middle() {
        let halves: Vec<_> = HashRange::split_evenly(2).collect();
        assert_eq!(halves[1].start, 1 << 127);
    }
}
