use super::*;
use rt::Timestamp;

use crate::records::Tally;

const NOW: Timestamp = Timestamp::from_millis(1_795_337_413_500);

fn made(
    step: impl Fn(&Bytes, &mut Vec<Bytes>) -> Result<(), Refusal>,
    data: &str,
) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    step(&Bytes::from(data.to_owned()), &mut out).map_err(|refusal| refusal.reason)?;
    Ok(out.iter().map(|data| String::from_utf8(data.to_vec()).unwrap()).collect())
}

#[test]
fn objects_in_a_row_are_told_apart() {
    assert_eq!(made(split::json, "{\"a\":1}{\"a\":2}").unwrap(), ["{\"a\":1}", "{\"a\":2}"]);
    assert_eq!(made(split::json, " {\"a\":\"}\"}\n\t{} ").unwrap(), ["{\"a\":\"}\"}", "{}"]);
    assert_eq!(made(split::json, " \n").unwrap(), [""; 0]);
    assert!(made(split::json, "{}[1]").unwrap_err().contains("at byte 2"));
    assert!(made(split::json, "{} {\"a\"").unwrap_err().contains("behind byte 3"));
}

#[test]
fn pieces_between_delimiters_are_records_and_empty_ones_are_not() {
    let by = |delimiter: &'static str| {
        move |data: &Bytes, out: &mut Vec<Bytes>| {
            split::delimited(data, delimiter.as_bytes(), out);
            Ok(())
        }
    };
    assert_eq!(made(by("####"), "a####b###c####").unwrap(), ["a", "b###c"]);
    assert_eq!(made(by("|"), "||a|").unwrap(), ["a"]);
    assert_eq!(made(by("|"), "").unwrap(), [""; 0]);
}

