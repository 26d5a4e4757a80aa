use meta::{Key, Txn};
use names::Scope;
use serde_json::Value;

use super::partitions::{absent, check_values, key_of};
use super::{Catalog, CatalogError, folded};
use crate::keys;

/// The most attachments one owner has of one kind.
pub const ATTACHMENTS_MAX: usize = 10_000;

/// What an attachment belongs to, and goes with.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'a> {
    Database(&'a str),
    Table { database: &'a str, table: &'a str },
    Partition { database: &'a str, table: &'a str, values: &'a [String] },
}

/// What an API keeps beside the catalog's entries without its meaning anything here: tags, indexes,
/// statistics. Each has a kind and a name; it is gone when its owner goes, whoever removes that.
impl Catalog {
    /// Stores each value under its name, over what was there.
    pub async fn attach(
        &self,
        scope: &Scope,
        owner: Owner<'_>,
        kind: &str,
        items: &[(String, Value)],
    ) -> Result<(), CatalogError> {
        let (entry, prefix) = self.owner_keys(scope, owner).await?;
        let mut txn = Txn::new().require_present(entry);
        for (name, value) in items {
            txn = txn.put_json(prefix.clone().with(kind).with(name), value);
        }
        if self.try_commit(txn).await? {
            return Ok(());
        }
        // It went away between the two: say which.
        self.owner_keys(scope, owner).await.and(Err(CatalogError::DatabaseBusy(owner.database().to_owned())))
    }

    /// All of a kind, by name.
    pub async fn attached(
        &self,
        scope: &Scope,
        owner: Owner<'_>,
        kind: &str,
    ) -> Result<Vec<(String, Value)>, CatalogError> {
        let (_, prefix) = self.owner_keys(scope, owner).await?;
        let mut items = Vec::new();
        for entry in self.meta.scan(&prefix.with(kind), None, ATTACHMENTS_MAX).await? {
            items.push((entry.key.last_str().unwrap_or_default(), entry.json()?));
        }
        Ok(items)
    }

    /// Removes one, answering whether it was there.
    pub async fn detach(
        &self,
        scope: &Scope,
        owner: Owner<'_>,
        kind: &str,
        name: &str,
    ) -> Result<bool, CatalogError> {
        let (_, prefix) = self.owner_keys(scope, owner).await?;
        let key = prefix.with(kind).with(name);
        self.try_commit(Txn::new().require_present(key.clone()).delete(key)).await
    }

    /// The key of the owner's entry and the prefix of its attachments; an absent owner is an error.
    async fn owner_keys(&self, scope: &Scope, owner: Owner<'_>) -> Result<(Key, Key), CatalogError> {
        match owner {
            Owner::Database(name) => {
                let name = folded("name", name)?;
                self.database(scope, &name).await?;
                Ok((keys::database(scope, &name), keys::database_attachments(scope, &name)))
            }
            Owner::Table { database, table } => {
                let table = self.table(scope, database, table).await?;
                let entry = keys::table(scope, &table.database, &table.name);
                Ok((entry, keys::table_attachments(scope, &table.database, &table.name)))
            }
            Owner::Partition { database, table, values } => {
                let table = self.table(scope, database, table).await?;
                check_values(&table, values)?;
                let entry = key_of(scope, &table, values);
                if self.meta.get(&entry).await?.is_none() {
                    return Err(absent(&table, values));
                }
                Ok((entry, keys::partition_attachments(scope, &table.database, &table.name, values)))
            }
        }
    }
}

impl Owner<'_> {
    fn database(&self) -> &str {
        match self {
            Owner::Database(name) => name,
            Owner::Table { database, .. } | Owner::Partition { database, .. } => database,
        }
    }
}
