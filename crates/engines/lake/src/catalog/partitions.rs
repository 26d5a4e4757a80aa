use std::collections::HashSet;

use meta::{Key, Txn};
use names::Scope;

use super::tables::conflict;
use super::{COMMIT_ATTEMPTS_MAX, Catalog, CatalogError, PARTITIONS_PER_COMMIT_MAX};
use crate::keys;
use crate::model::{Partition, Table};

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
                txn = txn.delete_prefix(keys::partition_attachments(
                    scope,
                    &table.database,
                    &table.name,
                    values,
                ));
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
            let attached = keys::partition_attachments(scope, &table.database, &table.name, values);
            let txn = Txn::new().require_present(key.clone()).delete(key).delete_prefix(attached);
            outcomes.push(match check_values(&table, values) {
                Err(error) => Err(error),
                Ok(()) if self.try_commit(txn).await? => Ok(()),
                Ok(()) => Err(absent(&table, values)),
            });
        }
        Ok(outcomes)
    }
}

pub(super) fn key_of(scope: &Scope, table: &Table, values: &[String]) -> Key {
    keys::partition(scope, &table.database, &table.name, values)
}

pub(super) fn check_values(table: &Table, values: &[String]) -> Result<(), CatalogError> {
    let keys = table.partition_keys.len();
    if values.len() == keys && keys > 0 {
        return Ok(());
    }
    Err(CatalogError::Invalid {
        field: "values",
        reason: format!("{} values for the {keys} partition keys of the table", values.len()),
    })
}

pub(super) fn absent(table: &Table, values: &[String]) -> CatalogError {
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
