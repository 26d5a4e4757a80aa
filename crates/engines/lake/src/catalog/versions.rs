use meta::Txn;
use names::Scope;

use super::{Catalog, CatalogError, Listing, PageRequest};
use crate::keys;
use crate::model::Table;

impl Catalog {
    /// All kept versions, the current one first.
    pub async fn table_versions(
        &self,
        scope: &Scope,
        database: &str,
        table: &str,
        page: &PageRequest,
    ) -> Result<Listing<Table>, CatalogError> {
        let current = self.table(scope, database, table).await?;
        let limit = page.limit();
        let mut items = Vec::new();
        let after = match &page.after {
            None => {
                items.push(current.clone());
                None
            }
            Some(cursor) => {
                let version = cursor.parse().map_err(|_| CatalogError::Invalid {
                    field: "page",
                    reason: format!("'{cursor}' is not a cursor of this listing"),
                })?;
                Some(keys::version(scope, &current.database, &current.name, version))
            }
        };
        let prefix = keys::versions(scope, &current.database, &current.name);
        let wanted = limit + 1 - items.len();
        for entry in self.meta.scan(&prefix, after.as_ref(), wanted).await? {
            items.push(entry.json()?);
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(|table: &Table| table.version.to_string()) } else { None };
        Ok(Listing { items, next })
    }

    /// The current version or an archived one.
    pub async fn table_version(
        &self,
        scope: &Scope,
        database: &str,
        table: &str,
        version: u64,
    ) -> Result<Table, CatalogError> {
        let current = self.table(scope, database, table).await?;
        if current.version == version {
            return Ok(current);
        }
        match self.meta.get(&keys::version(scope, &current.database, &current.name, version)).await? {
            Some(entry) => Ok(entry.json()?),
            None => Err(absent(current, version)),
        }
    }

    /// Forgets an archived version; the current one cannot be.
    pub async fn delete_table_version(
        &self,
        scope: &Scope,
        database: &str,
        table: &str,
        version: u64,
    ) -> Result<(), CatalogError> {
        let current = self.table(scope, database, table).await?;
        if current.version == version {
            let Table { database, name: table, .. } = current;
            return Err(CatalogError::CurrentVersion { database, table, version });
        }
        let key = keys::version(scope, &current.database, &current.name, version);
        match self.try_commit(Txn::new().require_present(key.clone()).delete(key)).await? {
            true => Ok(()),
            false => Err(absent(current, version)),
        }
    }
}

fn absent(table: Table, version: u64) -> CatalogError {
    CatalogError::NoSuchVersion { database: table.database, table: table.name, version }
}
