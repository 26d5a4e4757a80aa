use std::collections::HashSet;
use std::ops::Bound;

use meta::{Key, Txn};
use names::Scope;

use super::tables::conflict;
use super::{COMMIT_ATTEMPTS_MAX, Catalog, CatalogError, Listing, PARTITIONS_PER_COMMIT_MAX, PageRequest};
use crate::filter::{KeyRange, PartitionFilter};
use crate::keys;
use crate::model::{Partition, Table};

/// How many entries one scan reads while a filter looks for matches.
const SCAN_ENTRIES: usize = 1_000;

/// What became of each partition of a batch, in its order.
pub type Outcomes = Vec<Result<(), CatalogError>>;

impl Catalog {
    pub async fn create_partition(
        &self,
        scope: &Scope,
        database: &str,
        table: &str,
        partition: Partition,
    ) -> Result<(), CatalogError> {
        let outcomes = self.create_partitions(scope, database, table, vec![partition]).await?;
        outcomes.into_iter().collect()
    }

    /// Adds each partition that is not there yet and reports on each; the error of the whole is the
    /// table's absence or the store's failure.
    pub async fn create_partitions(
        &self,
        scope: &Scope,
        database: &str,
        table: &str,
        partitions: Vec<Partition>,
    ) -> Result<Outcomes, CatalogError> {
        let mut outcomes = Vec::with_capacity(partitions.len());
        let mut partitions = partitions;
        // The table is read even for an empty batch, so that its absence is always told.
        self.table(scope, database, table).await?;
        while !partitions.is_empty() {
            let rest = partitions.split_off(partitions.len().min(PARTITIONS_PER_COMMIT_MAX));
            outcomes.extend(self.create_chunk(scope, database, table, partitions).await?);
            partitions = rest;
        }
        Ok(outcomes)
    }

