use std::ops::Bound;

use meta::Key;
use names::Scope;

use super::{Catalog, CatalogError, Listing, PageRequest};
use crate::filter::{KeyRange, PartitionFilter};
use crate::keys;
use crate::model::{Partition, Table};

/// How many entries one scan reads while a filter looks for matches.
const SCAN_ENTRIES: usize = 1_000;

impl Catalog {
    /// A page of the partitions that pass `filter`, in the order of their values' text.
    pub async fn partitions(
        &self,
        scope: &Scope,
        database: &str,
        table: &str,
        filter: Option<&PartitionFilter>,
        page: &PageRequest,
    ) -> Result<Listing<Partition>, CatalogError> {
        let table = self.table(scope, database, table).await?;
        let prefix = keys::partitions(scope, &table.database, &table.name);
        let depth = prefix.segments().len();
        let after = page.after.as_deref().map(|cursor| read_cursor(&prefix, cursor)).transpose()?;
        let limit = page.limit();
        let mut items: Vec<Partition> = Vec::new();
        for range in filter.map_or_else(|| vec![KeyRange::default()], PartitionFilter::ranges) {
            let (from, to) = bounds(scope, &table, &range);
            if after.as_ref().is_some_and(|after| *after >= to) {
                continue;
            }
            let mut from = match &after {
                Some(after) if *after >= from => Bound::Excluded(after.clone()),
                _ => Bound::Included(from),
            };
            loop {
                let wanted = if filter.is_some() { SCAN_ENTRIES } else { limit + 1 - items.len() };
                let entries = self.meta.scan_range(from, Bound::Excluded(to.clone()), wanted).await?;
                let Some(last) = entries.last().map(|entry| entry.key.clone()) else { break };
                for entry in entries {
                    if filter.is_some_and(|filter| !filter.matches(&values_in(&entry.key, depth))) {
                        continue;
                    }
                    if items.len() == limit {
                        let next = items.last().map(|partition| cursor(&partition.values));
                        return Ok(Listing { items, next });
                    }
                    items.push(entry.json()?);
                }
                from = Bound::Excluded(last);
            }
        }
        Ok(Listing { items, next: None })
    }
}

fn values_in(key: &Key, depth: usize) -> Vec<String> {
    key.segments().iter().skip(depth).filter_map(|segment| segment.as_str().map(str::to_owned)).collect()
}

fn cursor(values: &[String]) -> String {
    serde_json::to_string(values).expect("a list of strings is JSON")
}

fn read_cursor(prefix: &Key, cursor: &str) -> Result<Key, CatalogError> {
    let values: Vec<String> = serde_json::from_str(cursor).map_err(|_| CatalogError::Invalid {
        field: "page",
        reason: format!("'{cursor}' is not a cursor of this listing"),
    })?;
    Ok(values.iter().fold(prefix.clone(), |key, value| key.with(value)))
}

/// The keys of a table's partitions that `range` allows: the first, and the first beyond. The
/// segment right after `v` is `v` with a zero byte, and everything below `v` lies before it.
fn bounds(scope: &Scope, table: &Table, range: &KeyRange) -> (Key, Key) {
    let below = |key: Key, values: &[String]| values.iter().fold(key, |key, value| key.with(value));
    let all = keys::partitions(scope, &table.database, &table.name);
    let fixed = below(all, &range.fixed);
    let from = match &range.from {
        Some(value) => fixed.clone().with(value),
        None => fixed.clone(),
    };
    let to = match (&range.to, range.fixed.split_last()) {
        (Some(value), _) => fixed.with(format!("{value}\0")),
        (None, Some((last, leading))) => {
            let parent = below(keys::partitions(scope, &table.database, &table.name), leading);
            parent.with(format!("{last}\0"))
        }
        (None, None) => keys::partitions_in(scope, &table.database).with(format!("{}\0", table.name)),
    };
    (from, to)
}
