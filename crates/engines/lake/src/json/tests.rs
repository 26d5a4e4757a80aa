use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{
    DataType, Decimal128Type, Field, Fields as ArrowFields, Int32Type, Schema, TimestampMicrosecondType,
};
use arrow::util::pretty::pretty_format_batches;
use proptest::prelude::*;

use super::*;
use crate::model::Column;
use crate::types;

fn decoder(columns: &[(&str, &str)], options: JsonOptions) -> Decoder {
    let columns: Vec<Column> = columns.iter().map(|(name, type_)| Column::new(*name, *type_)).collect();
    Decoder::new(types::schema(&columns).unwrap(), options).unwrap()
}

fn decode(decoder: &Decoder, records: &[&str]) -> Decoded {
    let records: Vec<Bytes> =
        records.iter().map(|record| Bytes::copy_from_slice(record.as_bytes())).collect();
    decoder.decode(&records)
}

/// The one value that one record gives, as text; or why it was refused.
fn one(type_: &str, json: &str) -> Result<String, String> {
    let decoded = decode(&decoder(&[("v", type_)], JsonOptions::default()), &[&format!("{{\"v\":{json}}}")]);
    if let Some(rejected) = decoded.rejected.first() {
        assert_eq!(decoded.batch.num_rows(), 0);
        return Err(rejected.reason.clone());
    }
    let column = decoded.batch.column(0);
    let options = arrow::util::display::FormatOptions::default().with_null("NULL");
    let formatter = arrow::util::display::ArrayFormatter::try_new(column, &options).unwrap();
    Ok(formatter.value(0).to_string())
}

