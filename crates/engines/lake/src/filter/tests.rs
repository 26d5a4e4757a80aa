use proptest::prelude::*;

use super::*;

fn keys() -> Vec<Column> {
    vec![
        Column::new("city", "string"),
        Column::new("Day", "date"),
        Column::new("hour", "int"),
        Column::new("price", "decimal(10,2)"),
        Column::new("at", "timestamp"),
    ]
}

const VALUES: [&str; 5] = ["Seoul", "2024-03-01", "07", "12.50", "2024-03-01 07:00:00"];

fn holds(expression: &str) -> bool {
    PartitionFilter::parse(expression, &keys()).unwrap().matches(&VALUES)
}

#[test]
fn each_operator_compares_by_the_type_of_its_key() {
    for expression in [
        "",
        "city = 'Seoul'",
        "'Seoul' = city",
        "\"city\" = \"Seoul\" and `day` = '2024-03-01'",
        "flights.city <> 'Busan'",
        "day > '2024-02-29' AND day <= DATE '2024-03-01'",
        "hour = 7",
        "hour = '7'",
        "hour IN (1, 7, 30)",
        "10 > hour",
        "hour BETWEEN 7 AND 9",
        "price = 12.5",
        "price < 100",
        "at >= TIMESTAMP '2024-03-01 06:59:59.5'",
        "city LIKE 'S%l' and city like '_eo__'",
        "city NOT LIKE 's%'",
        "NOT (hour = 8 OR city IN ('Busan', 'Jeju'))",
        "hour NOT IN (8) AND hour NOT BETWEEN 8 AND 9",
        "city IS NOT NULL",
        "1 = 1 AND hour != 8",
        "((((city = 'Seoul'))))",
    ] {
        assert!(holds(expression), "{expression}");
    }
    for expression in
        ["city = 'seoul'", "hour > 7", "day <> '2024-03-01'", "city IS NULL", "1 = 2", "city LIKE 'S'"]
    {
        assert!(!holds(expression), "{expression}");
    }
}

#[test]
fn keys_named_like_keywords_of_literals_are_keys() {
    let keys = [Column::new("date", "string"), Column::new("timestamp", "bigint")];
    let filter = PartitionFilter::parse("date = '2024' and timestamp > 5", &keys).unwrap();
    assert!(filter.matches(&["2024", "6"]));
}

#[test]
fn an_absent_or_unreadable_value_is_unknown_and_neither_it_nor_its_negation_matches() {
    let keys = [Column::new("n", "int")];
    for value in [DEFAULT_PARTITION, "many"] {
        for expression in ["n = 1", "NOT n = 1", "n <> 1", "n IN (1)", "n NOT IN (1)"] {
            assert!(!PartitionFilter::parse(expression, &keys).unwrap().matches(&[value]), "{expression}");
        }
    }
    assert!(PartitionFilter::parse("n IS NULL OR n = 1", &keys).unwrap().matches(&[DEFAULT_PARTITION]));
}

#[test]
fn what_is_no_predicate_over_the_keys_is_refused_with_its_place() {
    let error = |expression: &str| PartitionFilter::parse(expression, &keys()).unwrap_err().to_string();
    assert_eq!(error("town = 'x'"), "'town' is not a partition key");
    assert_eq!(error("hour = 'late'"), "'late' is not a int, the type of partition key hour");
    assert_eq!(error("hour ="), "at character 7: it ends where a value was expected");
    assert_eq!(error("hour = 1 hour = 2"), "at character 10: AND, OR or the end was expected");
    assert_eq!(error("hour % 2"), "at character 6: unexpected '%'");
    assert_eq!(error("city = 'x"), "at character 8: the ' is never closed");
    assert_eq!(error(&"(".repeat(65)), "at character 65: nested more than 64 deep");
}

#[test]
fn fixed_leading_keys_become_prefixes_and_a_bounded_one_a_range() {
    let ranges = |expression: &str| PartitionFilter::parse(expression, &keys()).unwrap().ranges();
    let fixed = |values: &[&str]| KeyRange {
        fixed: values.iter().map(|value| (*value).to_owned()).collect(),
        ..KeyRange::default()
    };
    assert_eq!(ranges("city = 'a' and day = '2024-03-01' and hour = 7"), [fixed(&["a", "2024-03-01"])]);
    assert_eq!(ranges("city in ('b', 'a', 'a')"), [fixed(&["a"]), fixed(&["b"])]);
    assert_eq!(ranges("city = 'a' or city = 'b' and hour = 1"), [fixed(&["a"]), fixed(&["b"])]);
    assert_eq!(ranges("city = 'a' or hour = 1"), [KeyRange::default()]);
    assert_eq!(ranges("hour = 7"), [KeyRange::default()]);
    assert_eq!(ranges("city = 'a' and city = 'b'"), []);
    let from_to = |from: &str, to: &str| KeyRange {
        from: Some(from.to_owned()),
        to: Some(to.to_owned()),
        ..fixed(&["a"])
    };
    assert_eq!(
        ranges("city = 'a' and day between '2024-01-01' and '2024-02-01'"),
        [from_to("2024-01-01", "2024-02-01")]
    );
}

#[test]
fn segments_share_out_every_partition_once() {
    let keys = [Column::new("n", "string")];
    for n in 0..200 {
        let value = [n.to_string()];
        let holders =
            (0..7).filter(|part| PartitionFilter::all(&keys).with_segment(*part, 7).matches(&value));
        assert_eq!(holders.count(), 1);
    }
}

fn term() -> impl Strategy<Value = String> {
    let value = "[abc]{0,2}";
    let day = (1..5_u8).prop_map(|day| format!("2024-03-0{day}"));
    prop_oneof![
        (prop_oneof!["=", "<>", "<", ">=", ">", "<="], value).prop_map(|(op, v)| format!("city {op} '{v}'")),
        proptest::collection::vec(value, 1..4).prop_map(|vs| format!("city IN ('{}')", vs.join("','"))),
        "[abc%_]{0,3}".prop_map(|pattern| format!("city LIKE '{pattern}'")),
        (prop_oneof!["=", "<", ">="], day).prop_map(|(op, v)| format!("day {op} '{v}'")),
        (prop_oneof!["=", "<", ">="], 0..4_u8).prop_map(|(op, v)| format!("hour {op} {v}")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    term().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) AND ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

proptest! {
    #[test]
    fn every_match_lies_in_one_of_the_ranges(
        expression in expression(),
        city in "[abc]{0,2}",
        day in 1..5_u8,
        hour in 0..4_u8,
    ) {
        let filter = PartitionFilter::parse(&expression, &keys()[..3]).unwrap();
        let values = [city, format!("2024-03-0{day}"), hour.to_string()];
        let ranges = filter.ranges();
        let inside = ranges.iter().any(|range| {
            let next = values.get(range.fixed.len());
            values.starts_with(&range.fixed)
                && range.from.as_ref().is_none_or(|from| next.unwrap() >= from)
                && range.to.as_ref().is_none_or(|to| next.unwrap() <= to)
        });
        prop_assert!(inside || !filter.matches(&values), "{ranges:?}");
        prop_assert!(ranges.is_sorted_by(|a, b| a.fixed < b.fixed), "{ranges:?}");
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
        let _ = PartitionFilter::parse(&text, &keys());
    }
}
