//! Format conversion: settings of the API as the engine's.

use std::collections::BTreeMap;

use aws::{ApiError, Context};
use flow::{Encode, ErrorShape, ErrorValue, ParquetEncode, TableVersion};
use lake::CatalogError;
use lake::json::{Decoder, JsonOptions};
use lake::orc::OrcSettings;
use lake::parquet::{Compression, ParquetSettings};
use names::{Region, Scope};
use serde_json::json;

use crate::Firehose;
use crate::model::{
    DataFormatConversionConfiguration, Deserializer, HiveJsonSerDe, OpenXJsonSerDe, OrcCompression,
    OrcFormatVersion, OrcSerDe, ParquetCompression, ParquetSerDe, ParquetWriterVersion, SchemaConfiguration,
    error,
};

const LATEST: &str = "LATEST";

/// Whether records are to be converted.
pub(crate) fn enabled(conversion: Option<&DataFormatConversionConfiguration>) -> bool {
    conversion.is_some_and(|conversion| conversion.enabled.unwrap_or(true))
}

/// What an enabled conversion asks for, and the shape of its error lines.
pub(crate) fn requested(
    ctx: &Context,
    conversion: &DataFormatConversionConfiguration,
) -> Result<(ParquetEncode, ErrorShape), ApiError> {
    let missing = |field: &str| {
        error::invalid_argument_exception(format!(
            "{field} must be specified when data format conversion is enabled."
        ))
    };
    let schema = conversion.schema_configuration.as_ref().ok_or_else(|| missing("SchemaConfiguration"))?;
    schema.role_arn.as_ref().ok_or_else(|| missing("SchemaConfiguration.RoleARN"))?;
    let database = schema.database_name.clone().ok_or_else(|| missing("SchemaConfiguration.DatabaseName"))?;
    let table = schema.table_name.clone().ok_or_else(|| missing("SchemaConfiguration.TableName"))?;
    let scope = catalog_scope(ctx, schema)?;
    let deserializer = conversion
        .input_format_configuration
        .as_ref()
        .and_then(|input| input.deserializer.as_ref())
        .ok_or_else(|| missing("InputFormatConfiguration.Deserializer"))?;
    let serializer = conversion
        .output_format_configuration
        .as_ref()
        .and_then(|output| output.serializer.as_ref())
        .ok_or_else(|| missing("OutputFormatConfiguration.Serializer"))?;
    let (parquet, orc) = match (&serializer.parquet_ser_de, &serializer.orc_ser_de) {
        (Some(parquet), None) => (parquet_settings(parquet), None),
        (None, Some(orc)) => (ParquetSettings::default(), Some(orc_settings(orc)?)),
        _ => {
            return Err(error::invalid_argument_exception(
                "Exactly one serializer must be specified: ParquetSerDe or OrcSerDe.",
            ));
        }
    };
    let errors = error_shape(&scope, schema);
    let version = table_version(schema)?;
    let encode =
        ParquetEncode { scope, database, table, version, json: json_options(deserializer)?, parquet, orc };
    Ok((encode, errors))
}

impl Firehose {
    /// The table exists, and its columns are ones that records can be converted to.
    pub(crate) async fn check_schema(&self, encode: &ParquetEncode) -> Result<(), ApiError> {
        let ParquetEncode { scope, database, table, version, json, .. } = encode;
        let catalog = self.lake.catalog();
        let found = match version {
            TableVersion::Latest => catalog.table(scope, database, table).await,
            TableVersion::Fixed(version) => catalog.table_version(scope, database, table, *version).await,
        };
        let found = found.map_err(catalog_error)?;
        let unusable = |reason: String| {
            error::invalid_argument_exception(format!(
                "The schema of table {database}.{table} cannot be used: {reason}."
            ))
        };
        if found.columns.is_empty() {
            return Err(unusable("it has no columns".to_owned()));
        }
        let schema = lake::types::schema(&found.columns).map_err(|failure| unusable(failure.to_string()))?;
        Decoder::new(schema, json.clone()).map_err(|failure| unusable(failure.to_string()))?;
        Ok(())
    }
}

fn catalog_error(failure: CatalogError) -> ApiError {
    match failure {
        CatalogError::NoSuchDatabase(_)
        | CatalogError::NoSuchTable { .. }
        | CatalogError::NoSuchVersion { .. }
        | CatalogError::Invalid { .. } => {
            error::invalid_argument_exception(format!("The schema is not found: {failure}."))
        }
        CatalogError::Meta(failure) => crate::error::meta_error(failure),
        CatalogError::NoSuchPartition { .. }
        | CatalogError::DatabaseExists(_)
        | CatalogError::TableExists { .. }
        | CatalogError::PartitionExists { .. }
        | CatalogError::VersionConflict { .. }
        | CatalogError::DatabaseBusy(_)
        | CatalogError::CurrentVersion { .. } => ApiError::internal(failure),
    }
}

