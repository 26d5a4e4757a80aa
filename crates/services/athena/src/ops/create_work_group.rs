use std::sync::Arc;

use aws::{ApiError, Context};
use meta::{CommitError, Txn};

use crate::Athena;
use crate::error::{Rejection, from_commit, from_meta, invalid};
use crate::keys::{self, AthenaKey};
use crate::limits::WORK_GROUPS_MAX;
use crate::location;
use crate::model::{CreateWorkGroupInput, CreateWorkGroupOutput, WorkGroupConfiguration};
use crate::ops::tag_resource;
use crate::workgroup::{PRIMARY, Settings, WorkGroupRecord, check_engine_version};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: CreateWorkGroupInput,
) -> Result<CreateWorkGroupOutput, ApiError> {
    let record = WorkGroupRecord {
        settings: settings(input.configuration.unwrap_or_default())?,
        tags: tag_resource::checked(input.tags.unwrap_or_default())?,
        name: input.name,
        description: input.description,
        enabled: true,
        created: athena.rt.now(),
    };
    let exists = || invalid(Rejection::Input, "WorkGroup is already created");
    if record.name == PRIMARY {
        return Err(exists());
    }
    let groups = keys::work_groups(&ctx.scope);
    let count = athena.meta.scan(&groups, None, WORK_GROUPS_MAX).await.map_err(from_meta)?.len();
    if count >= WORK_GROUPS_MAX {
        let message = format!("There may be at most {WORK_GROUPS_MAX} work groups");
        return Err(invalid(Rejection::Input, message));
    }
    let key = AthenaKey::WorkGroup(&record.name).in_scope(&ctx.scope);
    let txn = Txn::new().require_absent(key.clone()).put_json(key, &record);
    match athena.meta.commit(txn).await {
        Ok(_) => Ok(CreateWorkGroupOutput {}),
        Err(CommitError::Conflict { .. }) => Err(exists()),
        Err(error) => Err(from_commit(error)),
    }
}

fn settings(configuration: WorkGroupConfiguration) -> Result<Settings, ApiError> {
    let mut settings = Settings::new(configuration.enforce_work_group_configuration.unwrap_or(true));
    let result = configuration.result_configuration.unwrap_or_default();
    if let Some(location) = &result.output_location {
        location::parse(location)?;
    }
    settings.output_location = result.output_location;
    settings.expected_bucket_owner = result.expected_bucket_owner;
    settings.acl = result.acl_configuration.map(|acl| acl.s3_acl_option.as_str().to_owned());
    settings.bytes_scanned_max = configuration.bytes_scanned_cutoff_per_query.map(i64::unsigned_abs);
    if let Some(publish) = configuration.publish_cloud_watch_metrics_enabled {
        settings.publish_metrics = publish;
    }
    settings.requester_pays = configuration.requester_pays_enabled.unwrap_or_default();
    if let Some(selected) = configuration.engine_version.and_then(|version| version.selected_engine_version) {
        check_engine_version(&selected)?;
        settings.engine_version = selected;
    }
    Ok(settings)
}
