use chrono_tz::Tz;
use rt::{Rt, Timestamp};

use super::*;

/// 2018-08-27T10:30:00Z.
const TIME: Timestamp = Timestamp::from_millis(1_535_365_800_000);

fn rt() -> Rt {
    Rt::manual(TIME, 7).0
}

fn render(prefix: &Prefix, failure: &str) -> String {
    prefix.render(TIME, Tz::UTC, failure, &rt())
}

#[test]
fn a_plain_prefix_is_followed_by_the_hour() {
    assert_eq!(render(&Prefix::parse("").unwrap(), ""), "2018/08/27/10/");
    assert_eq!(render(&Prefix::parse("flights/").unwrap(), ""), "flights/2018/08/27/10/");
}

#[test]
fn expressions_replace_the_default_hour() {
    let prefix = Prefix::parse("flights/year=!{timestamp:yyyy}/month=!{timestamp:MM}/").unwrap();
    assert_eq!(render(&prefix, ""), "flights/year=2018/month=08/");
    assert_eq!(render(&Prefix::parse("a/!{timestamp:'dt='yyyy-MM-dd}/").unwrap(), ""), "a/dt=2018-08-27/");
}

#[test]
fn each_random_string_is_eleven_characters_of_its_own() {
    let prefix = Prefix::parse("!{firehose:random-string}/!{firehose:random-string}").unwrap();
    let rendered = render(&prefix, "");
    let (first, second) = rendered.split_once('/').unwrap();
    assert_eq!((first.len(), second.len()), (11, 11));
    assert_ne!(first, second);
}

#[test]
fn error_prefixes_follow_the_documented_table() {
    for (delivered, errors, expected) in [
        ("flights/", "", "flights/format-conversion-failed/2018/08/27/10/"),
        ("", "", "format-conversion-failed/2018/08/27/10/"),
        ("flights/", "bad/", "bad/format-conversion-failed/2018/08/27/10/"),
        ("", "bad/!{firehose:error-output-type}/!{timestamp:yyyy}/", "bad/format-conversion-failed/2018/"),
        ("", "bad/!{timestamp:yyyy}/", "bad/2018/"),
        ("a=!{timestamp:yyyy}/", "", "format-conversion-failed/2018/08/27/10/"),
    ] {
        let prefix = Prefix::parse_errors(errors, delivered).unwrap();
        assert_eq!(render(&prefix, "format-conversion-failed"), expected, "{delivered} {errors}");
    }
}

#[test]
fn what_cannot_be_evaluated_is_refused_when_it_is_read() {
    for (text, error) in [
        ("a/!{timestamp:yyyy", PrefixError::Open(2)),
        ("!{yyyy}", PrefixError::Form("yyyy".to_owned())),
        ("!{partitionKeyFromTable:id}", PrefixError::Namespace("partitionKeyFromTable".to_owned())),
        ("!{partitionKeyFromQuery:}", PrefixError::Value(String::new())),
        ("!{firehose:nothing}", PrefixError::Value("nothing".to_owned())),
        ("!{firehose:error-output-type}", PrefixError::FailureOutsideErrors),
        (
            "!{timestamp:G}",
            PrefixError::Pattern { pattern: "G".to_owned(), source: PatternError::Letter('G') },
        ),
    ] {
        assert_eq!(Prefix::parse(text), Err(error), "{text}");
    }
    let keyed = "!{partitionKeyFromQuery:id}/";
    assert_eq!(Prefix::parse_errors(keyed, ""), Err(PrefixError::KeyOutsideRecords));
    assert_eq!(Prefix::parse_unpartitioned(keyed), Err(PrefixError::KeyOutsideRecords));
}

#[test]
fn a_prefix_tells_its_partition_keys_each_once() {
    let text = "!{partitionKeyFromQuery:b}/!{partitionKeyFromLambda:l}/!{partitionKeyFromQuery:a}/!{partitionKeyFromQuery:b}/";
    let prefix = Prefix::parse(text).unwrap();
    assert_eq!(prefix.keys(KeySource::Query), ["b", "a"]);
    assert_eq!(prefix.keys(KeySource::Function), ["l"]);
}

#[test]
fn a_prefix_changes_at_the_next_start_of_its_finest_unit() {
    let after = |text: &str, zone: Tz| Prefix::parse(text).unwrap().changes_after(TIME, zone);
    let at = |text: &str| Some(Timestamp::from_utc(text.parse().unwrap()));
    assert_eq!(after("flights/", Tz::UTC), at("2018-08-27T11:00:00Z"));
    assert_eq!(after("!{timestamp:yyyy-MM-dd}/", Tz::UTC), at("2018-08-28T00:00:00Z"));
    assert_eq!(after("!{timestamp:yyyy-MM-dd}/", Tz::Asia__Seoul), at("2018-08-27T15:00:00Z"));
    assert_eq!(after("!{timestamp:HH-mm-ss}/", Tz::UTC), at("2018-08-27T11:00:00Z"));
    assert_eq!(after("!{firehose:random-string}/", Tz::UTC), None);
}

#[test]
fn boundaries_exist_where_clocks_are_turned() {
    let hourly = Prefix::parse("").unwrap();
    let daily = Prefix::parse("!{timestamp:yyyy-MM-dd}/").unwrap();
    let at = |text: &str| Timestamp::from_utc(text.parse().unwrap());
    // Berlin skips 02:00 to 03:00 on 2024-03-31 and repeats it on 2024-10-27.
    let spring = at("2024-03-31T00:30:00Z");
    assert_eq!(hourly.changes_after(spring, Tz::Europe__Berlin), Some(at("2024-03-31T01:00:00Z")));
    let autumn = at("2024-10-27T00:30:00Z");
    let next = hourly.changes_after(autumn, Tz::Europe__Berlin).unwrap();
    assert!(next > autumn && next <= at("2024-10-27T02:00:00Z"));
    // Midnight of 2024-09-08 does not exist in Santiago.
    let night = at("2024-09-08T03:30:00Z");
    assert_eq!(daily.changes_after(night, Tz::America__Santiago), Some(at("2024-09-08T04:00:00Z")));
}
