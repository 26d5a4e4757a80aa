//! Trino's types: their text, the Arrow type that stands for each, and what column metadata says.
//!
//! One Arrow type stands for one Trino type: `varchar` is `Utf8`, `varbinary` is `Binary`,
//! `timestamp` is in milliseconds, and `json` is `LargeUtf8`, which nothing else uses.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

/// The deepest nesting a type's text may have.
const DEPTH_MAX: usize = 32;

/// `json`.
pub(crate) const JSON: DataType = DataType::LargeUtf8;

pub(crate) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

pub(crate) fn timestamp_tz(zone: &str) -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some(zone.into()))
}

pub(crate) fn list(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

pub(crate) fn map_fields(key: DataType, value: DataType) -> Fields {
    Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)])
}

pub(crate) fn map(key: DataType, value: DataType) -> DataType {
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(map_fields(key, value)), false)), false)
}

/// The one Arrow type for what `data_type` means, however a file or DataFusion spells it.
pub(crate) fn canonical(data_type: &DataType) -> DataType {
    use DataType as D;
    match data_type {
        D::Utf8View => D::Utf8,
        D::BinaryView | D::LargeBinary | D::FixedSizeBinary(_) => D::Binary,
        D::UInt8 => D::Int16,
        D::UInt16 => D::Int32,
        D::UInt32 | D::UInt64 => D::Int64,
        D::Float16 => D::Float32,
        D::Date64 => D::Date32,
        D::Decimal32(p, s) | D::Decimal64(p, s) => D::Decimal128(*p, *s),
        D::Timestamp(TimeUnit::Second, zone) => D::Timestamp(TimeUnit::Millisecond, zone.clone()),
        D::Dictionary(_, value) => canonical(value),
        D::List(field) | D::LargeList(field) | D::FixedSizeList(field, _) | D::ListView(field) => {
            list(canonical(field.data_type()))
        }
        D::Map(entries, _) => match entries.data_type() {
            D::Struct(fields) if fields.len() == 2 => {
                map(canonical(fields[0].data_type()), canonical(fields[1].data_type()))
            }
            _ => data_type.clone(),
        },
        D::Struct(fields) => {
            D::Struct(fields.iter().map(|f| Field::new(f.name(), canonical(f.data_type()), true)).collect())
        }
        other => other.clone(),
    }
}

/// What a table's column is to queries: [`canonical`], and timestamps in milliseconds.
pub(crate) fn of_table(data_type: &DataType) -> DataType {
    match canonical(data_type) {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone),
        DataType::LargeUtf8 => DataType::Utf8,
        DataType::List(field) => list(of_table(field.data_type())),
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|f| Field::new(f.name().to_lowercase(), of_table(f.data_type()), true))
                .collect(),
        ),
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(fields) => map(of_table(fields[0].data_type()), of_table(fields[1].data_type())),
            _ => DataType::Map(entries, sorted),
        },
        other => other,
    }
}

/// What a column of an Iceberg table is to queries: [`canonical`] with names in lower case. Timestamps keep
/// their microseconds.
pub(crate) fn of_iceberg(data_type: &DataType) -> DataType {
    match canonical(data_type) {
        DataType::LargeUtf8 => DataType::Utf8,
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(unit, Some("UTC".into())),
        DataType::List(field) => list(of_iceberg(field.data_type())),
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|f| Field::new(f.name().to_lowercase(), of_iceberg(f.data_type()), true))
                .collect(),
        ),
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(fields) => {
                map(of_iceberg(fields[0].data_type()), of_iceberg(fields[1].data_type()))
            }
            _ => DataType::Map(entries, sorted),
        },
        other => other,
    }
}

