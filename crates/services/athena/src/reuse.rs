//! Results that may be given again instead of running the same statement again.

use aws::ApiError;
use meta::Key;
use names::Scope;
use rt::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Athena;
use crate::error::from_meta;
use crate::execution::{Execution, Request};
use crate::keys::AthenaKey;
use crate::limits::REUSE_AGE_DEFAULT_MINUTES;
use crate::statement::Kind;

/// Where the latest result of a statement is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Reusable {
    pub id: String,
    pub completed: Timestamp,
}

impl Reusable {
    pub(crate) fn of(execution: &Execution) -> Reusable {
        let completed = execution.completed.unwrap_or(execution.submitted);
        Reusable { id: execution.id.clone(), completed }
    }
}

/// Words whose value depends on when or by whom they are asked.
const VOLATILE: [&str; 6] = ["rand", "now(", "current_", "localtime", "uuid(", "shuffle("];

/// The key under which the result of this execution is found again, if it may be.
pub(crate) fn key(execution: &Execution) -> Option<Key> {
    if execution.kind != Kind::Dml || !execution.repeatable || execution.reused_from.is_some() {
        return None;
    }
    let request = &execution.request;
    let fingerprint = fingerprint(request)?;
    let key = AthenaKey::Reusable { work_group: &request.work_group, fingerprint: &fingerprint };
    Some(key.in_scope(&execution.scope))
}

/// The same text with the same parameters over the same database. `None` for statements whose answer
/// changes by itself.
pub(crate) fn fingerprint(request: &Request) -> Option<String> {
    let lower = request.sql.to_lowercase();
    if VOLATILE.iter().any(|word| lower.contains(word)) {
        return None;
    }
    let mut hash = Sha256::new();
    let parts = [Some(&request.sql), request.catalog.as_ref(), request.database.as_ref()];
    for part in parts.into_iter().map(|part| part.map_or("", String::as_str)) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    for parameter in &request.parameters {
        hash.update((parameter.len() as u64).to_be_bytes());
        hash.update(parameter);
    }
    Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Athena {
    /// An earlier execution of the same statement, young enough, whose result is still there.
    pub(crate) async fn reusable(
        &self,
        scope: &Scope,
        request: &Request,
    ) -> Result<Option<Execution>, ApiError> {
        let Some(minutes) = max_age(request.reuse) else { return Ok(None) };
        let Some(fingerprint) = fingerprint(request) else { return Ok(None) };
        let key = AthenaKey::Reusable { work_group: &request.work_group, fingerprint: &fingerprint };
        let Some(entry) = self.meta.get(&key.in_scope(scope)).await.map_err(from_meta)? else {
            return Ok(None);
        };
        let found: Reusable = entry.json().map_err(from_meta)?;
        let age = self.rt.now().saturating_since(found.completed);
        if age.as_secs() > u64::try_from(minutes).unwrap_or_default() * 60 {
            return Ok(None);
        }
        let Some((earlier, _)) = self.stored(scope, &found.id).await? else { return Ok(None) };
        let there = self.objects.head(&earlier.place.bucket, &earlier.place.key).await.is_ok();
        Ok(there.then_some(earlier))
    }
}

/// The age a caller accepts, in minutes; `None` if the caller wants a fresh answer.
fn max_age(reuse: Option<(bool, Option<i32>)>) -> Option<i32> {
    reuse.filter(|(enabled, _)| *enabled).map(|(_, minutes)| minutes.unwrap_or(REUSE_AGE_DEFAULT_MINUTES))
}