/// Tables of other accounts need policies that do not exist yet.
fn catalog_scope(ctx: &Context, schema: &SchemaConfiguration) -> Result<Scope, ApiError> {
    if let Some(catalog) = schema.catalog_id.as_deref().filter(|id| *id != ctx.scope.account.as_str()) {
        return Err(error::invalid_argument_exception(format!(
            "SchemaConfiguration.CatalogId {catalog} belongs to another account."
        )));
    }
    let region = match schema.region.as_deref() {
        None => ctx.scope.region.clone(),
        Some(region) => Region::new(region).map_err(|_| {
            error::invalid_argument_exception(format!("SchemaConfiguration.Region {region} is invalid."))
        })?,
    };
    Ok(Scope::new(ctx.scope.account.clone(), region))
}

fn table_version(schema: &SchemaConfiguration) -> Result<TableVersion, ApiError> {
    match schema.version_id.as_deref() {
        None | Some(LATEST) => Ok(TableVersion::Latest),
        Some(version) => version.parse().map(TableVersion::Fixed).map_err(|_| {
            error::invalid_argument_exception(format!(
                "SchemaConfiguration.VersionId {version} is neither {LATEST} nor a number."
            ))
        }),
    }
}

fn json_options(deserializer: &Deserializer) -> Result<JsonOptions, ApiError> {
    match (&deserializer.open_x_json_ser_de, &deserializer.hive_json_ser_de) {
        (Some(open_x), None) => {
            let OpenXJsonSerDe {
                convert_dots_in_json_keys_to_underscores,
                case_insensitive,
                column_to_json_key_mappings,
            } = open_x.clone();
            Ok(JsonOptions {
                case_insensitive: case_insensitive.unwrap_or(true),
                dots_to_underscores: convert_dots_in_json_keys_to_underscores.unwrap_or(false),
                column_to_key: column_to_json_key_mappings.unwrap_or_default(),
                ..JsonOptions::open_x(&BTreeMap::new())
            })
        }
        (None, Some(HiveJsonSerDe { timestamp_formats })) => Ok(JsonOptions {
            timestamp_formats: timestamp_formats.clone().unwrap_or_default(),
            ..JsonOptions::hive(&BTreeMap::new())
        }),
        _ => Err(error::invalid_argument_exception(
            "Exactly one deserializer must be specified: OpenXJsonSerDe or HiveJsonSerDe.",
        )),
    }
}

fn parquet_settings(parquet: &ParquetSerDe) -> ParquetSettings {
    let defaults = ParquetSettings::default();
    let bytes = |given: Option<i32>, default: usize| {
        given.and_then(|given| usize::try_from(given).ok()).unwrap_or(default)
    };
    ParquetSettings {
        compression: match parquet.compression.unwrap_or(ParquetCompression::Snappy) {
            ParquetCompression::Uncompressed => Compression::Uncompressed,
            ParquetCompression::Gzip => Compression::Gzip,
            ParquetCompression::Snappy => Compression::Snappy,
        },
        row_group_bytes: bytes(parquet.block_size_bytes, defaults.row_group_bytes),
        page_bytes: bytes(parquet.page_size_bytes, defaults.page_bytes),
        dictionary: parquet.enable_dictionary_compression.unwrap_or(defaults.dictionary),
        version_2: parquet.writer_version == Some(ParquetWriterVersion::V2),
        ..defaults
    }
}

fn orc_settings(orc: &OrcSerDe) -> Result<OrcSettings, ApiError> {
    if orc.format_version == Some(OrcFormatVersion::V011) {
        return Err(error::invalid_argument_exception(
            "OrcSerDe.FormatVersion V0_11 is not supported by Mulgil: files are of V0_12.",
        ));
    }
    let defaults = OrcSettings::default();
    Ok(OrcSettings {
        compression: match orc.compression.unwrap_or(OrcCompression::Snappy) {
            OrcCompression::None => lake::orc::Compression::Uncompressed,
            OrcCompression::Zlib => lake::orc::Compression::Zlib,
            OrcCompression::Snappy => lake::orc::Compression::Snappy,
        },
        stripe_bytes: orc
            .stripe_size_bytes
            .and_then(|given| usize::try_from(given).ok())
            .unwrap_or(defaults.stripe_bytes),
    })
}

pub(crate) fn encode(parquet: ParquetEncode) -> Encode {
    Encode::Parquet(Box::new(parquet))
}

/// What the public service documents for records that fail format conversion.
fn error_shape(scope: &Scope, schema: &SchemaConfiguration) -> ErrorShape {
    let table = json!({
        "catalogId": scope.account.as_str(),
        "databaseName": schema.database_name,
        "tableName": schema.table_name,
        "region": scope.region.as_str(),
        "versionId": schema.version_id.as_deref().unwrap_or(LATEST),
    });
    ErrorShape::new([
        ("attemptsMade", ErrorValue::Constant(json!(1))),
        ("arrivalTimestamp", ErrorValue::Arrival),
        ("lastErrorCode", crate::failures::conversion_code()),
        ("lastErrorMessage", ErrorValue::Reason),
        ("attemptEndingTimestamp", ErrorValue::Attempted),
        ("rawData", ErrorValue::Data),
        ("sequenceNumber", ErrorValue::Position),
        ("subSequenceNumber", ErrorValue::Constant(json!(null))),
        ("dataCatalogTable", ErrorValue::Constant(table)),
    ])
}
