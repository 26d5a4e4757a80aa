mod golden;

use lake::format::StoredAs;

use crate::Engine;
use crate::error::ErrorKind;
use crate::fixture::Fixture;

pub(crate) const EVENTS: &[(&str, &str)] = &[
    ("id", "bigint"),
    ("kind", "string"),
    ("payload", "string"),
    ("tags", "array<string>"),
    ("attrs", "map<string,string>"),
    ("point", "struct<x:double,y:double>"),
    ("amount", "decimal(12,2)"),
    ("at", "timestamp"),
    ("day", "date"),
];

async fn with_events() -> Fixture {
    let fixture = Fixture::new().await;
    let table = fixture.table("events", EVENTS, &[("region", "string")], StoredAs::Parquet).await;
    let eu = r#"
{"id":1,"kind":"click","payload":"{\"a\":{\"b\":[1,2]},\"n\":5}","tags":["x","y"],"attrs":{"k":"v"},"point":{"x":1.5,"y":-2},"amount":10.25,"at":"2024-01-02 03:04:05.678","day":"2024-01-02"}
{"id":2,"kind":"view","payload":"{}","tags":[],"attrs":{},"point":null,"amount":-0.5,"at":"2024-02-29 00:00:00","day":"2024-02-29"}
"#;
    let us = r#"
{"id":3,"kind":"click","payload":null,"tags":null,"attrs":{"k":"w","l":null},"point":{"x":0,"y":1},"amount":100,"at":null,"day":null}
"#;
    fixture.insert(&table, &["eu"], "a.parquet", eu).await;
    fixture.insert(&table, &["us"], "a.parquet", us).await;
    fixture
}

#[tokio::test]
async fn a_select_over_a_partitioned_table_answers() {
    let fixture = with_events().await;
    assert_eq!(
        fixture.get("SELECT id, region FROM events WHERE kind = 'click' ORDER BY id").await,
        ["1|eu", "3|us"]
    );
    let sums =
        fixture.get("SELECT count(*), sum(amount), region FROM events GROUP BY region ORDER BY 3").await;
    assert_eq!(sums, ["2|9.75|eu", "1|100.00|us"]);
}

#[tokio::test]
async fn values_are_printed_as_athena_prints_them() {
    let fixture = with_events().await;
    let rows = fixture
        .get("SELECT tags, attrs, point, amount, at, day, payload IS NULL FROM events ORDER BY id")
        .await;
    assert_eq!(rows[0], "[x, y]|{k=v}|{x=1.5, y=-2.0}|10.25|2024-01-02 03:04:05.678|2024-01-02|false");
    assert_eq!(rows[2], "NULL|{k=w, l=null}|{x=0.0, y=1.0}|100.00|NULL|NULL|true");
    let rows = fixture.get("SELECT now(), current_date, X'0aff', 1e10, ROW(1, 'a'), INTERVAL '2' DAY, from_unixtime(0) AT TIME ZONE 'Asia/Seoul'").await;
    assert_eq!(
        rows,
        [
            "2023-11-14 22:13:20.123 UTC|2023-11-14|0a ff|1.0E10|{field0=1, field1=a}|2 00:00:00.000|1970-01-01 09:00:00.000 Asia/Seoul"
        ]
    );
}

#[tokio::test]
async fn columns_are_described_in_athenas_terms() {
    let fixture = with_events().await;
    let answer = fixture
        .run("SELECT id, kind AS \"Kind\", count(*) OVER (), 1.5, tags, at, 1 FROM events")
        .await
        .unwrap();
    let shown: Vec<_> = answer
        .columns
        .iter()
        .map(|c| format!("{} {} {} {}", c.name, c.type_, c.precision, c.scale))
        .collect();
    assert_eq!(
        shown,
        [
            "id bigint 19 0",
            "Kind varchar 2147483647 0",
            "_col2 bigint 19 0",
            "_col3 decimal 2 1",
            "tags array 0 0",
            "at timestamp 3 0",
            "_col6 integer 10 0",
        ]
    );
}

