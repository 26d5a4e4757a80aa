use ::arrow::datatypes::{DataType, TimeUnit};
use proptest::prelude::*;

use super::*;
use crate::model::Column;

#[test]
fn hive_types_read_in_any_case_and_spacing() {
    let parsed =
        parse(" Struct< a : INT, `b:c`: map<string , Array<DECIMAL( 10 , 2 )>> COMMENT 'x',d:varchar(3)> ");
    let HiveType::Struct(fields) = parsed.unwrap() else { panic!("a struct was expected") };
    assert_eq!(fields[0], ("a".into(), HiveType::Int));
    assert_eq!(fields[1].0, "b:c");
    assert_eq!(fields[1].1.to_string(), "map<string,array<decimal(10,2)>>");
    assert_eq!(parse("decimal"), Ok(HiveType::Decimal { precision: 10, scale: 0 }));
    assert_eq!(parse("DOUBLE precision"), Ok(HiveType::Double));
    assert_eq!(parse("integer"), Ok(HiveType::Int));
}

#[test]
fn what_is_no_type_is_refused_with_its_place() {
    let error = |text: &str| parse(text).unwrap_err().to_string();
    assert_eq!(error("uniontype<int,string>"), "type 'uniontype' is not supported");
    assert_eq!(error("array<int"), "type 'array<int', character 10: '>' was expected");
    assert_eq!(error("decimal(39)"), "type 'decimal(39)', character 9: a number from 1 to 38 was expected");
    assert_eq!(error("int x"), "type 'int x', character 5: the end was expected");
    assert_eq!(
        error("struct<a:int,A:int>"),
        "type 'struct<a:int,A:int>', character 15: the field 'A' is there twice"
    );
    assert!(error(&"array<".repeat(100)).ends_with("nested more than 64 deep"));
    let columns = [Column::new("ok", "int"), Column::new("bad", "interval")];
    assert_eq!(schema(&columns).unwrap_err().to_string(), "column bad: type 'interval' is not supported");
}

#[test]
fn a_schema_is_nullable_and_keeps_lengths() {
    let schema = schema(&[Column::new("At", "timestamp"), Column::new("code", "varchar(3)")]).unwrap();
    assert_eq!(schema.field(0).name(), "At");
    assert_eq!(schema.field(0).data_type(), &DataType::Timestamp(TimeUnit::Microsecond, None));
    assert_eq!(schema.field(1).metadata()[HIVE_TYPE], "varchar(3)");
    assert!(schema.fields().iter().all(|field| field.is_nullable()));
}

fn hive_type() -> impl Strategy<Value = HiveType> {
    let primitive = prop_oneof![
        Just(HiveType::Boolean),
        Just(HiveType::TinyInt),
        Just(HiveType::SmallInt),
        Just(HiveType::Int),
        Just(HiveType::BigInt),
        Just(HiveType::Float),
        Just(HiveType::Double),
        Just(HiveType::String),
        Just(HiveType::Binary),
        Just(HiveType::Date),
        Just(HiveType::Timestamp),
        (1..=65_535_u32).prop_map(HiveType::Varchar),
        (1..=255_u32).prop_map(HiveType::Char),
        (1..=38_u8).prop_flat_map(|precision| {
            (0..=precision).prop_map(move |scale| HiveType::Decimal { precision, scale })
        }),
    ];
    let key = primitive.clone();
    primitive.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            inner.clone().prop_map(|element| HiveType::Array(Box::new(element))),
            (key.clone(), inner.clone())
                .prop_map(|(key, value)| HiveType::Map(Box::new(key), Box::new(value))),
            proptest::collection::btree_map("[a-z][a-z0-9_ :<>,`é]{0,6}[a-z]", inner, 1..4)
                .prop_map(|fields| HiveType::Struct(fields.into_iter().collect())),
        ]
    })
}

/// What remains of a type in Arrow, where strings have no length.
fn without_lengths(type_: HiveType) -> HiveType {
    match type_ {
        HiveType::Varchar(_) | HiveType::Char(_) => HiveType::String,
        HiveType::Array(element) => HiveType::Array(Box::new(without_lengths(*element))),
        HiveType::Map(key, value) => {
            HiveType::Map(Box::new(without_lengths(*key)), Box::new(without_lengths(*value)))
        }
        HiveType::Struct(fields) => {
            HiveType::Struct(fields.into_iter().map(|(name, type_)| (name, without_lengths(type_))).collect())
        }
        other => other,
    }
}

proptest! {
    #[test]
    fn a_type_survives_its_text(type_ in hive_type()) {
        prop_assert_eq!(parse(&type_.to_string()), Ok(type_));
    }

    #[test]
    fn a_type_survives_arrow_but_for_its_lengths(type_ in hive_type()) {
        prop_assert_eq!(from_arrow(&type_.to_arrow()), Ok(without_lengths(type_)));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}|(array<|struct<|[a-z:,<>()`0-9 ]){0,12}") {
        let _ = parse(&text);
    }
}
