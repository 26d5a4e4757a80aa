//! Dynamic partitioning: which settings go together.

use aws::ApiError;
use flow::{KeySource, Partitioning, Prefix};

use crate::model::{ExtendedS3DestinationConfiguration, error};
use crate::processing::Processing;

pub(crate) fn enabled(destination: &ExtendedS3DestinationConfiguration) -> bool {
    let partitioning = destination.dynamic_partitioning_configuration.as_ref();
    partitioning.is_some_and(|partitioning| partitioning.enabled == Some(true))
}

pub(crate) fn requested(destination: &ExtendedS3DestinationConfiguration) -> Option<Partitioning> {
    enabled(destination).then(Partitioning::default)
}

/// As in the public service, it is chosen once.
pub(crate) fn check_update(
    current: &ExtendedS3DestinationConfiguration,
    updated: &ExtendedS3DestinationConfiguration,
) -> Result<(), ApiError> {
    match (enabled(current), enabled(updated)) {
        (false, true) => Err(invalid(
            "Dynamic Partitioning cannot be enabled for an existing delivery stream: enable it when the delivery stream is created.",
        )),
        (true, false) => Err(invalid("Dynamic Partitioning cannot be disabled once it is enabled.")),
        (true, true) | (false, false) => Ok(()),
    }
}

/// The keys in the prefix and those that are found must be the same ones.
pub(crate) fn check(
    destination: &ExtendedS3DestinationConfiguration,
    prefix: &Prefix,
    processing: &Processing,
) -> Result<(), ApiError> {
    let (query, function) = (prefix.keys(KeySource::Query), prefix.keys(KeySource::Function));
    if !enabled(destination) {
        return match (query.is_empty(), function.is_empty()) {
            (true, true) => Ok(()),
            (false, _) => Err(not_enabled("partitionKeyFromQuery")),
            (true, false) => Err(not_enabled("partitionKeyFromLambda")),
        };
    }
    if let Some(key) = function.first() {
        return Err(invalid(format!(
            "Prefix names partitionKeyFromLambda:{key}, but ProcessingConfiguration has no processor of type Lambda."
        )));
    }
    let Some(text) = &processing.query else {
        return match query.first() {
            Some(key) => Err(invalid(format!(
                "Prefix names partitionKeyFromQuery:{key}, but ProcessingConfiguration has no processor of type MetadataExtraction."
            ))),
            None => {
                // The public service refuses this; what it means is plain, so it is done.
                tracing::warn!(
                    firehose.prefix = destination.prefix.as_deref().unwrap_or_default(),
                    "Dynamic Partitioning is enabled, but Prefix names no partition keys: objects are named by time alone"
                );
                Ok(())
            }
        };
    };
    check_query(text, &query)
}

fn check_query(text: &str, prefix: &[&str]) -> Result<(), ApiError> {
    let found = flow::query_keys(text)
        .map_err(|failure| invalid(format!("MetadataExtractionQuery is invalid: {failure}.")))?;
    // Of a query whose text does not tell, every record tells.
    let Some(found) = found else { return Ok(()) };
    if let Some(key) = prefix.iter().find(|key| !found.iter().any(|found| found == *key)) {
        return Err(invalid(format!(
            "Prefix names partitionKeyFromQuery:{key}, but MetadataExtractionQuery does not find that key."
        )));
    }
    if let Some(key) = found.iter().find(|key| !prefix.contains(&key.as_str())) {
        return Err(invalid(format!(
            "MetadataExtractionQuery finds the key {key}, but Prefix does not name partitionKeyFromQuery:{key}."
        )));
    }
    Ok(())
}

fn not_enabled(namespace: &str) -> ApiError {
    invalid(format!(
        "Prefix has the namespace {namespace}, but DynamicPartitioningConfiguration is not enabled."
    ))
}

fn invalid(message: impl Into<String>) -> ApiError {
    error::invalid_argument_exception(message.into())
}
