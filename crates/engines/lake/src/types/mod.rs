//! Hive's types: their text in the catalog, and what they are in Arrow.
//!
//! | Hive | Arrow | why |
//! |---|---|---|
//! | `tinyint`, `smallint`, `int`/`integer`, `bigint` | Int8, Int16, Int32, Int64 | |
//! | `float`/`real`, `double` | Float32, Float64 | |
//! | `decimal(p,s)`, p ≤ 38 | Decimal128 | `decimal` alone is `decimal(10,0)` |
//! | `string`, `varchar(n)`, `char(n)` | Utf8 | a reader may ask for views; files are the same |
//! | `binary` | Binary | |
//! | `date` | Date32 | |
//! | `timestamp` | Timestamp(µs), no zone | INT64 in Parquet, which every engine reads; INT96 is deprecated |
//! | `array`, `map`, `struct` | List, Map, Struct | inner fields are named as Parquet names them |
//!
//! Everything is nullable but a map's keys, as in Hive. `uniontype` and intervals are refused.

mod arrow;
mod parse;

#[cfg(test)]
mod tests;

use std::fmt;

use thiserror::Error;

pub use arrow::{HIVE_TYPE, field, from_arrow, schema};
pub use parse::parse;

/// A type as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HiveType {
    Boolean,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Float,
    Double,
    /// 1 ≤ precision ≤ 38, scale ≤ precision.
    Decimal {
        precision: u8,
        scale: u8,
    },
    String,
    /// At most this many characters, 1 to 65,535.
    Varchar(u32),
    /// At most this many characters, 1 to 255.
    Char(u32),
    Binary,
    Date,
    Timestamp,
    Array(Box<HiveType>),
    Map(Box<HiveType>, Box<HiveType>),
    Struct(Vec<(String, HiveType)>),
}

/// Why a type's text cannot be used. `at` counts characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TypeError {
    #[error("type '{text}', character {at}: {reason}")]
    Syntax { text: String, at: usize, reason: String },
    #[error("type '{0}' is not supported")]
    Unsupported(String),
    #[error("column {column}: {source}")]
    Column { column: String, source: Box<TypeError> },
}

impl fmt::Display for HiveType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HiveType::Boolean => f.write_str("boolean"),
            HiveType::TinyInt => f.write_str("tinyint"),
            HiveType::SmallInt => f.write_str("smallint"),
            HiveType::Int => f.write_str("int"),
            HiveType::BigInt => f.write_str("bigint"),
            HiveType::Float => f.write_str("float"),
            HiveType::Double => f.write_str("double"),
            HiveType::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            HiveType::String => f.write_str("string"),
            HiveType::Varchar(length) => write!(f, "varchar({length})"),
            HiveType::Char(length) => write!(f, "char({length})"),
            HiveType::Binary => f.write_str("binary"),
            HiveType::Date => f.write_str("date"),
            HiveType::Timestamp => f.write_str("timestamp"),
            HiveType::Array(element) => write!(f, "array<{element}>"),
            HiveType::Map(key, value) => write!(f, "map<{key},{value}>"),
            HiveType::Struct(fields) => {
                f.write_str("struct<")?;
                for (index, (name, type_)) in fields.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    if name.contains([':', ',', '<', '>', '`']) {
                        write!(f, "{comma}`{}`:{type_}", name.replace('`', "``"))?;
                    } else {
                        write!(f, "{comma}{name}:{type_}")?;
                    }
                }
                f.write_str(">")
            }
        }
    }
}
