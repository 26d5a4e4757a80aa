//! What an Iceberg table knows of itself, as tables: `"t$snapshots"` and its kin.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, MapBuilder, MapFieldNames, RecordBatch, StringBuilder, new_empty_array};
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::common::scalar::ScalarStructBuilder;
use datafusion::error::Result;
use iceberg::spec::{
    DataFile, ManifestFile, PartitionSpec, PrimitiveLiteral, PrimitiveType, Struct, TableMetadata, Type,
};
use iceberg::table::Table;
use lake::iceberg::references;

use crate::error::QueryError;
use crate::types;

/// The names after the `$`.
pub(crate) const NAMES: [&str; 7] =
    ["snapshots", "history", "refs", "properties", "manifests", "files", "partitions"];

/// The rows of `"t$name"`; those about files are about the given snapshot.
pub(crate) async fn table(
    table: &Table,
    name: &str,
    snapshot: Option<i64>,
) -> std::result::Result<RecordBatch, QueryError> {
    let metadata = table.metadata();
    let rows = match name {
        "snapshots" => snapshots(metadata),
        "history" => history(metadata),
        "refs" => refs(metadata),
        "properties" => properties(metadata),
        "manifests" => manifests(&manifest_files(table, snapshot).await?),
        "files" => files(&data_files(table, snapshot).await?),
        _ => partitions(metadata, &data_files(table, snapshot).await?),
    };
    rows.and_then(Rows::batch).map_err(QueryError::internal)
}

struct Rows {
    columns: Vec<(&'static str, DataType)>,
    rows: Vec<Vec<ScalarValue>>,
}

impl Rows {
    fn batch(self) -> Result<RecordBatch> {
        let fields: Vec<_> =
            self.columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect();
        let column = |index: usize| -> Result<ArrayRef> {
            if self.rows.is_empty() {
                return Ok(new_empty_array(fields[index].data_type()));
            }
            ScalarValue::iter_to_array(self.rows.iter().map(|row| row[index].clone()))
        };
        let arrays = (0..fields.len()).map(column).collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields.clone())), arrays)?)
    }
}

fn text(text: impl Into<String>) -> ScalarValue {
    ScalarValue::Utf8(Some(text.into()))
}

fn long(value: impl TryInto<i64>) -> ScalarValue {
    ScalarValue::Int64(Some(value.try_into().unwrap_or(i64::MAX)))
}

fn int(value: impl TryInto<i32>) -> ScalarValue {
    ScalarValue::Int32(Some(value.try_into().unwrap_or(i32::MAX)))
}

fn moment(millis: i64) -> ScalarValue {
    ScalarValue::TimestampMillisecond(Some(millis), Some("UTC".into()))
}

fn moment_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

fn texts_type() -> DataType {
    types::map(DataType::Utf8, DataType::Utf8)
}

fn texts<'a>(entries: impl Iterator<Item = (&'a String, &'a String)>) -> Result<ScalarValue> {
    let names = MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
    let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for (key, value) in entries.collect::<BTreeMap<_, _>>() {
        builder.keys().append_value(key);
        builder.values().append_value(value);
    }
    builder.append(true)?;
    ScalarValue::try_from_array(&builder.finish(), 0)
}

fn snapshots(metadata: &TableMetadata) -> Result<Rows> {
    let columns = vec![
        ("committed_at", moment_type()),
        ("snapshot_id", DataType::Int64),
        ("parent_id", DataType::Int64),
        ("operation", DataType::Utf8),
        ("manifest_list", DataType::Utf8),
        ("summary", texts_type()),
    ];
    let mut all: Vec<_> = metadata.snapshots().collect();
    all.sort_by_key(|snapshot| (snapshot.timestamp_ms(), snapshot.sequence_number()));
    let rows = all.into_iter().map(|snapshot| {
        Ok(vec![
            moment(snapshot.timestamp_ms()),
            long(snapshot.snapshot_id()),
            ScalarValue::Int64(snapshot.parent_snapshot_id()),
            text(snapshot.summary().operation.as_str()),
            text(snapshot.manifest_list()),
            texts(snapshot.summary().additional_properties.iter())?,
        ])
    });
    Ok(Rows { columns, rows: rows.collect::<Result<_>>()? })
}

fn history(metadata: &TableMetadata) -> Result<Rows> {
    let columns = vec![
        ("made_current_at", moment_type()),
        ("snapshot_id", DataType::Int64),
        ("parent_id", DataType::Int64),
        ("is_current_ancestor", DataType::Boolean),
    ];
    let mut ancestors = HashSet::new();
    let mut at = metadata.current_snapshot();
    while let Some(snapshot) = at {
        ancestors.insert(snapshot.snapshot_id());
        at = snapshot.parent_snapshot_id().and_then(|parent| metadata.snapshot_by_id(parent));
    }
    let rows = metadata.history().iter().map(|entry| {
        let snapshot = metadata.snapshot_by_id(entry.snapshot_id);
        vec![
            moment(entry.timestamp_ms()),
            long(entry.snapshot_id),
            ScalarValue::Int64(snapshot.and_then(|snapshot| snapshot.parent_snapshot_id())),
            ScalarValue::Boolean(Some(ancestors.contains(&entry.snapshot_id))),
        ]
    });
    Ok(Rows { columns, rows: rows.collect() })
}

