use meta::Txn;
use names::Scope;

use super::{COMMIT_ATTEMPTS_MAX, Catalog, CatalogError, Listing, PageRequest, folded};
use crate::keys;
use crate::model::Database;

impl Catalog {
    /// Stores a new database with the present as its creation time.
    pub async fn create_database(
        &self,
        scope: &Scope,
        mut database: Database,
    ) -> Result<Database, CatalogError> {
        database.name = folded("name", &database.name)?;
        database.created = self.rt.now();
        let key = keys::database(scope, &database.name);
        let txn = Txn::new().require_absent(key.clone()).put_json(key, &database);
        match self.try_commit(txn).await? {
            true => Ok(database),
            false => Err(CatalogError::DatabaseExists(database.name)),
        }
    }

    pub async fn database(&self, scope: &Scope, name: &str) -> Result<Database, CatalogError> {
        let name = folded("name", name)?;
        match self.meta.get(&keys::database(scope, &name)).await? {
            Some(entry) => Ok(entry.json()?),
            None => Err(CatalogError::NoSuchDatabase(name)),
        }
    }

    pub async fn databases(
        &self,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Listing<Database>, CatalogError> {
        self.page(&keys::databases(scope), page, |database: &Database| database.name.clone()).await
    }

    /// Replaces everything but the name and the creation time.
    pub async fn update_database(
        &self,
        scope: &Scope,
        name: &str,
        mut database: Database,
    ) -> Result<Database, CatalogError> {
        let name = folded("name", name)?;
        database.name.clone_from(&name);
        let key = keys::database(scope, &name);
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let Some(entry) = self.meta.get(&key).await? else {
                return Err(CatalogError::NoSuchDatabase(name));
            };
            database.created = entry.json::<Database>()?.created;
            let txn =
                Txn::new().require_revision(key.clone(), entry.revision).put_json(key.clone(), &database);
            if self.try_commit(txn).await? {
                return Ok(database);
            }
        }
        Err(CatalogError::DatabaseBusy(name))
    }

    /// Removes the database with its tables, their versions and their partitions. Data stays.
    pub async fn delete_database(&self, scope: &Scope, name: &str) -> Result<(), CatalogError> {
        let name = folded("name", name)?;
        let key = keys::database(scope, &name);
        let txn = Txn::new()
            .require_present(key.clone())
            .delete(key)
            .delete_prefix(keys::tables(scope, &name))
            .delete_prefix(keys::versions_in(scope, &name))
            .delete_prefix(keys::partitions_in(scope, &name))
            .delete_prefix(keys::attachments_in(scope, &name));
        match self.try_commit(txn).await? {
            true => Ok(()),
            false => Err(CatalogError::NoSuchDatabase(name)),
        }
    }
}
