use std::sync::Arc;

use proptest::prelude::*;

use super::runs::{BitRuns, ByteRuns, IntegerRuns};
use super::*;
use crate::json::{Decoder, JsonOptions};
use crate::model::Column as TableColumn;
use crate::types::schema;

fn read_bytes(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some((head, rest)) = bytes.split_first() {
        if *head < 128 {
            out.extend(std::iter::repeat_n(rest[0], usize::from(*head) + 3));
            bytes = &rest[1..];
        } else {
            let (literals, rest) = rest.split_at(256 - usize::from(*head));
            out.extend_from_slice(literals);
            bytes = rest;
        }
    }
    out
}

fn width(code: u8) -> usize {
    match code {
        0..24 => usize::from(code) + 1,
        code => [26, 28, 30, 32, 40, 48, 56, 64][usize::from(code) - 24],
    }
}

fn read_integers(mut bytes: &[u8]) -> Vec<u64> {
    let mut out = Vec::new();
    while let Some((head, rest)) = bytes.split_first() {
        if head >> 6 == 0 {
            let (value, rest) = rest.split_at(usize::from(head >> 3 & 7) + 1);
            let value = value.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
            out.extend(std::iter::repeat_n(value, usize::from(head & 7) + 3));
            bytes = rest;
        } else {
            assert_eq!(head >> 6, 1);
            let bits = width(head >> 1 & 31);
            let count = (usize::from(head & 1) << 8 | usize::from(rest[0])) + 1;
            let (packed, rest) = rest[1..].split_at((bits * count).div_ceil(8));
            let bit = |at: usize| u64::from(packed[at / 8] >> (7 - at % 8) & 1);
            out.extend(
                (0..count).map(|n| (n * bits..(n + 1) * bits).fold(0, |value, at| value << 1 | bit(at))),
            );
            bytes = rest;
        }
    }
    out
}

proptest! {
    #[test]
    fn runs_of_bytes_come_back(bytes in prop::collection::vec(prop_oneof![3 => Just(7_u8), 1 => any::<u8>()], 0..2_000)) {
        let mut runs = ByteRuns::default();
        bytes.iter().for_each(|byte| runs.push(*byte));
        prop_assert_eq!(read_bytes(&runs.finish()), bytes);
    }

    #[test]
    fn runs_of_bits_come_back(bits in prop::collection::vec(any::<bool>(), 0..2_000)) {
        let mut runs = BitRuns::default();
        bits.iter().for_each(|bit| runs.push(*bit));
        let bytes = read_bytes(&runs.finish());
        let read: Vec<bool> = (0..bits.len()).map(|at| bytes[at / 8] >> (7 - at % 8) & 1 == 1).collect();
        prop_assert_eq!(read, bits);
    }

    #[test]
    fn runs_of_integers_come_back(
        integers in prop::collection::vec(prop_oneof![2 => Just(5_u64), 2 => 0_u64..100, 1 => any::<u64>()], 0..2_000),
    ) {
        let mut runs = IntegerRuns::default();
        integers.iter().for_each(|integer| runs.push(*integer));
        prop_assert_eq!(read_integers(&runs.finish()), integers);
    }
}

const COLUMNS: [(&str, &str); 17] = [
    ("a_boolean", "boolean"),
    ("a_tinyint", "tinyint"),
    ("a_smallint", "smallint"),
    ("an_int", "int"),
    ("a_bigint", "bigint"),
    ("a_float", "float"),
    ("a_double", "double"),
    ("a_string", "string"),
    ("a_varchar", "varchar(10)"),
    ("a_binary", "binary"),
    ("a_date", "date"),
    ("a_timestamp", "timestamp"),
    ("a_decimal", "decimal(20,3)"),
    ("a_list", "array<int>"),
    ("a_map", "map<string,double>"),
    ("a_struct", "struct<x:int,y:struct<z:string>>"),
    ("a_list_of_structs", "array<struct<k:string,v:array<bigint>>>"),
];

fn record(n: i64) -> Bytes {
    if n % 5 == 3 {
        return Bytes::from_static(b"{}");
    }
    let sign = if n % 2 == 0 { 1 } else { -1 };
    format!(
        r#"{{"a_boolean":{},"a_tinyint":{},"a_smallint":{},"an_int":{},"a_bigint":{},"a_float":{}.5,
        "a_double":{}.25,"a_string":"text {n}","a_varchar":"v{}","a_binary":"b{n}","a_date":"{}-02-03",
        "a_timestamp":"{}-02-03 04:05:06.{:06}","a_decimal":"{}.125","a_list":[1,{n},null],
        "a_map":{{"k{n}":1.5,"l":null}},"a_struct":{{"x":{n},"y":{{"z":"deep {n}"}}}},
        "a_list_of_structs":[{{"k":"a","v":[{n},1]}},null,{{"k":null,"v":[]}}]}}"#,
        n % 3 == 0,
        n % 100 * sign,
        n % 30_000 * sign,
        n * 1_000 * sign,
        n * 10_000_000_000 * sign,
        n,
        n * sign,
        n % 1000,
        1900 + n % 200,
        1950 + n % 100,
        n * 7919 % 1_000_000,
        n * 1_000_003 * sign,
    )
    .into()
}

/// `rows` rows of every type, in one stripe for every `stripe_bytes`.
fn file(compression: Compression, rows: i64, stripe_bytes: usize) -> Bytes {
    let columns: Vec<TableColumn> = COLUMNS.map(|(name, type_)| TableColumn::new(name, type_)).to_vec();
    let schema = schema(&columns).unwrap();
    let decoder = Decoder::new(Arc::clone(&schema), JsonOptions::default()).unwrap();
    let mut writer = Writer::new(&schema, &OrcSettings { compression, stripe_bytes }).unwrap();
    let mut file = Vec::new();
    let all: Vec<Bytes> = (0..rows).map(record).collect();
    for records in all.chunks(100) {
        let decoded = decoder.decode(records);
        assert_eq!(decoded.rejected, []);
        writer.write(&decoded.batch).unwrap();
        file.extend_from_slice(&writer.take_flushed());
    }
    file.extend_from_slice(&writer.finish().unwrap());
    file.into()
}

#[test]
fn a_file_begins_and_ends_as_the_format_says_and_is_reproducible() {
    for compression in [Compression::Snappy, Compression::Zlib, Compression::Uncompressed] {
        let bytes = file(compression, 1_000, 30_000);
        assert_eq!(bytes, file(compression, 1_000, 30_000));
        assert_eq!(&bytes[..3], b"ORC");
        let postscript = usize::from(bytes[bytes.len() - 1]);
        assert_eq!(&bytes[bytes.len() - 4..bytes.len() - 1], b"ORC");
        assert!(postscript < 40);
    }
}