#[tokio::test]
async fn only_matching_partitions_are_read() {
    let fixture = with_events().await;
    let scanned = |sql: &'static str| {
        let fixture = &fixture;
        async move {
            let answer = fixture.run(sql).await.unwrap();
            let stats = std::sync::Arc::clone(&answer.stats);
            answer.rows.all().await.unwrap();
            (stats.files(), stats.scanned_bytes())
        }
    };
    let (all_files, all_bytes) = scanned("SELECT id FROM events").await;
    assert_eq!(all_files, 2);
    let (files, bytes) = scanned("SELECT id FROM events WHERE region = 'eu'").await;
    assert_eq!(files, 1);
    assert!(bytes < all_bytes, "{bytes} of {all_bytes}");
    assert_eq!(scanned("SELECT id FROM events WHERE region = 'nowhere'").await, (0, 0));
}

#[test]
fn only_a_malformed_statement_is_refused_without_running_it() {
    for sql in [
        "SELECT * FROM nowhere WHERE x = ?",
        "EXPLAIN SELECT 1",
        "SHOW TABLES",
        "PREPARE p FROM SELECT ?",
        "INSERT INTO t SELECT 1",
    ] {
        assert_eq!(Engine::check(sql), Ok(()), "{sql}");
    }
    for sql in ["", "SELEC 1", "SELECT 1 FROM (SELECT 2", "CREATE TABLE t (a", "SELECT 1; SELECT 2"] {
        let error = Engine::check(sql).unwrap_err();
        assert!(error.kind == ErrorKind::Syntax && error.position.is_some(), "{sql}: {error:?}");
    }
}

#[tokio::test]
async fn errors_say_what_and_where() {
    let fixture = with_events().await;
    for (sql, message) in [
        ("SELECT * form events", "line 1:10: mismatched input 'form'. Expecting: <EOF>"),
        (
            "SELECT *\nFROM nowhere",
            "TABLE_NOT_FOUND: line 2:6: Table 'awsdatacatalog.db.nowhere' does not exist",
        ),
        ("SELECT id FROM nodb.t", "SCHEMA_NOT_FOUND: line 1:16: Schema 'nodb' does not exist"),
        (
            "SELECT x FROM events",
            "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved or requester is not authorized to access requested resources",
        ),
        (
            "SELECT frobnicate(id) FROM events",
            "FUNCTION_NOT_FOUND: line 1:8: Function 'frobnicate' not registered",
        ),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
        ("SELECT CAST('x' AS bigint)", "INVALID_CAST_ARGUMENT: Cannot cast 'x' to BIGINT"),
        ("SELECT 2147483647 + 1", "NUMERIC_VALUE_OUT_OF_RANGE: integer addition overflow: 2147483647 + 1"),
        (
            "SELECT lower(id) FROM events",
            "TYPE_MISMATCH: line 1:8: Unexpected parameters (bigint) for function lower. Expected: lower(varchar)",
        ),
        ("SELECT CAST(1 AS strange)", "TYPE_MISMATCH: line 1:18: Unknown type: strange"),
        (
            "SELECT `id` FROM events",
            "line 1:8: backquoted identifiers are not supported; use double quotes to quote identifiers",
        ),
        (
            "SELECT ARRAY[1][2]",
            "INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array length: 2 > 1",
        ),
    ] {
        assert_eq!(fixture.error(sql).await, message, "{sql}");
    }
}

#[tokio::test]
async fn parameters_take_the_places_of_question_marks() {
    let fixture = with_events().await;
    let run = |parameters: &[&str]| {
        let parameters: Vec<String> = parameters.iter().map(|p| (*p).to_owned()).collect();
        let fixture = &fixture;
        async move {
            let sql = "SELECT id FROM events WHERE kind = ? AND id > ?";
            let answer = fixture.engine.run(&fixture.session, sql, &parameters, rt::Stop::new()).await?;
            answer.rows.all().await
        }
    };
    assert_eq!(run(&["'click'", "1"]).await.unwrap(), [[Some("3".to_owned())]]);
    assert!(run(&["'click'"]).await.unwrap_err().message.contains("Incorrect number of parameters"));
}

