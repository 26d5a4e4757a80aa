use aws::ApiError;
use log::{HashRange, Partition, Route, Routes, TopicId};

use crate::error::shard_not_found;
use crate::model::{ChildShard, HashKeyRange, SequenceNumberRange, Shard, error};
use crate::sequence::ShardNumbers;

const PREFIX: &str = "shardId-";

/// `shardId-000000000000`.
pub(crate) fn id(index: u32) -> String {
    format!("{PREFIX}{index:012}")
}

/// The index in a shard id.
pub(crate) fn parse(shard_id: &str) -> Option<u32> {
    let digits = shard_id.strip_prefix(PREFIX)?;
    (digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// The index in the id after which a list starts; the shard need not exist any more.
pub(crate) fn parse_start(stream: &TopicId, shard_id: &str) -> Result<u32, ApiError> {
    parse(shard_id).ok_or_else(|| {
        error::invalid_argument_exception(format!(
            "Shard id {shard_id} for stream {} under account {} is not valid.",
            stream.name, stream.scope.account
        ))
    })
}

/// The index in the id of a shard that must exist.
pub(crate) fn find<'a>(
    stream: &TopicId,
    routes: &'a Routes,
    shard_id: &str,
) -> Result<(&'a Route, ShardNumbers), ApiError> {
    let found = parse(shard_id).and_then(|index| routes.get(index));
    let route = found.ok_or_else(|| shard_not_found(stream, shard_id))?;
    Ok((route, ShardNumbers::new(route.index, route.created)))
}

/// What a closed shard was split or merged into.
pub(crate) fn children(routes: &Routes, index: u32) -> Vec<ChildShard> {
    let child = |child: &Route| ChildShard {
        shard_id: id(child.index),
        parent_shards: child.parents.iter().map(|parent| id(*parent)).collect(),
        hash_key_range: hash_key_range(child.range),
    };
    routes.children(index).map(child).collect()
}

fn hash_key_range(range: HashRange) -> HashKeyRange {
    HashKeyRange { starting_hash_key: range.start.to_string(), ending_hash_key: range.end.to_string() }
}

pub(crate) fn describe(partition: &Partition) -> Shard {
    let numbers = ShardNumbers::new(partition.index, partition.created);
    let mut parents = partition.parents.iter().map(|parent| id(*parent));
    Shard {
        shard_id: id(partition.index),
        parent_shard_id: parents.next(),
        adjacent_parent_shard_id: parents.next(),
        hash_key_range: hash_key_range(partition.range),
        sequence_number_range: SequenceNumberRange {
            starting_sequence_number: numbers.start().to_string(),
            ending_sequence_number: partition
                .closed_at
                .map(|at| numbers.end(at, partition.created).to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_ids_are_read_back_and_others_refused() {
        assert_eq!((id(0).as_str(), parse(&id(1234))), ("shardId-000000000000", Some(1234)));
        for wrong in ["", "shardId-", "shardId-1", "shardId-00000000000x", "shardId-0000000000001", "0"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
