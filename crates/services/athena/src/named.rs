//! Named queries: statements kept under an id.

use aws::ApiError;
use names::Scope;
use serde::{Deserialize, Serialize};

use crate::Athena;
use crate::error::{Rejection, from_meta, invalid};
use crate::keys::AthenaKey;

/// The record of a named query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NamedRecord {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub database: String,
    pub sql: String,
    pub work_group: String,
}

impl Athena {
    pub(crate) async fn named(&self, scope: &Scope, id: &str) -> Result<Option<NamedRecord>, ApiError> {
        let entry = self.meta.get(&AthenaKey::Named(id).in_scope(scope)).await.map_err(from_meta)?;
        entry.map(|entry| entry.json().map_err(from_meta)).transpose()
    }

    pub(crate) async fn existing_named(&self, scope: &Scope, id: &str) -> Result<NamedRecord, ApiError> {
        self.named(scope, id)
            .await?
            .ok_or_else(|| invalid(Rejection::Input, format!("NamedQuery {id} was not found")))
    }
}