#[tokio::test]
async fn a_view_answers_as_its_query_does() {
    let fixture = with_events().await;
    fixture.get("CREATE VIEW clicks AS SELECT id, \"amount\" * 2 AS double_amount FROM events WHERE kind = 'click'").await;
    assert_eq!(fixture.get("SELECT sum(double_amount) FROM clicks").await, ["220.50"]);
    assert!(fixture.error("CREATE VIEW clicks AS SELECT 1 AS one").await.contains("View already exists"));
    fixture.get("CREATE OR REPLACE VIEW clicks AS SELECT count(*) FROM events").await;
    assert_eq!(fixture.get("SELECT _col0 FROM clicks").await, ["3"]);
    fixture.get("DROP VIEW clicks").await;
    assert!(fixture.error("SELECT 1 FROM clicks").await.starts_with("TABLE_NOT_FOUND"));
}

#[tokio::test]
async fn the_information_schema_and_partitions_can_be_queried() {
    let fixture = with_events().await;
    let columns = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'events' ORDER BY ordinal_position LIMIT 4";
    assert_eq!(
        fixture.get(columns).await,
        ["id|bigint", "kind|varchar", "payload|varchar", "tags|array(varchar)"]
    );
    assert_eq!(fixture.get("SELECT * FROM \"events$partitions\" ORDER BY 1").await, ["eu", "us"]);
    assert_eq!(fixture.get("SELECT table_type FROM information_schema.tables").await, ["BASE TABLE"]);
}

#[tokio::test]
async fn text_tables_are_read_by_position_and_json_tables_by_name() {
    let fixture = Fixture::new().await;
    let table = fixture
        .table("lines", &[("a", "int"), ("b", "string"), ("c", "array<int>")], &[], StoredAs::TextFile)
        .await;
    drop(table);
    fixture.put("lines/1.txt", "1\u{1}one\u{1}1\u{2}2\nx\u{1}\\N\n").await;
    assert_eq!(fixture.get("SELECT * FROM lines").await, ["1|one|[1, 2]", "NULL|NULL|NULL"]);
    fixture.table("docs", &[("id", "bigint"), ("name", "string")], &[], StoredAs::JsonFile).await;
    fixture.put("docs/1.json", "{\"Name\":\"x\",\"id\":7}\n{\"id\":8}\n").await;
    fixture.put("docs/_ignored", "not json").await;
    assert_eq!(fixture.get("SELECT id, name FROM docs ORDER BY id").await, ["7|x", "8|NULL"]);
    fixture.put("docs/2.json", "{broken\n").await;
    assert!(fixture.error("SELECT * FROM docs").await.starts_with("HIVE_BAD_DATA"));
}

#[tokio::test]
async fn an_empty_table_has_no_rows_and_a_missing_column_is_null() {
    let fixture = Fixture::new().await;
    let table = fixture.table("t", &[("a", "int")], &[], StoredAs::Parquet).await;
    assert_eq!(fixture.get("SELECT count(*) FROM t").await, ["0"]);
    fixture.insert(&table, &[], "a.parquet", "{\"a\":5}").await;
    fixture.get("ALTER TABLE t ADD COLUMNS (b string, c struct<d:int>)").await;
    assert_eq!(fixture.get("SELECT a, b, c FROM t").await, ["5|NULL|NULL"]);
}

#[tokio::test]
async fn a_stopped_statement_ends_as_cancelled() {
    let fixture = with_events().await;
    let stop = rt::Stop::new();
    let answer =
        fixture.engine.run(&fixture.session, "SELECT * FROM events", &[], stop.clone()).await.unwrap();
    stop.cancel();
    let error = answer.rows.all().await.unwrap_err();
    assert_eq!(error.kind, crate::ErrorKind::Cancelled);
}