    /// Adds those that are not there yet and answers how many that were.
    pub async fn add_partitions_if_absent(
        &self,
        scope: &Scope,
        database: &str,
        table: &str,
        partitions: Vec<Partition>,
    ) -> Result<usize, CatalogError> {
        let mut added = 0;
        for outcome in self.create_partitions(scope, database, table, partitions).await? {
            match outcome {
                Ok(()) => added += 1,
                Err(CatalogError::PartitionExists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(added)
    }

    async fn create_chunk(
        &self,
        scope: &Scope,
        database: &str,
        table: &str,
        mut partitions: Vec<Partition>,
    ) -> Result<Outcomes, CatalogError> {
        let now = self.rt.now();
        for partition in &mut partitions {
            partition.created = now;
        }
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let (table, revision) = self.table_entry(scope, database, table).await?;
            let keys: Vec<Key> = partitions.iter().map(|one| key_of(scope, &table, &one.values)).collect();
            let present = self.meta.get_many(&keys).await?;
            let mut txn =
                Txn::new().require_revision(keys::table(scope, &table.database, &table.name), revision);
            let mut seen = HashSet::new();
            let mut outcomes = Outcomes::with_capacity(partitions.len());
            let mut adds = false;
            for ((partition, key), present) in partitions.iter().zip(keys).zip(present) {
                if let Err(error) = check_values(&table, &partition.values) {
                    outcomes.push(Err(error));
                } else if present.is_some() || !seen.insert(&partition.values) {
                    outcomes.push(Err(exists(&table, &partition.values)));
                } else {
                    txn = txn.require_absent(key.clone()).put_json(key, partition);
                    outcomes.push(Ok(()));
                    adds = true;
                }
            }
            if !adds || self.try_commit(txn).await? {
                return Ok(outcomes);
            }
        }
        Err(conflict(&Table::new(database, table)))
    }

    pub async fn partition(
        &self,
        scope: &Scope,
        database: &str,
        table: &str,
        values: &[String],
    ) -> Result<Partition, CatalogError> {
        let table = self.table(scope, database, table).await?;
        check_values(&table, values)?;
        match self.meta.get(&key_of(scope, &table, values)).await? {
            Some(entry) => Ok(entry.json()?),
            None => Err(absent(&table, values)),
        }
    }

    /// The partitions at these values, `None` where there is none.
    pub async fn partitions_at(
        &self,
        scope: &Scope,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> Result<Vec<Option<Partition>>, CatalogError> {
        let table = self.table(scope, database, table).await?;
        for values in values {
            check_values(&table, values)?;
        }
        let keys: Vec<Key> = values.iter().map(|values| key_of(scope, &table, values)).collect();
        let entries = self.meta.get_many(&keys).await?;
        Ok(entries
            .into_iter()
            .map(|entry| entry.map(|entry| entry.json()).transpose())
            .collect::<Result<_, _>>()?)
    }

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

    /// Replaces the partition at `values`; `partition` may have other values, then it moves.
    pub async fn update_partition(
        &self,
        scope: &Scope,
        database: &str,
        table: &str,
        values: &[String],
        mut partition: Partition,
    ) -> Result<(), CatalogError> {
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let table = self.table(scope, database, table).await?;
            check_values(&table, values)?;
            check_values(&table, &partition.values)?;
            let key = key_of(scope, &table, values);
            let Some(entry) = self.meta.get(&key).await? else {
                return Err(absent(&table, values));
            };
            partition.created = entry.json::<Partition>()?.created;
            let mut txn = Txn::new().require_revision(key.clone(), entry.revision);
            if partition.values == values {
                txn = txn.put_json(key, &partition);
            } else {
                let target = key_of(scope, &table, &partition.values);
                if self.meta.get(&target).await?.is_some() {
                    return Err(exists(&table, &partition.values));
                }
                txn = txn.delete(key).require_absent(target.clone()).put_json(target, &partition);
            }
            if self.try_commit(txn).await? {
                return Ok(());
            }
        }
        Err(conflict(&Table::new(database, table)))
    }

    pub async fn delete_partition(
        &self,
        scope: &Scope,
        database: &str,
        table: &str,
        values: &[String],
    ) -> Result<(), CatalogError> {
        self.delete_partitions(scope, database, table, &[values.to_vec()]).await?.into_iter().collect()
    }

    /// Removes each partition and reports on each. Data stays.
    pub async fn delete_partitions(
        &self,
        scope: &Scope,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> Result<Outcomes, CatalogError> {
        let table = self.table(scope, database, table).await?;
        let mut outcomes = Outcomes::with_capacity(values.len());
        for values in values {
            let key = key_of(scope, &table, values);
            let txn = Txn::new().require_present(key.clone()).delete(key);
            outcomes.push(match check_values(&table, values) {
                Err(error) => Err(error),
                Ok(()) if self.try_commit(txn).await? => Ok(()),
                Ok(()) => Err(absent(&table, values)),
            });
        }
        Ok(outcomes)
    }
}

fn key_of(scope: &Scope, table: &Table, values: &[String]) -> Key {
    keys::partition(scope, &table.database, &table.name, values)
}

fn check_values(table: &Table, values: &[String]) -> Result<(), CatalogError> {
    let keys = table.partition_keys.len();
    if values.len() == keys && keys > 0 {
        return Ok(());
    }
    Err(CatalogError::Invalid {
        field: "values",
        reason: format!("{} values for the {keys} partition keys of the table", values.len()),
    })
}

fn absent(table: &Table, values: &[String]) -> CatalogError {
    CatalogError::NoSuchPartition {
        database: table.database.clone(),
        table: table.name.clone(),
        values: values.to_vec(),
    }
}

fn exists(table: &Table, values: &[String]) -> CatalogError {
    CatalogError::PartitionExists {
        database: table.database.clone(),
        table: table.name.clone(),
        values: values.to_vec(),
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
        (Some(value), _) => fixed.with(&format!("{value}\0")),
        (None, Some((last, leading))) => {
            let parent = below(keys::partitions(scope, &table.database, &table.name), leading);
            parent.with(&format!("{last}\0"))
        }
        (None, None) => keys::partitions_in(scope, &table.database).with(&format!("{}\0", table.name)),
    };
    (from, to)
}