#[test]
fn scalars_are_coerced_as_hive_coerces_them() {
    for (type_, json, value) in [
        ("string", r#""a\"\u00e9\ud83d\ude00\n""#, "a\"é😀\n"),
        ("string", "1.50e3", "1.50e3"),
        ("string", "true", "true"),
        ("string", r#"{"a": [1, {"b":null}]}"#, r#"{"a": [1, {"b":null}]}"#),
        ("varchar(3)", r#""äöü""#, "äöü"),
        ("int", "42", "42"),
        ("int", r#"" -42 ""#, "-42"),
        ("int", "1e3", "1000"),
        ("tinyint", "-128", "-128"),
        ("bigint", "9223372036854775807", "9223372036854775807"),
        ("bigint", "1.0", "1"),
        ("double", "1e300", "1e300"),
        ("double", r#""NaN""#, "NaN"),
        ("float", "0.5", "0.5"),
        ("decimal(5,2)", "12.345", "12.35"),
        ("decimal(38,0)", "99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ("boolean", r#""TRUE""#, "true"),
        ("date", r#""2024-02-29""#, "2024-02-29"),
        ("date", r#""2024-02-29T23:00:00Z""#, "2024-02-29"),
        ("timestamp", r#""2024-02-29 01:02:03.5""#, "2024-02-29T01:02:03.500"),
        ("timestamp", r#""2024-02-29T01:02:03+09:00""#, "2024-02-28T16:02:03"),
        ("timestamp", "1709168523", "2024-02-29T01:02:03"),
        ("timestamp", "1709168523250", "2024-02-29T01:02:03.250"),
        ("timestamp", r#""1709168523.25""#, "2024-02-29T01:02:03.250"),
        ("binary", r#""hi""#, "6869"),
        ("array<int>", "[1,null,\"3\"]", "[1, NULL, 3]"),
        ("array<int>", "7", "[7]"),
        ("map<int,string>", r#"{"1":"a","2":null}"#, "{1: a, 2: NULL}"),
        ("struct<a:int,b:string>", r#"{"B":"x","c":{}}"#, "{a: NULL, b: x}"),
        ("int", "null", "NULL"),
        ("struct<a:int>", "null", "NULL"),
    ] {
        assert_eq!(one(type_, json), Ok(value.to_owned()), "{type_} from {json}");
    }
}

#[test]
fn a_value_that_does_not_fit_is_refused_with_its_field_place_and_type() {
    for (type_, json, reason) in [
        ("int", r#""abc""#, "byte 5: a value of type int was expected, found \"abc\""),
        ("int", "2147483648", "byte 5: a value of type int was expected, found 2147483648"),
        ("int", "1.5", "byte 5: a value of type int was expected, found 1.5"),
        ("int", "true", "byte 5: a value of type int was expected, found true"),
        ("int", r#"{"a":1}"#, "byte 5: a value of type int was expected, found {\"a\":1}}"),
        ("double", "1e999", "byte 5: a value of type double was expected, found 1e999"),
        ("float", "1e39", "byte 5: a value of type float was expected, found 1e39"),
        ("decimal(4,2)", "100", "byte 5: a value of type decimal(4,2) was expected, found 100"),
        ("varchar(2)", r#""abc""#, "byte 5: a value of type varchar(2) was expected, found \"abc\""),
        ("boolean", "1", "byte 5: a value of type boolean was expected, found 1"),
        ("date", r#""2023-02-29""#, "byte 5: a value of type date was expected, found \"2023-02-29\""),
        ("timestamp", "true", "byte 5: a value of type timestamp was expected, found true"),
        (
            "timestamp",
            "9999999999999999",
            "byte 5: a value of type timestamp was expected, found 9999999999999999",
        ),
    ] {
        assert_eq!(one(type_, json), Err(format!("field 'v', {reason}")), "{type_} from {json}");
    }
    assert_eq!(
        one("struct<a:array<struct<b:int>>>", r#"{"a":[{"b":1},{"b":"x"}]}"#).unwrap_err(),
        "field 'v.a.b', byte 24: a value of type int was expected, found \"x\""
    );
    assert_eq!(
        one("map<string,int>", r#"{"k":"x"}"#).unwrap_err(),
        "field 'v.k', byte 10: a value of type int was expected, found \"x\""
    );
}

#[test]
fn a_malformed_record_is_refused_with_its_place() {
    let decoder = decoder(&[("v", "string")], JsonOptions::default());
    for (record, reason) in [
        ("", "byte 0: the record is empty, a JSON object was expected"),
        (" \n", "byte 0: the record is empty, a JSON object was expected"),
        ("[1]", "byte 0: a JSON object was expected, found [1]"),
        ("plain", "byte 0: a JSON value was expected, found 'p'"),
        ("{\"v\":1", "byte 6: ',' or '}' was expected, found the end of the record"),
        ("{\"v\" 1}", "byte 5: ':' was expected, found '1'"),
        ("{v:1}", "byte 1: a key in double quotes was expected, found 'v'"),
        ("{\"v\":1,}", "byte 7: a key in double quotes was expected, found '}'"),
        ("{\"v\":\"a\nb\"}", "field 'v', byte 5: the string is never closed"),
        ("{\"v\":\"\\x\"}", "field 'v', byte 6: not a JSON escape"),
        ("{\"v\":\"\\ud800\"}", "field 'v', byte 6: not a JSON escape"),
        ("{\"v\":01}", "field 'v', byte 5: not a JSON number: 01}"),
        ("{\"v\":1.}", "field 'v', byte 5: not a JSON number: 1.}"),
        ("{\"v\":nul}", "field 'v', byte 5: a JSON value was expected, found 'n'"),
        ("{\"x\":[1 2]}", "byte 8: ',' or ']' was expected, found '2'"),
        ("{\"x\":\"\\q\"}", "byte 6: not a JSON escape"),
        ("{\"v\":1} {\"v\":", "byte 13: a JSON value was expected, found the end of the record"),
        ("{\"v\":1,\"V\":2}", "field 'v', byte 8: the key is there twice"),
    ] {
        let decoded = decode(&decoder, &[record]);
        assert_eq!(decoded.batch.num_rows(), 0, "{record}");
        let found = &decoded.rejected[0].reason;
        assert!(found == reason || *found == format!("field 'v', {reason}"), "{record}: {found}");
    }
    let decoded = decoder.decode(&[Bytes::from_static(b"{\"v\":\"\xff\"}")]);
    assert_eq!(decoded.rejected[0].reason, "byte 6: the record is not UTF-8 text");
    let deep = format!("{{\"x\":{}", "[".repeat(1_000_000));
    assert_eq!(decode(&decoder, &[&deep]).rejected.len(), 1);
}

#[test]
fn the_end_of_a_string_is_found_wherever_it_lies() {
    let decoder = decoder(&[("v", "string")], JsonOptions::default());
    for length in 0..40 {
        let text = "é".repeat(length / 2) + &"x".repeat(length % 2) + "0123456789";
        for (special, taken) in [("\n", None), ("\t", Some("\t")), ("\\n", Some("\n")), ("\\\"", Some("\""))]
        {
            let decoded = decode(&decoder, &[&format!("{{\"v\":\"{text}{special}{text}\"}}")]);
            let values = decoded.batch.column(0).as_string::<i32>().iter().flatten().collect::<Vec<_>>();
            let expected: Vec<String> = taken.map(|c| format!("{text}{c}{text}")).into_iter().collect();
            assert_eq!(values, expected, "{length} and {special:?}");
        }
    }
}

#[test]
fn a_record_of_several_objects_is_taken_whole_or_not_at_all() {
    let decoder = decoder(&[("n", "int")], JsonOptions::default());
    let decoded =
        decode(&decoder, &["{\"n\":1}{\"n\":2}\n{\"n\":3}\n", "{\"n\":4} {\"n\":\"bad\"}", "{\"n\":5}"]);
    let numbers: Vec<i32> = decoded.batch.column(0).as_primitive::<Int32Type>().values().to_vec();
    assert_eq!(numbers, [1, 2, 3, 5]);
    assert_eq!(decoded.rejected.len(), 1);
    assert_eq!(decoded.rejected[0].index, 1);
}

#[test]
fn keys_find_their_columns_as_the_options_say() {
    let columns =
        [("ticker", "string"), ("ts", "string"), ("a_b", "int"), ("inner", "struct<x_y:int,ts:int>")];
    let json = r#"{"TICKER":"q","timestamp":"t","a.b":1,"inner":{"x.y":2,"TimeStamp":3},"ts":"no"}"#;
    let text = |options: JsonOptions| {
        let decoded = decode(&decoder(&columns, options), &[json]);
        assert_eq!(decoded.rejected, []);
        pretty_format_batches(&[decoded.batch]).unwrap().to_string().lines().nth(3).unwrap().to_owned()
    };
    let mut options = JsonOptions {
        column_to_key: [("ts".to_owned(), "timestamp".to_owned())].into(),
        dots_to_underscores: true,
        ..JsonOptions::default()
    };
    assert_eq!(text(options.clone()), "| q      | t  | 1   | {x_y: 2, ts: 3} |");
    options.case_insensitive = false;
    assert_eq!(text(options), "|        | t  | 1   | {x_y: 2, ts: } |");
    assert_eq!(text(JsonOptions::default()), "| q      | no |     | {x_y: , ts: } |");
}

#[test]
fn keys_in_changing_order_still_find_their_columns() {
    let decoder = decoder(&[("a", "int"), ("b", "int")], JsonOptions::default());
    let decoded = decode(
        &decoder,
        &[r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, r#"{"x":0,"\u0061":1,"b":2}"#, r#"{"b":2}"#],
    );
    let column =
        |index: usize| decoded.batch.column(index).as_primitive::<Int32Type>().iter().collect::<Vec<_>>();
    assert_eq!(column(0), [Some(1), Some(1), Some(1), None]);
    assert_eq!(column(1), [Some(2); 4]);
}

#[test]
fn a_key_twice_in_a_map_is_refused_however_many_there_are() {
    let decoder = decoder(&[("m", "map<string,int>")], JsonOptions::default());
    for count in [2, 16, 17, 40] {
        let keys: Vec<String> = (0..count).map(|n| format!("\"k{n}\":{n}")).collect();
        let good = format!("{{\"m\":{{{}}}}}", keys.join(","));
        let bad = format!("{{\"m\":{{{},\"k\\u0030\":0}}}}", keys.join(","));
        let decoded = decode(&decoder, &[&good, &bad, &good]);
        assert_eq!(decoded.batch.num_rows(), 2);
        assert!(decoded.rejected[0].reason.contains("the key is there twice"), "{:?}", decoded.rejected);
    }
}

#[test]
fn given_timestamp_formats_are_tried_before_the_built_in_ones() {
    let options = JsonOptions {
        timestamp_formats: vec!["dd/MM/yyyy".into(), "millis".into()],
        ..JsonOptions::default()
    };
    let decoder = decoder(&[("at", "timestamp")], options);
    let decoded = decode(&decoder, &[r#"{"at":"02/01/1970"}"#, r#"{"at":5}"#, r#"{"at":"1970-01-02"}"#]);
    let at = decoded.batch.column(0).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(at.values().to_vec(), [86_400_000_000, 5_000, 86_400_000_000]);
    let options = JsonOptions { timestamp_formats: vec!["yyyy QQQ".into()], ..JsonOptions::default() };
    let error = Decoder::new(Arc::new(Schema::empty()), options).err().unwrap();
    assert_eq!(error.to_string(), "timestamp format 'yyyy QQQ': the letter Q is not supported");
}

#[test]
fn rows_are_counted_even_without_columns() {
    let decoder = decoder(&[], JsonOptions::default());
    assert_eq!(decode(&decoder, &["{} {\"x\":1}", "{"]).batch.num_rows(), 2);
}

#[test]
fn decimals_keep_every_digit() {
    let decoder = decoder(&[("d", "decimal(38,18)")], JsonOptions::default());
    let decoded = decode(&decoder, &[r#"{"d":12345678901234567890.123456789012345678}"#]);
    let value = decoded.batch.column(0).as_primitive::<Decimal128Type>().value(0);
    assert_eq!(value, 12_345_678_901_234_567_890_123_456_789_012_345_678);
}

/// A value of a random type with a JSON text that fits it exactly.
fn regular() -> impl Strategy<Value = (String, String)> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(|n| ("int".to_owned(), n.to_string())),
        any::<i64>().prop_map(|n| ("bigint".to_owned(), n.to_string())),
        (-1e9..1e9_f64).prop_map(|n| ("double".to_owned(), n.to_string())),
        any::<bool>().prop_map(|b| ("boolean".to_owned(), b.to_string())),
        any::<String>().prop_map(|text| ("string".to_owned(), serde_json::to_string(&text).unwrap())),
        Just(("string".to_owned(), "null".to_owned())),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            (inner.clone(), 0..4_usize).prop_map(|((type_, json), count)| {
                (format!("array<{type_}>"), format!("[{}]", vec![json; count].join(",")))
            }),
            (inner.clone(), 0..4_usize).prop_map(|((type_, json), count)| {
                let entries: Vec<String> = (0..count).map(|n| format!("\"key {n}\": {json}")).collect();
                (format!("map<string,{type_}>"), format!("{{{}}}", entries.join(",")))
            }),
            proptest::collection::vec(inner, 1..4).prop_map(|fields| {
                let types: Vec<String> =
                    fields.iter().enumerate().map(|(n, (type_, _))| format!("f{n}:{type_}")).collect();
                let json: Vec<String> =
                    fields.iter().enumerate().map(|(n, (_, json))| format!("\"f{n}\":{json}")).collect();
                (format!("struct<{}>", types.join(",")), format!("{{{}}}", json.join(" , ")))
            }),
        ]
    })
}

fn oracle(schema: SchemaRef, json: &str) -> RecordBatch {
    let mut decoder = arrow_json::ReaderBuilder::new(schema).build_decoder().unwrap();
    let mut rest = json.as_bytes();
    while !rest.is_empty() {
        let taken = decoder.decode(rest).unwrap();
        rest = &rest[taken..];
    }
    decoder.flush().unwrap().unwrap()
}

fn broken() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{\"c0\":".to_owned()),
        Just(String::new()),
        Just("[]".to_owned()),
        Just("{\"c0\":[[[{\"f0\":tru}]]]}".to_owned()),
        Just("{\"unknown\":{\"a\":[1,2,}}".to_owned()),
    ]
}

proptest! {
    /// On what is regular, the decoder agrees with arrow's own.
    #[test]
    fn regular_records_decode_as_arrow_decodes_them(
        columns in proptest::collection::vec(regular(), 1..5),
        present in proptest::collection::vec(any::<u8>(), 1..6),
    ) {
        let fields: ArrowFields = columns
            .iter()
            .enumerate()
            .map(|(n, (type_, _))| Field::new(format!("c{n}"), types::parse(type_).unwrap().to_arrow(), true))
            .collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let records: Vec<String> = present
            .iter()
            .map(|mask| {
                let json: Vec<String> = columns
                    .iter()
                    .enumerate()
                    .filter(|(n, _)| mask & (1 << n) != 0)
                    .map(|(n, (_, json))| format!("\"c{n}\":{json}"))
                    .collect();
                format!("{{{}}}", json.join(","))
            })
            .collect();
        let decoder = Decoder::new(Arc::clone(&schema), JsonOptions::default()).unwrap();
        let texts: Vec<&str> = records.iter().map(String::as_str).collect();
        let decoded = decode(&decoder, &texts);
        prop_assert_eq!(&decoded.rejected, &vec![]);
        prop_assert_eq!(decoded.batch, oracle(schema, &records.join("\n")));
    }

    /// Bad records among good ones change nothing about the good ones.
    #[test]
    fn bad_records_leave_no_trace_in_the_batch(
        columns in proptest::collection::vec(regular(), 1..4),
        order in proptest::collection::vec((any::<bool>(), broken(), 0..4_usize), 1..12),
    ) {
        let types: Vec<(String, String)> =
            columns.iter().enumerate().map(|(n, (type_, _))| (format!("c{n}"), type_.clone())).collect();
        let types: Vec<(&str, &str)> = types.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
        let decoder = decoder(&types, JsonOptions::default());
        let json: Vec<String> =
            columns.iter().enumerate().map(|(n, (_, json))| format!("\"c{n}\":{json}")).collect();
        let good = format!("{{{}}}", json.join(","));
        // A bad record may fail anywhere: right away, or after every column was filled.
        let bad = |broken: &str, cut: usize| match cut {
            0 => broken.to_owned(),
            1 => good[..good.len() - 1].to_owned(),
            2 => format!("{good}{broken}x"),
            _ => format!("{good}{good}\u{0}"),
        };
        let mixed: Vec<String> =
            order.iter().map(|(ok, broken, cut)| if *ok { good.clone() } else { bad(broken, *cut) }).collect();
        let mixed: Vec<&str> = mixed.iter().map(String::as_str).collect();
        let decoded = decode(&decoder, &mixed);
        let goods = vec![good.as_str(); order.iter().filter(|(ok, ..)| *ok).count()];
        prop_assert_eq!(decoded.batch, decode(&decoder, &goods).batch);
        let rejected: Vec<usize> = decoded.rejected.iter().map(|one| one.index).collect();
        let expected: Vec<usize> =
            order.iter().enumerate().filter(|(_, (ok, ..))| !ok).map(|(n, _)| n).collect();
        prop_assert_eq!(rejected, expected);
    }

    /// Any text is either a row or a reason, and what serde_json takes as an object is a row.
    #[test]
    fn any_text_is_taken_or_refused(text in "\\PC{0,40}|[{}\\[\\]\",:\\\\0-9a-z. ]{0,40}") {
        let decoder = decoder(&[("a", "string"), ("b", "int")], JsonOptions::default());
        let decoded = decode(&decoder, &[&text]);
        prop_assert!(decoded.batch.num_rows() > 0 || decoded.rejected.len() == 1);
        let valid = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Map<String, serde_json::Value>>();
        let valid: Result<Vec<_>, _> = valid.collect();
        if decoded.rejected.is_empty() {
            prop_assert!(valid.is_ok(), "we took what is not JSON");
        }
    }
}

#[test]
fn a_type_that_json_has_no_form_for_is_refused_when_the_decoder_is_made() {
    let schema =
        Schema::new(vec![Field::new("d", DataType::Duration(arrow::datatypes::TimeUnit::Second), true)]);
    let error = Decoder::new(Arc::new(schema), JsonOptions::default()).err().unwrap();
    assert!(matches!(error, JsonError::Type { column, .. } if column == "d"));
}
