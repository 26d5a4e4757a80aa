//! `tests/sql/duckdb.toml` against what DuckDB answered on the same rows (`tests/golden.json`, written by
//! `tests/make_golden.py`).

use std::collections::BTreeMap;

use lake::format::StoredAs;
use serde::Deserialize;

use crate::fixture::Fixture;

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    athena: String,
    #[serde(default)]
    ordered: bool,
    tolerance: Option<f64>,
}

type Row = Vec<Option<String>>;

async fn tables() -> Fixture {
    let fixture = Fixture::new().await;
    let flights = [
        ("fl_date", "timestamp"),
        ("delay", "int"),
        ("distance", "int"),
        ("origin", "string"),
        ("destination", "string"),
    ];
    let table = fixture.table("flights", &flights, &[], StoredAs::Parquet).await;
    fixture.insert(&table, &[], "a.parquet", include_str!("../../tests/data/flights.jsonl")).await;
    let airports = [
        ("iata", "string"),
        ("name", "string"),
        ("city", "string"),
        ("state", "string"),
        ("country", "string"),
        ("latitude", "double"),
        ("longitude", "double"),
    ];
    let table = fixture.table("airports", &airports, &[], StoredAs::Parquet).await;
    fixture.insert(&table, &[], "a.parquet", include_str!("../../tests/data/airports.jsonl")).await;
    let table = fixture.table("events", super::EVENTS, &[("region", "string")], StoredAs::Parquet).await;
    for (region, rows) in [
        ("eu", include_str!("../../tests/data/events.eu.jsonl")),
        ("us", include_str!("../../tests/data/events.us.jsonl")),
        ("ap", include_str!("../../tests/data/events.ap.jsonl")),
    ] {
        fixture.insert(&table, &[region], "a.parquet", rows).await;
    }
    fixture
}

fn close(a: &Row, b: &Row, tolerance: f64) -> bool {
    let equal = |a: &Option<String>, b: &Option<String>| match (a, b) {
        (Some(a), Some(b)) if a != b => match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(x), Ok(y)) => (x - y).abs() <= tolerance * x.abs().max(y.abs()),
            _ => false,
        },
        (a, b) => a == b,
    };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| {
        // Numbers that differ in their last digits must not change the order.
        row.iter()
            .map(|cell| {
                cell.as_ref()
                    .map(|text| text.parse::<f64>().map_or_else(|_| text.clone(), |n| format!("{n:.6}")))
            })
            .collect::<Vec<_>>()
    });
    rows
}

#[tokio::test]
async fn answers_equal_those_of_duckdb() {
    let cases: Cases = toml::from_str(include_str!("../../../../../tests/sql/duckdb.toml")).unwrap();
    let golden: BTreeMap<String, Vec<Row>> =
        serde_json::from_str(include_str!("../../tests/golden.json")).unwrap();
    let fixture = tables().await;
    let mut wrong = Vec::new();
    let mut passed = 0;
    for case in &cases.case {
        let expected =
            golden.get(&case.name).unwrap_or_else(|| panic!("golden.json lacks '{}'", case.name)).clone();
        let rows = match fixture.run(&case.athena).await {
            Ok(answer) => answer.rows.all().await,
            Err(error) => Err(error),
        };
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                wrong.push(format!("{}: {error}", case.name));
                continue;
            }
        };
        let (rows, expected) = if case.ordered { (rows, expected) } else { (sorted(rows), sorted(expected)) };
        let tolerance = case.tolerance.unwrap_or(1e-9);
        let different = rows.iter().zip(&expected).find(|(a, b)| !close(a, b, tolerance));
        match different {
            None if rows.len() == expected.len() => passed += 1,
            None => wrong.push(format!("{}: {} rows, expected {}", case.name, rows.len(), expected.len())),
            Some((a, b)) => wrong.push(format!("{}:\n      got {a:?}\n expected {b:?}", case.name)),
        }
    }
    assert!(wrong.is_empty(), "{passed} of {} are right\n{}", cases.case.len(), wrong.join("\n"));
    assert!(passed >= 80);
}
