//! Iceberg's types beside Hive's and Arrow's.

use std::sync::Arc;

use ::iceberg::arrow::{arrow_schema_to_schema_auto_assign_ids, schema_to_arrow_schema};
use ::iceberg::spec::{NestedField, PrimitiveType, Schema, TableMetadata, Transform, Type};
use arrow::datatypes::{DataType, Field, FieldRef, Schema as ArrowSchema, SchemaRef};

use super::IcebergError;
use crate::model::Column;
use crate::types::{self, HiveType};

/// The field id in the parameters of a catalog column, as Spark and Athena write it.
const FIELD_ID: &str = "iceberg.field.id";
const FIELD_OPTIONAL: &str = "iceberg.field.optional";
const FIELD_CURRENT: &str = "iceberg.field.current";

/// The schema of a new table with these columns, every one optional, with ids from 1. Small integers
/// become `int`, strings of a length become `string`.
pub fn from_columns(columns: &[Column]) -> Result<Schema, IcebergError> {
    let arrow = types::schema(columns)?;
    let schema = arrow_schema_to_schema_auto_assign_ids(&arrow)?;
    let fields = schema.as_struct().fields().iter().zip(columns).map(|(field, column)| {
        match column.comment.clone().filter(|text| !text.is_empty()) {
            Some(comment) => Arc::new(field.as_ref().clone().with_doc(comment)),
            None => Arc::clone(field),
        }
    });
    Ok(Schema::builder().with_fields(fields.collect::<Vec<_>>()).build()?)
}

/// The Arrow schema that rows of the table are written with: iceberg's field ids are in the fields'
/// metadata, and every type is one that [`crate::json`] decodes and [`crate::parquet`] encodes.
pub fn to_arrow(schema: &Schema) -> Result<SchemaRef, IcebergError> {
    let arrow = schema_to_arrow_schema(schema)?;
    let fields: Vec<FieldRef> = arrow.fields().iter().map(narrow_field).collect();
    Ok(Arc::new(ArrowSchema::new(fields)))
}

/// As iceberg's own, with 32-bit offsets for binary values.
fn narrow_field(field: &FieldRef) -> FieldRef {
    Arc::new(
        Field::new(field.name(), narrow(field.data_type()), field.is_nullable())
            .with_metadata(field.metadata().clone()),
    )
}

fn narrow(type_: &DataType) -> DataType {
    match type_ {
        DataType::LargeBinary => DataType::Binary,
        DataType::List(element) => DataType::List(narrow_field(element)),
        DataType::Map(entries, sorted) => DataType::Map(narrow_field(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(narrow_field).collect()),
        other => other.clone(),
    }
}

/// The catalog's columns for the table's current schema, as other engines write them for Hive readers.
pub(super) fn catalog_columns(metadata: &TableMetadata) -> Vec<Column> {
    let fields = metadata.current_schema().as_struct().fields();
    fields.iter().map(|field| catalog_column(field)).collect()
}

fn catalog_column(field: &NestedField) -> Column {
    let mut column = Column::new(field.name.clone(), hive_type(&field.field_type).to_string());
    column.comment.clone_from(&field.doc);
    column.parameters = [
        (FIELD_ID.to_owned(), field.id.to_string()),
        (FIELD_OPTIONAL.to_owned(), (!field.required).to_string()),
        (FIELD_CURRENT.to_owned(), "true".to_owned()),
    ]
    .into();
    column
}

/// What the type is called in the catalog. Types that Hive does not have are the nearest it has.
pub fn hive_type(type_: &Type) -> HiveType {
    match type_ {
        Type::Primitive(primitive) => match primitive {
            PrimitiveType::Boolean => HiveType::Boolean,
            PrimitiveType::Int => HiveType::Int,
            PrimitiveType::Long => HiveType::BigInt,
            PrimitiveType::Float => HiveType::Float,
            PrimitiveType::Double => HiveType::Double,
            PrimitiveType::Decimal { precision, scale } => HiveType::Decimal {
                precision: u8::try_from(*precision).unwrap_or(u8::MAX),
                scale: u8::try_from(*scale).unwrap_or(u8::MAX),
            },
            PrimitiveType::Date => HiveType::Date,
            PrimitiveType::Timestamp
            | PrimitiveType::Timestamptz
            | PrimitiveType::TimestampNs
            | PrimitiveType::TimestamptzNs => HiveType::Timestamp,
            PrimitiveType::Time | PrimitiveType::String | PrimitiveType::Uuid => HiveType::String,
            PrimitiveType::Fixed(_) | PrimitiveType::Binary => HiveType::Binary,
        },
        Type::Struct(fields) => HiveType::Struct(
            fields.fields().iter().map(|field| (field.name.clone(), hive_type(&field.field_type))).collect(),
        ),
        Type::List(list) => HiveType::Array(Box::new(hive_type(&list.element_field.field_type))),
        Type::Map(map) => HiveType::Map(
            Box::new(hive_type(&map.key_field.field_type)),
            Box::new(hive_type(&map.value_field.field_type)),
        ),
    }
}

/// One field of a partition spec: a column and what is made of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionBy {
    pub column: String,
    pub transform: Transform,
}

