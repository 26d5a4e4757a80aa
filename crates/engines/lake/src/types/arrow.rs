use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

use super::{HiveType, TypeError, parse};
use crate::model::Column;

/// The key in an Arrow field's metadata under which a length that Arrow cannot express is kept:
/// `varchar(10)`, `char(3)`.
pub const HIVE_TYPE: &str = "hive.type";

/// The Arrow schema of columns, in their order, every one nullable.
pub fn schema(columns: &[Column]) -> Result<SchemaRef, TypeError> {
    let field_of = |column: &Column| {
        let parsed = parse(&column.type_)
            .map_err(|source| TypeError::Column { column: column.name.clone(), source: Box::new(source) })?;
        Ok(field(&column.name, &parsed))
    };
    let fields: Vec<FieldRef> = columns.iter().map(field_of).collect::<Result<_, _>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

/// A nullable field of this type, with [`HIVE_TYPE`] where it says more than Arrow.
pub fn field(name: &str, type_: &HiveType) -> FieldRef {
    let field = Field::new(name, type_.to_arrow(), true);
    Arc::new(match type_ {
        HiveType::Varchar(_) | HiveType::Char(_) => {
            field.with_metadata([(HIVE_TYPE.to_owned(), type_.to_string())].into())
        }
        _ => field,
    })
}

impl HiveType {
    pub fn to_arrow(&self) -> DataType {
        match self {
            HiveType::Boolean => DataType::Boolean,
            HiveType::TinyInt => DataType::Int8,
            HiveType::SmallInt => DataType::Int16,
            HiveType::Int => DataType::Int32,
            HiveType::BigInt => DataType::Int64,
            HiveType::Float => DataType::Float32,
            HiveType::Double => DataType::Float64,
            HiveType::Decimal { precision, scale } => {
                DataType::Decimal128(*precision, i8::try_from(*scale).expect("a scale is at most 38"))
            }
            HiveType::String | HiveType::Varchar(_) | HiveType::Char(_) => DataType::Utf8,
            HiveType::Binary => DataType::Binary,
            HiveType::Date => DataType::Date32,
            HiveType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            HiveType::Array(element) => DataType::List(field("element", element)),
            HiveType::Map(key, value) => {
                let key = Arc::new(field("key", key).as_ref().clone().with_nullable(false));
                let entries = DataType::Struct(vec![key, field("value", value)].into());
                DataType::Map(Arc::new(Field::new("key_value", entries, false)), false)
            }
            HiveType::Struct(fields) => {
                DataType::Struct(fields.iter().map(|(name, type_)| field(name, type_)).collect())
            }
        }
    }
}

/// The Hive type that holds every value of an Arrow type, as a table created from a query needs it.
pub fn from_arrow(arrow: &DataType) -> Result<HiveType, TypeError> {
    Ok(match arrow {
        DataType::Boolean => HiveType::Boolean,
        DataType::Int8 => HiveType::TinyInt,
        DataType::Int16 | DataType::UInt8 => HiveType::SmallInt,
        DataType::Int32 | DataType::UInt16 => HiveType::Int,
        DataType::Int64 | DataType::UInt32 => HiveType::BigInt,
        DataType::UInt64 => HiveType::Decimal { precision: 20, scale: 0 },
        DataType::Float16 | DataType::Float32 => HiveType::Float,
        DataType::Float64 => HiveType::Double,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => match u8::try_from(*scale) {
            Ok(scale) if *precision <= 38 && scale <= *precision => {
                HiveType::Decimal { precision: *precision, scale }
            }
            _ => return Err(TypeError::Unsupported(arrow.to_string())),
        },
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => HiveType::String,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            HiveType::Binary
        }
        DataType::Date32 | DataType::Date64 => HiveType::Date,
        DataType::Timestamp(..) => HiveType::Timestamp,
        DataType::Dictionary(_, value) => from_arrow(value)?,
        DataType::RunEndEncoded(_, value) => from_arrow(value.data_type())?,
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => HiveType::Array(Box::new(from_arrow(element.data_type())?)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => HiveType::Map(
                Box::new(from_arrow(fields[0].data_type())?),
                Box::new(from_arrow(fields[1].data_type())?),
            ),
            _ => return Err(TypeError::Unsupported(arrow.to_string())),
        },
        DataType::Struct(fields) => HiveType::Struct(
            fields
                .iter()
                .map(|field| Ok((field.name().clone(), from_arrow(field.data_type())?)))
                .collect::<Result<_, TypeError>>()?,
        ),
        DataType::Null
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Duration(_)
        | DataType::Interval(_)
        | DataType::Union(..) => return Err(TypeError::Unsupported(arrow.to_string())),
    })
}