#[test]
fn messages_of_a_log_group_are_taken_out() {
    let data = r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s",
        "subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1,"message":"plain"},
        {"id":"2","timestamp":2,"message":"with \"quotes\""}]}"#;
    assert_eq!(made(log_messages::messages, data).unwrap(), ["plain", "with \"quotes\""]);
    let control = r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"message":"CWL CONTROL MESSAGE"}]}"#;
    assert_eq!(made(log_messages::messages, control).unwrap(), [""; 0]);
    assert!(made(log_messages::messages, "{}").unwrap_err().contains("messageType"));
    assert!(made(log_messages::messages, r#"{"messageType":"X"}"#).unwrap_err().contains("\"X\""));
}

#[test]
fn a_query_tells_its_keys_and_where_it_is_wrong() {
    let keys = |query: &str| query::query_keys(query).map_err(|error| error.to_string());
    assert_eq!(
        keys("{a: .x.y, \"b\": (.t | strftime(\"%Y\")), c}"),
        Ok(Some(vec!["a".into(), "b".into(), "c".into()]))
    );
    assert_eq!(keys(". | {a}"), Ok(None));
    assert_eq!(keys("{(.k): 1}"), Ok(None));
    assert_eq!(keys("{a: .b | nothing}"), Err("the filter \"nothing\" is not defined".to_owned()));
    assert!(keys("{a: ").is_err());
    assert!(keys(".a[").is_err());
}

#[test]
fn queries_run_on_strict_json_of_limited_depth() {
    let query = query::Query::compile("{k: .a[1].b}").unwrap();
    assert_eq!(query.first(br#"{"a":[0,{"b":"x"}]}"#, NOW).unwrap().to_string(), r#"{"k":"x"}"#);
    assert!(query.first(b"{'a':1}", NOW).unwrap_err().contains("no JSON document"));
    assert!(query.first(b"{} {}", NOW).unwrap_err().contains("no JSON document"));
    assert!(query.first(&vec![b'['; 1 << 20], NOW).unwrap_err().contains("recursion limit"));
    assert!(query.first(br#"{"a":1}"#, NOW).unwrap_err().contains("the query failed"));
    let nothing = query::Query::compile("empty").unwrap();
    assert!(nothing.first(b"{}", NOW).unwrap_err().contains("no output"));
    let dates =
        query::Query::compile("{day: (.at | strptime(\"%Y-%m-%dT%H:%M:%SZ\") | mktime | strftime(\"%d\"))}");
    assert_eq!(
        dates.unwrap().first(br#"{"at":"2026-11-22T08:50:13Z"}"#, NOW).unwrap().to_string(),
        r#"{"day":"22"}"#
    );
}

#[test]
fn a_small_record_does_not_become_a_large_one() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..40 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = Bytes::from(encoder.finish().unwrap());
    assert!(bomb.len() < 100_000);
    assert!(decompress::gunzip(&bomb).unwrap_err().reason.contains("larger than"));
}

#[test]
fn an_account_that_loses_a_record_does_not_balance() {
    let one = Count { records: 1, bytes: 3 };
    let mut tally = Tally { taken: one, ..Tally::default() };
    assert!(!tally.balances());
    tally.dropped = one;
    assert!(tally.balances());
    tally.made = Change { records: 1, bytes: 0 };
    assert!(!tally.balances());
}

#[test]
fn a_query_that_does_not_end_is_given_up() {
    let told = |text: &str| query::Query::compile(text).unwrap().first(br#"{"a":1}"#, NOW).unwrap_err();
    for endless in [
        "def f: f; f",
        "[repeat(.)]",
        "[range(1e12)]",
        "last(range(0; 1; 0))",
        "until(false; .)",
        "def f: (error(.) // 1)?, f; [f]",
        "reduce repeat(1) as $x (0; . + $x)",
        "[limit(1e9; repeat(1))] | length",
        ".a |= until(false; .)",
        "path(def f: ., f; last(f))",
    ] {
        let reason = told(endless);
        assert!(reason.contains("does not come to an end"), "{endless}: {reason}");
    }
    for deep in [
        "def f: 1 + f; f",
        "def f: [f]; f",
        "def f: {a: f}; f",
        "def f: try error catch f; f",
        "def f: f | f; f",
        ". |= (def f: f + 1; f)",
    ] {
        let reason = told(deep);
        assert!(reason.contains("too deeply") || reason.contains("to an end"), "{deep}: {reason}");
    }
}

#[test]
fn a_query_that_makes_too_much_of_its_record_is_given_up() {
    let told = |text: &str| query::Query::compile(text).unwrap().first(br#"{"a":1}"#, NOW).unwrap_err();
    for large in [
        "\"x\" * 10000000000",
        "reduce range(60) as $i (\"x\"; . + .)",
        "reduce range(60) as $i ([1]; . + .)",
        "reduce range(60) as $i (1; [., .])",
        "reduce range(60) as $i (10; . * .)",
        "reduce range(60) as $i ({}; {a: ., b: .}) | tojson",
        "reduce range(60) as $i (\"x\"; . + .)? // 1",
        "[limit(1000; repeat(\"x\" * 100000))]",
        "\"x\" * 1000000 | explode",
    ] {
        let reason = told(large);
        assert!(reason.contains("too large"), "{large}: {reason}");
    }
    for deep in ["reduce range(100000) as $i (0; [.])", "reduce range(9999) as $i ({}; {a: .})"] {
        assert!(told(deep).contains("too deeply"), "{deep}");
    }
}

#[test]
fn what_replaces_the_library_does_the_same() {
    for (program, expected) in [
        ("[(null, \"añb\", [1,2], {a:1}, -5, 2.5) | length]", "[0,3,2,1,5,2.5]"),
        ("true | try length catch .", "\"true has no length\""),
        ("[\"foobar\" | contains(\"oba\", \"x\", \"\")]", "[true,false,true]"),
        ("{a:[1,{b:\"xyz\"}],c:2} | contains({a:[{b:\"y\"}]})", "true"),
        ("[{a:1} | has(\"a\", \"b\")], ([1] | [has(0, 1, -1)])", "[true,false]"),
        ("[1] | [has(0, 1, -1)]", "[true,false,false]"),
        ("\"a,ñ,a,a\" | indices(\",\")", "[1,3,5]"),
        ("[1,2,1,2,1] | indices([1,2]), indices(1)", "[0,2]"),
        ("[1,2,1] | indices(1)", "[0,2]"),
        ("{a:[1,\"x\"]} | tojson | fromjson", "{\"a\":[1,\"x\"]}"),
        ("[\"1.5\" | tonumber, tostring]", "[1.5,\"1.5\"]"),
        ("[1,[2,[3]]] | flatten", "[1,2,3]"),
        ("{a:1,b:2} | with_entries(.value += 1)", "{\"a\":2,\"b\":3}"),
        ("[3,1,2] | sort, map(. * 2)", "[1,2,3]"),
        ("[3,1,2] | sort_by(-.)", "[3,2,1]"),
        ("[{k:1},{k:2},{k:1}] | group_by(.k) | map(length)", "[2,1]"),
        ("{a:[1,2]} | .a[1] = 5 | .a |= map(. + 1) | del(.a[0])", "{\"a\":[6]}"),
        ("\"a-b-c\" | split(\"-\") | join(\"/\")", "\"a/b/c\""),
        ("\"x1y22\" | [scan(\"[0-9]+\")]", "[\"1\",\"22\"]"),
        ("\"2026-11-22\" | .[0:4] + \"/\" + .[5:7]", "\"2026/11\""),
        ("[.[]?], {a: (.b // \"none\")}", "[1]"),
        ("try error(\"x\") catch .", "\"x\""),
        ("try (.a |= error(\"y\")) catch .", "\"y\""),
        ("label $out | foreach (1,2,3) as $i (0; . + $i; if . > 2 then ., break $out else empty end)", "3"),
        ("9007199254740993 * 1000000000000", "9007199254740993000000000000"),
        ("[paths]", "[[\"a\"]]"),
        ("\"%41\" | @uri, @base64", "\"%2541\""),
        ("1700000000 | todate", "\"2023-11-14T22:13:20Z\""),
    ] {
        let query = query::Query::compile(program).unwrap();
        let output = query.first(br#"{"a":1}"#, NOW).map(|value| value.to_string());
        assert_eq!(output.as_deref(), Ok(expected), "{program}");
    }
}

#[test]
fn a_query_may_take_as_long_as_its_record_is_large() {
    let numbers: Vec<u32> = (0..100_000).collect();
    let record = serde_json::to_vec(&serde_json::json!({ "items": numbers })).unwrap();
    let query = query::Query::compile("{n: [.items[] | select(. % 2 == 0) | . + 1] | add}").unwrap();
    assert_eq!(query.first(&record, NOW).unwrap().to_string(), r#"{"n":2500000000}"#);
}

#[test]
fn a_query_sees_its_record_and_the_time_of_its_batch_and_nothing_else() {
    for refused in ["env.HOME", "halt", "halt(1)", "halt_error", "debug", "stderr", "input", "$ENV"] {
        let error = query::Query::compile(refused).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("is not defined")), "{refused}");
    }
    let first = |text: &str, record: &str| {
        let query = query::Query::compile(text).unwrap();
        query.first(record.as_bytes(), NOW).map(|value| value.to_string())
    };
    assert_eq!(first("{t: now}", "{}").unwrap(), r#"{"t":1795337413.5}"#);
    assert_eq!(first("[range(3)], 1", "{}").unwrap(), "[0,1,2]");
    assert_eq!(first("[range(2; 0; -1)]", "{}").unwrap(), "[2,1]");
    assert_eq!(first("[range(0, 1; 3)]", "{}").unwrap(), "[0,1,2,1,2]");
    assert_eq!(first("{k: (.m | fromjson | .k)}", r#"{"m":"{\"k\":\"v\"}"}"#).unwrap(), r#"{"k":"v"}"#);
    let deep = format!(r#"{{"m":"{}"}}"#, "[".repeat(1 << 19));
    assert!(first(".m | fromjson", &deep).unwrap_err().contains("recursion limit"));
}