/// Column metadata of a type: its bare name, precision and scale.
pub(crate) fn column_info(data_type: &DataType) -> (&'static str, i32, i32) {
    use DataType as D;
    match data_type {
        D::Boolean => ("boolean", 0, 0),
        D::Int8 => ("tinyint", 3, 0),
        D::Int16 | D::UInt8 => ("smallint", 5, 0),
        D::Int32 | D::UInt16 => ("integer", 10, 0),
        D::Int64 | D::UInt32 | D::UInt64 => ("bigint", 19, 0),
        D::Float16 | D::Float32 => ("float", 17, 0),
        D::Float64 => ("double", 17, 0),
        D::Decimal32(p, s) | D::Decimal64(p, s) | D::Decimal128(p, s) | D::Decimal256(p, s) => {
            ("decimal", i32::from(*p), i32::from(*s))
        }
        D::Date32 | D::Date64 => ("date", 0, 0),
        D::Time32(_) | D::Time64(_) => ("time", 3, 0),
        D::Timestamp(_, None) => ("timestamp", 3, 0),
        D::Timestamp(_, Some(_)) => ("timestamp with time zone", 3, 0),
        D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => ("varbinary", 1_073_741_824, 0),
        D::LargeUtf8 => ("json", 0, 0),
        D::List(_) | D::LargeList(_) | D::FixedSizeList(_, _) | D::ListView(_) => ("array", 0, 0),
        D::Map(_, _) => ("map", 0, 0),
        D::Struct(_) => ("row", 0, 0),
        D::Interval(IntervalUnit::YearMonth) => ("interval year to month", 0, 0),
        D::Interval(_) | D::Duration(_) => ("interval day to second", 0, 0),
        D::Dictionary(_, value) => column_info(value),
        D::Null => ("unknown", 0, 0),
        _ => ("varchar", i32::MAX, 0),
    }
}

/// The type's full text, as `typeof` gives it.
pub(crate) fn display(data_type: &DataType) -> String {
    use DataType as D;
    match data_type {
        D::Float16 | D::Float32 => "real".into(),
        D::Decimal128(p, s) | D::Decimal256(p, s) | D::Decimal64(p, s) | D::Decimal32(p, s) => {
            format!("decimal({p},{s})")
        }
        D::Timestamp(unit, zone) => {
            let digits = match unit {
                TimeUnit::Second => 0,
                TimeUnit::Millisecond => 3,
                TimeUnit::Microsecond => 6,
                TimeUnit::Nanosecond => 9,
            };
            let zone = if zone.is_some() { " with time zone" } else { "" };
            format!("timestamp({digits}){zone}")
        }
        D::List(f) | D::LargeList(f) | D::FixedSizeList(f, _) => format!("array({})", display(f.data_type())),
        D::Map(entries, _) => match entries.data_type() {
            D::Struct(f) => format!("map({}, {})", display(f[0].data_type()), display(f[1].data_type())),
            _ => "map".into(),
        },
        D::Struct(fields) => {
            let inner: Vec<_> =
                fields.iter().map(|f| format!("\"{}\" {}", f.name(), display(f.data_type()))).collect();
            format!("row({})", inner.join(", ").replace('"', ""))
        }
        other => column_info(other).0.into(),
    }
}

/// Reads a type's text in Trino's grammar. The error is the unknown type's text.
pub(crate) fn parse(text: &str) -> Result<DataType, String> {
    let mut parser = TypeParser { rest: text.trim(), depth: 0 };
    let parsed = parser.parse_type()?;
    if parser.rest.trim().is_empty() { Ok(parsed) } else { Err(text.trim().to_owned()) }
}

/// The declared length of `varchar(n)` and `char(n)`.
pub(crate) fn length_limit(text: &str) -> Option<usize> {
    let text = text.trim().to_ascii_lowercase();
    let inner = text.strip_prefix("varchar").or_else(|| text.strip_prefix("char"))?;
    inner.trim().strip_prefix('(')?.strip_suffix(')')?.trim().parse().ok()
}

struct TypeParser<'a> {
    rest: &'a str,
    depth: usize,
}