fn refs(metadata: &TableMetadata) -> Result<Rows> {
    let columns = vec![
        ("name", DataType::Utf8),
        ("type", DataType::Utf8),
        ("snapshot_id", DataType::Int64),
        ("max_reference_age_in_ms", DataType::Int64),
        ("min_snapshots_to_keep", DataType::Int32),
        ("max_snapshot_age_in_ms", DataType::Int64),
    ];
    let named = references(metadata).map_err(super::unplanned)?;
    let rows = named.into_iter().map(|(name, reference)| {
        let (kind, keep, age, ref_age) = match &reference.retention {
            iceberg::spec::SnapshotRetention::Branch {
                min_snapshots_to_keep,
                max_snapshot_age_ms,
                max_ref_age_ms,
            } => ("BRANCH", *min_snapshots_to_keep, *max_snapshot_age_ms, *max_ref_age_ms),
            iceberg::spec::SnapshotRetention::Tag { max_ref_age_ms } => ("TAG", None, None, *max_ref_age_ms),
        };
        vec![
            text(name),
            text(kind),
            long(reference.snapshot_id),
            ScalarValue::Int64(ref_age),
            ScalarValue::Int32(keep),
            ScalarValue::Int64(age),
        ]
    });
    Ok(Rows { columns, rows: rows.collect() })
}

fn properties(metadata: &TableMetadata) -> Result<Rows> {
    let columns = vec![("key", DataType::Utf8), ("value", DataType::Utf8)];
    let sorted: BTreeMap<_, _> = metadata.properties().iter().collect();
    let rows = sorted.into_iter().map(|(key, value)| vec![text(key), text(value)]);
    Ok(Rows { columns, rows: rows.collect() })
}

fn manifests(manifests: &[ManifestFile]) -> Result<Rows> {
    let columns = vec![
        ("path", DataType::Utf8),
        ("length", DataType::Int64),
        ("partition_spec_id", DataType::Int32),
        ("added_snapshot_id", DataType::Int64),
        ("added_data_files_count", DataType::Int32),
        ("added_rows_count", DataType::Int64),
        ("existing_data_files_count", DataType::Int32),
        ("existing_rows_count", DataType::Int64),
        ("deleted_data_files_count", DataType::Int32),
        ("deleted_rows_count", DataType::Int64),
    ];
    let files = |count: Option<u32>| ScalarValue::Int32(count.and_then(|count| i32::try_from(count).ok()));
    let rows_of = |count: Option<u64>| ScalarValue::Int64(count.and_then(|count| i64::try_from(count).ok()));
    let rows = manifests.iter().map(|manifest| {
        vec![
            text(&manifest.manifest_path),
            long(manifest.manifest_length),
            int(manifest.partition_spec_id),
            long(manifest.added_snapshot_id),
            files(manifest.added_files_count),
            rows_of(manifest.added_rows_count),
            files(manifest.existing_files_count),
            rows_of(manifest.existing_rows_count),
            files(manifest.deleted_files_count),
            rows_of(manifest.deleted_rows_count),
        ]
    });
    Ok(Rows { columns, rows: rows.collect() })
}

fn files(files: &[(i32, DataFile)]) -> Result<Rows> {
    let columns = vec![
        ("content", DataType::Int32),
        ("file_path", DataType::Utf8),
        ("file_format", DataType::Utf8),
        ("spec_id", DataType::Int32),
        ("record_count", DataType::Int64),
        ("file_size_in_bytes", DataType::Int64),
    ];
    let rows = files.iter().map(|(spec, file)| {
        vec![
            int(file.content_type() as i32),
            text(file.file_path()),
            text(file.file_format().to_string().to_uppercase()),
            int(*spec),
            long(file.record_count()),
            long(file.file_size_in_bytes()),
        ]
    });
    Ok(Rows { columns, rows: rows.collect() })
}