impl PartitionBy {
    pub fn identity(column: impl Into<String>) -> PartitionBy {
        PartitionBy { column: column.into(), transform: Transform::Identity }
    }

    /// Reads `column`, `day(column)`, `bucket(16, column)`, `truncate(column, 10)`: the spellings of Athena
    /// and Spark. Plural units (`days`) are the same.
    pub fn parse(text: &str) -> Result<PartitionBy, IcebergError> {
        let invalid = || IcebergError::Invalid(format!("'{text}' is not a partition transform"));
        let text = text.trim();
        let Some((name, rest)) = text.split_once('(') else {
            return Ok(PartitionBy::identity(unquoted(text)));
        };
        let inner = rest.trim_end().strip_suffix(')').ok_or_else(invalid)?;
        let (first, second) = match inner.split_once(',') {
            Some((first, second)) => (first.trim(), Some(second.trim())),
            None => (inner.trim(), None),
        };
        let name = name.trim().to_ascii_lowercase();
        let (column, transform) = match (name.as_str(), second) {
            ("year" | "years", None) => (first, Transform::Year),
            ("month" | "months", None) => (first, Transform::Month),
            ("day" | "days" | "date", None) => (first, Transform::Day),
            ("hour" | "hours" | "date_hour", None) => (first, Transform::Hour),
            ("identity", None) => (first, Transform::Identity),
            ("bucket" | "truncate", Some(second)) => {
                let (number, column) = match (first.parse::<u32>(), second.parse::<u32>()) {
                    (Ok(number), Err(_)) => (number, second),
                    (Err(_), Ok(number)) => (number, first),
                    _ => return Err(invalid()),
                };
                if number == 0 {
                    return Err(invalid());
                }
                let transform =
                    if name == "bucket" { Transform::Bucket(number) } else { Transform::Truncate(number) };
                (column, transform)
            }
            _ => return Err(invalid()),
        };
        Ok(PartitionBy { column: unquoted(column), transform })
    }

    /// What the partition field is called, as Spark and Athena name it.
    pub(super) fn field_name(&self) -> String {
        let column = &self.column;
        match self.transform {
            Transform::Bucket(_) => format!("{column}_bucket"),
            Transform::Truncate(_) => format!("{column}_trunc"),
            Transform::Year => format!("{column}_year"),
            Transform::Month => format!("{column}_month"),
            Transform::Day => format!("{column}_day"),
            Transform::Hour => format!("{column}_hour"),
            Transform::Identity | Transform::Void | Transform::Unknown => column.clone(),
        }
    }
}

fn unquoted(name: &str) -> String {
    let name = name.trim();
    let quoted = |quote| name.strip_prefix(quote).and_then(|name| name.strip_suffix(quote));
    quoted('`').or_else(|| quoted('"')).unwrap_or(name).to_owned()
}
