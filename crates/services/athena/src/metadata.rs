//! The `.metadata` object beside a result: the columns of the result as a Protocol Buffers message.
//!
//! The service has never published the schema; the field numbers are those that its JDBC drivers read.
//!
//! ```text
//! Result { 1: string query id; 4: repeated Column columns }
//! Column { 1: string catalog ("hive"); 4: string name; 5: string label; 6: string type;
//!          7: precision; 8: scale; 9: nullable (1 not null, 2 nullable, 3 unknown); 10: case sensitive }
//! ```
//!
//! Precision and scale are present or absent by type, not by value: a complex type has neither.

use crate::execution::Column;

const NULLABLE_UNKNOWN: u64 = 3;

pub(crate) fn encode(id: &str, columns: &[Column]) -> Vec<u8> {
    let mut message = Vec::new();
    text(&mut message, 1, id);
    for column in columns {
        let mut inner = Vec::new();
        encode_column(&mut inner, column);
        delimited(&mut message, 4, &inner);
    }
    message
}

fn encode_column(into: &mut Vec<u8>, column: &Column) {
    text(into, 1, "hive");
    text(into, 4, &column.name);
    text(into, 5, &column.name);
    text(into, 6, &column.type_);
    let shape = Shape::of(&column.type_);
    if shape.precision {
        number(into, 7, u64::try_from(column.precision).unwrap_or_default());
    }
    if shape.scale {
        number(into, 8, u64::try_from(column.scale).unwrap_or_default());
    }
    number(into, 9, NULLABLE_UNKNOWN);
    if shape.case_sensitive {
        number(into, 10, u64::from(column.case_sensitive()));
    }
}

/// Which figures a type carries.
struct Shape {
    precision: bool,
    scale: bool,
    case_sensitive: bool,
}

impl Shape {
    fn of(type_: &str) -> Shape {
        let (precision, scale, case_sensitive) = match type_.split(['(', '<', ' ']).next().unwrap_or(type_) {
            "array" | "map" | "row" | "struct" | "json" | "string" | "uuid" | "ipaddress" => {
                (false, false, false)
            }
            "boolean" | "interval" => (false, false, true),
            "date" => (false, true, true),
            _ => (true, true, true),
        };
        Shape { precision, scale, case_sensitive }
    }
}

fn text(into: &mut Vec<u8>, field: u8, value: &str) {
    delimited(into, field, value.as_bytes());
}

fn delimited(into: &mut Vec<u8>, field: u8, value: &[u8]) {
    into.push(field << 3 | 2);
    varint(into, value.len() as u64);
    into.extend_from_slice(value);
}

fn number(into: &mut Vec<u8>, field: u8, value: u64) {
    into.push(field << 3);
    varint(into, value);
}

fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_a_count_are_the_bytes_a_driver_reads() {
        let rows = Column { name: "rows".into(), type_: "bigint".into(), precision: 19, scale: 0 };
        let mut expected = vec![0x0a, 2];
        expected.extend_from_slice(b"id\x22\x22");
        expected.extend_from_slice(b"\x0a\x04hive\x22\x04rows\x2a\x04rows\x32\x06bigint");
        expected.extend_from_slice(&[0x38, 19, 0x40, 0, 0x48, 3, 0x50, 0]);
        assert_eq!(encode("id", &[rows]), expected);
    }

    #[test]
    fn a_complex_type_has_neither_precision_nor_scale() {
        let column = Column { name: "a".into(), type_: "array(varchar)".into(), precision: 0, scale: 0 };
        let bytes = encode("", &[column]);
        assert!(bytes.ends_with(&[0x48, 3]), "{bytes:x?}");
    }
}
