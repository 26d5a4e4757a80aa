use meta::{Revision, Txn};
use names::Scope;

use super::{COMMIT_ATTEMPTS_MAX, Catalog, CatalogError, Listing, PageRequest, folded};
use crate::keys;
use crate::model::Table;

impl Catalog {
    /// Stores a new table as version 0, with the present as its creation and update time.
    pub async fn create_table(&self, scope: &Scope, mut table: Table) -> Result<Table, CatalogError> {
        table.database = folded("database", &table.database)?;
        table.name = folded("name", &table.name)?;
        table.version = 0;
        table.created = self.rt.now();
        table.updated = table.created;
        let key = keys::table(scope, &table.database, &table.name);
        let txn = Txn::new()
            .require_present(keys::database(scope, &table.database))
            .require_absent(key.clone())
            .put_json(key, &table);
        if self.try_commit(txn).await? {
            return Ok(table);
        }
        self.database(scope, &table.database).await?;
        Err(CatalogError::TableExists { database: table.database, table: table.name })
    }

    /// The current version. An absent database is told apart from an absent table.
    pub async fn table(&self, scope: &Scope, database: &str, name: &str) -> Result<Table, CatalogError> {
        Ok(self.table_entry(scope, database, name).await?.0)
    }

    pub async fn tables(
        &self,
        scope: &Scope,
        database: &str,
        page: &PageRequest,
    ) -> Result<Listing<Table>, CatalogError> {
        let database = self.database(scope, database).await?.name;
        self.page(&keys::tables(scope, &database), page, |table: &Table| table.name.clone()).await
    }

    /// Replaces everything but names and creation time, as one more version. With
    /// `expected_version` it happens only over that version; with `archive` the version it replaces
    /// stays readable. Returns the stored table.
    pub async fn update_table(
        &self,
        scope: &Scope,
        mut table: Table,
        expected_version: Option<u64>,
        archive: bool,
    ) -> Result<Table, CatalogError> {
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let (old, revision) = self.table_entry(scope, &table.database, &table.name).await?;
            if expected_version.is_some_and(|expected| expected != old.version) {
                return Err(conflict(&old));
            }
            table.database.clone_from(&old.database);
            table.name.clone_from(&old.name);
            table.created = old.created;
            table.version = old.version + 1;
            table.updated = self.rt.now();
            let key = keys::table(scope, &old.database, &old.name);
            let mut txn = Txn::new().require_revision(key.clone(), revision).put_json(key, &table);
            if archive {
                txn = txn.put_json(keys::version(scope, &old.database, &old.name, old.version), &old);
            }
            if self.try_commit(txn).await? {
                return Ok(table);
            }
        }
        Err(conflict(&table))
    }

    /// Removes the table, its versions and its partitions. Data stays.
    pub async fn delete_table(&self, scope: &Scope, database: &str, name: &str) -> Result<(), CatalogError> {
        let (database, table) = (folded("database", database)?, folded("name", name)?);
        let key = keys::table(scope, &database, &table);
        let txn = Txn::new()
            .require_present(key.clone())
            .delete(key)
            .delete_prefix(keys::versions(scope, &database, &table))
            .delete_prefix(keys::partitions(scope, &database, &table))
            .delete_prefix(keys::table_attachments(scope, &database, &table))
            .delete_prefix(keys::partition_attachments(scope, &database, &table, &[]));
        if self.try_commit(txn).await? {
            return Ok(());
        }
        self.database(scope, &database).await?;
        Err(CatalogError::NoSuchTable { database, table })
    }

    /// The current version with the revision of its entry, to build conditional changes on.
    pub(crate) async fn table_entry(
        &self,
        scope: &Scope,
        database: &str,
        name: &str,
    ) -> Result<(Table, Revision), CatalogError> {
        let (database, table) = (folded("database", database)?, folded("name", name)?);
        if let Some(entry) = self.meta.get(&keys::table(scope, &database, &table)).await? {
            return Ok((entry.json()?, entry.revision));
        }
        self.database(scope, &database).await?;
        Err(CatalogError::NoSuchTable { database, table })
    }
}

pub(super) fn conflict(table: &Table) -> CatalogError {
    CatalogError::VersionConflict { database: table.database.clone(), table: table.name.clone() }
}