impl TypeParser<'_> {
    fn parse_type(&mut self) -> Result<DataType, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.rest.to_owned());
        }
        let name = self.word().to_ascii_lowercase();
        let parsed = match name.as_str() {
            "array" => self.inside(|p| Ok(list(p.parse_type()?)))?,
            "map" => self.inside(|p| {
                let key = p.parse_type()?;
                p.expect(',')?;
                Ok(map(key, p.parse_type()?))
            })?,
            "row" | "struct" => self.inside(|p| p.row())?,
            "decimal" | "numeric" | "dec" => self.decimal()?,
            "timestamp" => self.timestamp()?,
            "varchar" | "char" | "character" => {
                self.numbers()?;
                DataType::Utf8
            }
            "double" => {
                if self.peek_word().eq_ignore_ascii_case("precision") {
                    self.word();
                }
                DataType::Float64
            }
            other => simple(other).ok_or_else(|| other.to_owned())?,
        };
        self.depth -= 1;
        Ok(parsed)
    }

    fn row(&mut self) -> Result<DataType, String> {
        let mut fields = Vec::new();
        loop {
            let before = self.rest;
            let named = self.field_name().and_then(|name| Ok((name, self.parse_type()?)));
            let (name, data_type) = match named {
                Ok(named) => named,
                Err(_) => {
                    self.rest = before;
                    (format!("field{}", fields.len()), self.parse_type()?)
                }
            };
            fields.push(Field::new(name, data_type, true));
            if !self.take(',') {
                return Ok(DataType::Struct(fields.into()));
            }
        }
    }

    fn field_name(&mut self) -> Result<String, String> {
        self.rest = self.rest.trim_start();
        if let Some(quoted) = self.rest.strip_prefix('"') {
            let end = quoted.find('"').ok_or_else(|| self.rest.to_owned())?;
            self.rest = &quoted[end + 1..];
            return Ok(quoted[..end].to_lowercase());
        }
        let word = self.word().to_lowercase();
        if word.is_empty() { Err(self.rest.to_owned()) } else { Ok(word) }
    }

    fn decimal(&mut self) -> Result<DataType, String> {
        let numbers = self.numbers()?;
        let precision = numbers.first().copied().unwrap_or(38);
        let scale = numbers.get(1).copied().unwrap_or(0);
        match (u8::try_from(precision), i8::try_from(scale)) {
            (Ok(p), Ok(s)) if (1..=38).contains(&p) && s >= 0 && s as u8 <= p => {
                Ok(DataType::Decimal128(p, s))
            }
            _ => Err(format!("decimal({precision},{scale})")),
        }
    }

    fn timestamp(&mut self) -> Result<DataType, String> {
        let unit = match self.numbers()?.first().copied().unwrap_or(3) {
            0..=3 => TimeUnit::Millisecond,
            4..=6 => TimeUnit::Microsecond,
            7..=9 => TimeUnit::Nanosecond,
            other => return Err(format!("timestamp({other})")),
        };
        let zone = match self.peek_word().to_ascii_lowercase().as_str() {
            word @ ("with" | "without") => {
                for _ in 0..3 {
                    self.word();
                }
                (word == "with").then(|| "UTC".into())
            }
            _ => None,
        };
        Ok(DataType::Timestamp(unit, zone))
    }

    fn numbers(&mut self) -> Result<Vec<u32>, String> {
        let mut numbers = Vec::new();
        if self.take('(') {
            loop {
                let word = self.word();
                numbers.push(word.parse().map_err(|_| word.to_owned())?);
                if !self.take(',') {
                    break;
                }
            }
            self.expect(')')?;
        }
        Ok(numbers)
    }

    fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        let close = if self.take('(') { ')' } else { self.expect('<').map(|()| '>')? };
        let inner = read(self)?;
        self.expect(close)?;
        Ok(inner)
    }

    fn peek_word(&self) -> &str {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
        &rest[..end]
    }

    fn word(&mut self) -> &str {
        let length = self.peek_word().len();
        let rest = self.rest.trim_start();
        self.rest = &rest[length..];
        &rest[..length]
    }

    fn take(&mut self, c: char) -> bool {
        match self.rest.trim_start().strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        if self.take(c) { Ok(()) } else { Err(self.rest.to_owned()) }
    }
}

fn simple(name: &str) -> Option<DataType> {
    Some(match name {
        "boolean" => DataType::Boolean,
        "tinyint" => DataType::Int8,
        "smallint" => DataType::Int16,
        "integer" | "int" => DataType::Int32,
        "bigint" => DataType::Int64,
        "real" | "float" => DataType::Float32,
        "varbinary" => DataType::Binary,
        "date" => DataType::Date32,
        "time" => DataType::Time32(TimeUnit::Millisecond),
        "json" => JSON,
        "uuid" => DataType::Utf8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_type_reads_back_as_it_is_shown() {
        for text in [
            "bigint",
            "decimal(12,2)",
            "array(map(varchar, row(x double, y array(integer))))",
            "timestamp(3) with time zone",
            "json",
        ] {
            assert_eq!(display(&parse(text).unwrap()), text);
        }
    }

    #[test]
    fn an_unknown_type_is_named() {
        assert_eq!(parse("array(strange)"), Err("strange".to_owned()));
        assert!(parse("decimal(39,0)").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_type_parser_panic(text in "[a-z(),<>\" 0-9]{0,40}") {
            let _ = parse(&text);
        }
    }
}
