//! Prepared statements of a work group.

use aws::ApiError;
use names::Scope;
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Athena;
use crate::error::{from_meta, not_found};
use crate::keys::AthenaKey;

/// The record of a prepared statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreparedRecord {
    pub name: String,
    pub sql: String,
    pub description: Option<String>,
    pub modified: Timestamp,
}

impl Athena {
    pub(crate) async fn prepared(
        &self,
        scope: &Scope,
        work_group: &str,
        name: &str,
    ) -> Result<Option<PreparedRecord>, ApiError> {
        let key = AthenaKey::Prepared { work_group, name }.in_scope(scope);
        let entry = self.meta.get(&key).await.map_err(from_meta)?;
        entry.map(|entry| entry.json().map_err(from_meta)).transpose()
    }

    pub(crate) async fn existing_prepared(
        &self,
        scope: &Scope,
        work_group: &str,
        name: &str,
    ) -> Result<PreparedRecord, ApiError> {
        self.work_group(scope, work_group).await?;
        let found = self.prepared(scope, work_group, name).await?;
        found.ok_or_else(|| not_found(no_such_statement_text(name, work_group), name))
    }
}

pub(crate) fn no_such_statement_text(name: &str, work_group: &str) -> String {
    format!("PreparedStatement {name} was not found in workGroup {work_group}")
}
