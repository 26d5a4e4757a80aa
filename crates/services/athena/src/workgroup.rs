//! Work groups: who may run queries under which settings.

use std::collections::BTreeMap;

use aws::ApiError;
use meta::Txn;
use names::{Arn, Scope};
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Athena;
use crate::error::{Rejection, from_commit, from_meta, invalid, not_found};
use crate::keys::AthenaKey;
use crate::limits::CONFLICT_RETRIES_MAX;

/// The work group every account has from the start, and which cannot be deleted.
pub(crate) const PRIMARY: &str = "primary";
pub(crate) const ENGINE_VERSION: &str = "Athena engine version 3";
pub(crate) const ENGINE_AUTO: &str = "AUTO";

/// The record of a work group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkGroupRecord {
    pub name: String,
    pub description: Option<String>,
    pub enabled: bool,
    pub created: Timestamp,
    pub settings: Settings,
    pub tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub output_location: Option<String>,
    pub expected_bucket_owner: Option<String>,
    pub acl: Option<String>,
    /// The work group's location wins over the caller's.
    pub enforce: bool,
    pub bytes_scanned_max: Option<u64>,
    pub publish_metrics: bool,
    pub requester_pays: bool,
    /// `AUTO` or the one engine version there is.
    pub engine_version: String,
}

impl Settings {
    /// What a new work group starts from; `primary` lets callers choose their own output location.
    pub(crate) fn new(enforce: bool) -> Settings {
        Settings {
            output_location: None,
            expected_bucket_owner: None,
            acl: None,
            enforce,
            bytes_scanned_max: None,
            publish_metrics: enforce,
            requester_pays: false,
            engine_version: ENGINE_AUTO.to_owned(),
        }
    }
}

impl WorkGroupRecord {
    fn primary(now: Timestamp) -> WorkGroupRecord {
        WorkGroupRecord {
            name: PRIMARY.to_owned(),
            description: None,
            enabled: true,
            created: now,
            settings: Settings::new(false),
            tags: BTreeMap::new(),
        }
    }
}

impl Athena {
    /// The work group, or the error that there is none. `primary` comes into being when first asked for.
    pub(crate) async fn work_group(&self, scope: &Scope, name: &str) -> Result<WorkGroupRecord, ApiError> {
        let key = AthenaKey::WorkGroup(name).in_scope(scope);
        for _ in 0..CONFLICT_RETRIES_MAX {
            if let Some(entry) = self.meta.get(&key).await.map_err(from_meta)? {
                return entry.json().map_err(from_meta);
            }
            if name != PRIMARY {
                return Err(no_such_work_group());
            }
            let primary = WorkGroupRecord::primary(self.rt.now());
            let txn = Txn::new().require_absent(key.clone()).put_json(key.clone(), &primary);
            match self.meta.commit(txn).await {
                Ok(_) => return Ok(primary),
                Err(meta::CommitError::Conflict { .. }) => {}
                Err(error) => return Err(from_commit(error)),
            }
        }
        Err(busy(name))
    }

    /// Refuses a work group that is not there, where one was named at all.
    pub(crate) async fn check_work_group(&self, scope: &Scope, name: Option<&str>) -> Result<(), ApiError> {
        match name {
            Some(name) => self.work_group(scope, name).await.map(drop),
            None => Ok(()),
        }
    }

    /// Applies `change` to the record, again if somebody else changed it meanwhile.
    pub(crate) async fn change_work_group(
        &self,
        scope: &Scope,
        name: &str,
        change: impl Fn(&mut WorkGroupRecord) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let key = AthenaKey::WorkGroup(name).in_scope(scope);
        self.work_group(scope, name).await?;
        for _ in 0..CONFLICT_RETRIES_MAX {
            let entry = self.meta.get(&key).await.map_err(from_meta)?.ok_or_else(no_such_work_group)?;
            let mut record: WorkGroupRecord = entry.json().map_err(from_meta)?;
            change(&mut record)?;
            let txn = Txn::new().require_revision(key.clone(), entry.revision).put_json(key.clone(), &record);
            match self.meta.commit(txn).await {
                Ok(_) => return Ok(()),
                Err(meta::CommitError::Conflict { .. }) => {}
                Err(error) => return Err(from_commit(error)),
            }
        }
        Err(busy(name))
    }
}

pub(crate) fn no_such_work_group() -> ApiError {
    invalid(Rejection::Input, "WorkGroup is not found.")
}

fn busy(name: &str) -> ApiError {
    ApiError::internal(format!("work group {name} changes too often to be changed"))
}

pub(crate) fn check_engine_version(selected: &str) -> Result<(), ApiError> {
    if selected == ENGINE_AUTO || selected == ENGINE_VERSION {
        return Ok(());
    }
    Err(invalid(Rejection::Input, format!("Engine version {selected} is not supported")))
}

/// The name in the ARN of a work group of this account and region.
pub(crate) fn named_by(scope: &Scope, arn: &str) -> Result<String, ApiError> {
    let parsed = arn.parse::<Arn>().ok();
    let name = parsed.as_ref().and_then(|arn| arn.resource.strip_prefix("workgroup/"));
    match name {
        Some(name) if Arn::new("athena", scope, format!("workgroup/{name}")).to_string() == arn => {
            Ok(name.to_owned())
        }
        _ => Err(not_found(format!("Resource {arn} was not found"), arn)),
    }
}
