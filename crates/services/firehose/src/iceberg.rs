//! The Iceberg destination: settings of the API as a delivery of the engine, and as a description.

use aws::{ApiError, Context};
use flow::{Encode, FlowSpec, IcebergEncode, IcebergTarget, Operator};

use crate::destination::{describe_simple, logging};
use crate::limits::{BUFFER_MIB_DEFAULT, ENDPOINT_RETRY_SECONDS_DEFAULT, INTERVAL_SECONDS_DEFAULT};
use crate::model::{
    BufferingHints, DestinationTableConfiguration, IcebergDestinationConfiguration,
    IcebergDestinationDescription, IcebergS3BackupMode, RetryOptions, error,
};
use crate::outside::{Hints, aside};
use crate::{failures, processing};

pub(crate) fn delivery(
    ctx: &Context,
    name: &str,
    version: u64,
    source: flow::Source,
    settings: &IcebergDestinationConfiguration,
) -> Result<FlowSpec, ApiError> {
    let processing = processing::requested(settings.processing_configuration.as_ref())?;
    if processing.delimiter.is_some() {
        return Err(error::invalid_argument_exception(
            "Processor type AppendDelimiterToRecord is not applicable to Iceberg destinations.",
        ));
    }
    let routed = processing
        .operators
        .iter()
        .any(|operator| matches!(operator, Operator::Extract(_) | Operator::Transform(_)));
    let keep_all = settings.s3_backup_mode == Some(IcebergS3BackupMode::AllData);
    let file = format!("{name}-{version}");
    let (sink, backup) = aside(&file, &settings.s3_configuration, keep_all, failures::processing_shape())?;
    Ok(FlowSpec {
        source,
        buffer: hints(settings).buffer()?,
        encode: Encode::Iceberg(Box::new(encode(ctx, settings, routed)?)),
        sink,
        register_partitions: false,
        operators: processing.operators,
        partitioning: None,
        backup,
        live: false,
    })
}

fn encode(
    ctx: &Context,
    settings: &IcebergDestinationConfiguration,
    routed: bool,
) -> Result<IcebergEncode, ApiError> {
    let tables: Vec<IcebergTarget> =
        settings.destination_table_configuration_list.iter().flatten().map(target).collect();
    if tables.is_empty() && !routed {
        return Err(error::invalid_argument_exception(
            "DestinationTableConfigurationList must name a table when no processor says where records go.",
        ));
    }
    let creates = settings.table_creation_configuration.as_ref().is_some_and(|creation| creation.enabled);
    let warehouse = settings.catalog_configuration.warehouse_location.clone().unwrap_or_default();
    if creates && warehouse.is_empty() {
        return Err(error::invalid_argument_exception(
            "CatalogConfiguration.WarehouseLocation must be specified when TableCreationConfiguration is enabled.",
        ));
    }
    if !warehouse.is_empty() && lake::location::parse(&warehouse).is_err() {
        return Err(error::invalid_argument_exception(format!(
            "CatalogConfiguration.WarehouseLocation {warehouse} must be of the form s3://bucket/prefix."
        )));
    }
    let append_only = settings.append_only.unwrap_or(false);
    if append_only && tables.iter().any(|table| !table.unique_keys.is_empty()) {
        return Err(error::invalid_argument_exception("UniqueKeys have no meaning when AppendOnly is true."));
    }
    Ok(IcebergEncode {
        scope: ctx.scope.clone(),
        tables,
        append_only,
        evolve: settings.schema_evolution_configuration.as_ref().is_some_and(|evolution| evolution.enabled),
        warehouse: creates.then_some(warehouse),
        routed,
        json: lake::json::JsonOptions::default(),
        parquet: lake::parquet::ParquetSettings::default(),
    })
}

fn target(table: &DestinationTableConfiguration) -> IcebergTarget {
    let fields = table.partition_spec.iter().flat_map(|spec| spec.identity.iter().flatten());
    IcebergTarget {
        database: table.destination_database_name.clone(),
        table: table.destination_table_name.clone(),
        unique_keys: table.unique_keys.clone().unwrap_or_default(),
        partition_by: fields.map(|field| field.source_name.clone()).collect(),
    }
}

pub(crate) fn describe(settings: &IcebergDestinationConfiguration) -> IcebergDestinationDescription {
    let settings = settings.clone();
    let (mib, seconds) = hints(&settings).filled();
    let retry = RetryOptions { duration_in_seconds: Some(ENDPOINT_RETRY_SECONDS_DEFAULT) };
    IcebergDestinationDescription {
        destination_table_configuration_list: settings.destination_table_configuration_list,
        schema_evolution_configuration: settings.schema_evolution_configuration,
        table_creation_configuration: settings.table_creation_configuration,
        buffering_hints: Some(BufferingHints { size_in_mbs: Some(mib), interval_in_seconds: Some(seconds) }),
        cloud_watch_logging_options: Some(logging(settings.cloud_watch_logging_options)),
        processing_configuration: settings.processing_configuration,
        s3_backup_mode: Some(settings.s3_backup_mode.unwrap_or(IcebergS3BackupMode::FailedDataOnly)),
        retry_options: Some(settings.retry_options.unwrap_or(retry)),
        role_arn: Some(settings.role_arn),
        append_only: Some(settings.append_only.unwrap_or(false)),
        catalog_configuration: Some(settings.catalog_configuration),
        s3_destination_description: Some(describe_simple(settings.s3_configuration)),
    }
}

fn hints(settings: &IcebergDestinationConfiguration) -> Hints {
    let given = settings.buffering_hints.clone().unwrap_or_default();
    let default = (BUFFER_MIB_DEFAULT, INTERVAL_SECONDS_DEFAULT);
    Hints { given: (given.size_in_mbs, given.interval_in_seconds), default }
}
