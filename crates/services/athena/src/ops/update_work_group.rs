use std::sync::Arc;

use crate::Athena;
use crate::location;
use crate::model::{
    ResultConfigurationUpdates, UpdateWorkGroupInput, UpdateWorkGroupOutput, WorkGroupConfigurationUpdates,
    WorkGroupState,
};
use crate::workgroup::{Settings, check_engine_version};
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: UpdateWorkGroupInput,
) -> Result<UpdateWorkGroupOutput, ApiError> {
    let updates = input.configuration_updates.unwrap_or_default();
    athena
        .change_work_group(&ctx.scope, &input.work_group, |record| {
            if let Some(description) = &input.description {
                record.description = Some(description.clone());
            }
            if let Some(state) = input.state {
                record.enabled = state == WorkGroupState::Enabled;
            }
            apply(&mut record.settings, &updates)
        })
        .await?;
    Ok(UpdateWorkGroupOutput {})
}

fn apply(settings: &mut Settings, updates: &WorkGroupConfigurationUpdates) -> Result<(), ApiError> {
    if let Some(result) = &updates.result_configuration_updates {
        apply_result(settings, result)?;
    }
    if let Some(enforce) = updates.enforce_work_group_configuration {
        settings.enforce = enforce;
    }
    if let Some(publish) = updates.publish_cloud_watch_metrics_enabled {
        settings.publish_metrics = publish;
    }
    if updates.remove_bytes_scanned_cutoff_per_query == Some(true) {
        settings.bytes_scanned_max = None;
    }
    if let Some(max) = updates.bytes_scanned_cutoff_per_query {
        settings.bytes_scanned_max = Some(max.unsigned_abs());
    }
    if let Some(pays) = updates.requester_pays_enabled {
        settings.requester_pays = pays;
    }
    let version = updates.engine_version.as_ref();
    if let Some(selected) = version.and_then(|version| version.selected_engine_version.as_ref()) {
        check_engine_version(selected)?;
        settings.engine_version.clone_from(selected);
    }
    Ok(())
}

fn apply_result(settings: &mut Settings, updates: &ResultConfigurationUpdates) -> Result<(), ApiError> {
    if updates.remove_output_location == Some(true) {
        settings.output_location = None;
    }
    if let Some(location) = &updates.output_location {
        location::parse(location)?;
        settings.output_location = Some(location.clone());
    }
    if updates.remove_expected_bucket_owner == Some(true) {
        settings.expected_bucket_owner = None;
    }
    if let Some(owner) = &updates.expected_bucket_owner {
        settings.expected_bucket_owner = Some(owner.clone());
    }
    if updates.remove_acl_configuration == Some(true) {
        settings.acl = None;
    }
    if let Some(acl) = &updates.acl_configuration {
        settings.acl = Some(acl.s3_acl_option.as_str().to_owned());
    }
    Ok(())
}