/// Data files only, by the values they are partitioned by.
fn partitions(metadata: &TableMetadata, files: &[(i32, DataFile)]) -> Result<Rows> {
    let spec = metadata.default_partition_spec();
    let fields = partition_fields(metadata, spec)?;
    let mut sums: BTreeMap<String, (ScalarValue, [u64; 3])> = BTreeMap::new();
    for (_, file) in files.iter().filter(|(id, file)| {
        *id == spec.spec_id() && file.content_type() == iceberg::spec::DataContentType::Data
    }) {
        let value = partition_value(metadata, spec, &fields, file.partition())?;
        let sum = sums.entry(format!("{:?}", file.partition())).or_insert((value, [0; 3]));
        let [records, count, bytes] = &mut sum.1;
        *records += file.record_count();
        *count += 1;
        *bytes += file.file_size_in_bytes();
    }
    let mut columns = vec![
        ("record_count", DataType::Int64),
        ("file_count", DataType::Int64),
        ("total_size", DataType::Int64),
    ];
    let partitioned = !fields.is_empty();
    if partitioned {
        columns.insert(0, ("partition", DataType::Struct(fields)));
    }
    let rows = sums.into_values().map(|(value, sums)| {
        let key = partitioned.then_some(value);
        key.into_iter().chain(sums.into_iter().map(long)).collect()
    });
    Ok(Rows { columns, rows: rows.collect() })
}

fn partition_fields(metadata: &TableMetadata, spec: &PartitionSpec) -> Result<Fields> {
    let failed = |error: iceberg::Error| datafusion::error::DataFusionError::External(Box::new(error));
    let typed = spec.partition_type(metadata.current_schema()).map_err(failed)?;
    let fields = typed.fields().iter().map(|field| {
        let kind = iceberg::arrow::type_to_arrow_type(&field.field_type).map_err(failed)?;
        Ok(Field::new(field.name.to_lowercase(), types::of_iceberg(&kind), true))
    });
    Ok(fields.collect::<Result<Vec<_>>>()?.into())
}

fn partition_value(
    metadata: &TableMetadata,
    spec: &PartitionSpec,
    fields: &Fields,
    values: &Struct,
) -> Result<ScalarValue> {
    if fields.is_empty() {
        return Ok(ScalarValue::Null);
    }
    let failed = |error: iceberg::Error| datafusion::error::DataFusionError::External(Box::new(error));
    let typed = spec.partition_type(metadata.current_schema()).map_err(failed)?;
    let mut row = ScalarStructBuilder::new();
    for ((field, typed), value) in fields.iter().zip(typed.fields()).zip(values.iter()) {
        let literal = value.and_then(|literal| literal.as_primitive_literal());
        let scalar = match (literal, typed.field_type.as_ref()) {
            (Some(literal), Type::Primitive(kind)) => scalar(literal, kind).cast_to(field.data_type())?,
            _ => ScalarValue::try_from(field.data_type())?,
        };
        row = row.with_scalar(Arc::clone(field), scalar);
    }
    row.build()
}

fn scalar(literal: PrimitiveLiteral, kind: &PrimitiveType) -> ScalarValue {
    match literal {
        PrimitiveLiteral::Boolean(value) => ScalarValue::Boolean(Some(value)),
        PrimitiveLiteral::Int(value) => ScalarValue::Int32(Some(value)),
        PrimitiveLiteral::Long(value) => ScalarValue::Int64(Some(value)),
        PrimitiveLiteral::Float(value) => ScalarValue::Float32(Some(value.into_inner())),
        PrimitiveLiteral::Double(value) => ScalarValue::Float64(Some(value.into_inner())),
        PrimitiveLiteral::String(value) => ScalarValue::Utf8(Some(value)),
        PrimitiveLiteral::Binary(value) => ScalarValue::Binary(Some(value)),
        PrimitiveLiteral::Int128(value) => match kind {
            PrimitiveType::Decimal { precision, scale } => ScalarValue::Decimal128(
                Some(value),
                u8::try_from(*precision).unwrap_or(38),
                i8::try_from(*scale).unwrap_or(0),
            ),
            _ => ScalarValue::Null,
        },
        PrimitiveLiteral::UInt128(value) => ScalarValue::Binary(Some(value.to_be_bytes().to_vec())),
        PrimitiveLiteral::AboveMax | PrimitiveLiteral::BelowMin => ScalarValue::Null,
    }
}

async fn manifest_files(
    table: &Table,
    snapshot: Option<i64>,
) -> std::result::Result<Vec<ManifestFile>, QueryError> {
    let metadata = table.metadata();
    let snapshot = match snapshot {
        Some(id) => metadata.snapshot_by_id(id),
        None => metadata.current_snapshot(),
    };
    let Some(snapshot) = snapshot else { return Ok(Vec::new()) };
    let list = table.manifest_list_reader(snapshot).load().await.map_err(QueryError::internal)?;
    Ok(list.entries().to_vec())
}

/// The live files of a snapshot with their partition specs.
async fn data_files(
    table: &Table,
    snapshot: Option<i64>,
) -> std::result::Result<Vec<(i32, DataFile)>, QueryError> {
    let mut files = Vec::new();
    for manifest in manifest_files(table, snapshot).await? {
        let loaded = manifest.load_manifest(table.file_io()).await.map_err(QueryError::internal)?;
        let alive = loaded.entries().iter().filter(|entry| entry.is_alive());
        files.extend(alive.map(|entry| (manifest.partition_spec_id, entry.data_file().clone())));
    }
    Ok(files)
}
