use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::{ANY, ANY_MAP, Member, Pattern, Protocol, STRING};

static NAME_PATTERN: Pattern = Pattern::new("[a-zA-Z0-9_.-]+", "[a-zA-Z0-9_.-]+");
static NAME: Schema = Schema::string().sized(Some(1), Some(8)).matching(&NAME_PATTERN);
static MODE: Schema = Schema::enumeration(&["ON", "OFF"]);
static DATA: Schema = Schema::blob().sized(None, Some(4));
static SECRET: Schema = Schema::string().sized(Some(3), None).sensitive();
static RECORD: Schema =
    Schema::structure("Record", &[Member::required("Data", &DATA), Member::new("Next", &RECORD)]);
static RECORDS: Schema = Schema::list(&RECORD).sized(Some(1), Some(2));
static KEYS: Schema = Schema::list(&NAME);
static TAGS: Schema = Schema::map(&NAME, &NAME);
static COUNT: Schema = Schema::integer(Some(1), None);
static INPUT: Schema = Schema::structure(
    "PutInput",
    &[
        Member::required("StreamName", &NAME),
        Member::new("Mode", &MODE),
        Member::new("Records", &RECORDS),
        Member::new("TagKeys", &KEYS),
        Member::new("Tags", &TAGS),
        Member::new("ShardCount", &COUNT),
        Member::new("Secret", &SECRET),
        Member::new("At", &crate::model::TIMESTAMP),
        Member::new("Later", &ANY),
        Member::new("LaterMap", &ANY_MAP),
        Member::new("Free", &STRING),
    ],
);
static PUT: OperationModel = OperationModel {
    name: "Put",
    method: "POST",
    uri: "/",
    input: &INPUT,
    output: &INPUT,
    result_wrapper: "",
    errors: &[],
    idempotency_token: None,
    refused_fields: &[
        RefusedField { path: &["Later"], reason: "it is not built" },
        RefusedField { path: &["LaterMap"], reason: "it is not built" },
        RefusedField { path: &["Records", "Next"], reason: "one at a time" },
    ],
};
static SERVICE: ServiceModel = ServiceModel {
    name: "example",
    signing_name: "example",
    full_name: "Example",
    protocol: Protocol::Json11,
    target_prefix: "Example_1",
    api_version: "1",
    xml_namespace: "",
    constraint_error: "ValidationException",
    unsupported_field_error: "InvalidArgumentException",
    operations: &[&PUT],
    refused: &[],
    errors: &[],
};

fn answer(mut more: Value) -> String {
    if more.get("StreamName").is_none() {
        more["StreamName"] = json!("s");
    }
    match check(&SERVICE, &PUT, &more) {
        Ok(()) => "ok".to_owned(),
        Err(rejection) => format!("{}: {}", rejection.code, rejection.message),
    }
}

fn violation(more: Value) -> String {
    let answer = answer(more);
    let start = "ValidationException: 1 validation error detected: Value ";
    answer.strip_prefix(start).unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[test]
fn right_inputs_pass_whatever_they_leave_out() {
    for input in [
        json!({}),
        json!({"Mode": "ON", "Records": [{"Data": "AAAA"}], "TagKeys": [], "Tags": {"a": "b"}, "ShardCount": 1}),
        json!({"Mode": null, "At": 1.5}),
        json!({"At": "2026-01-02T03:04:05Z", "Secret": "long"}),
        json!({"StreamName": "ééé".replace('é', "e")}),
    ] {
        assert_eq!(answer(input), "ok");
    }
}

#[test]
fn scalars_are_reported_in_the_services_words() {
    let rule = "failed to satisfy constraint: Member must";
    for (input, message) in [
        (
            json!({"StreamName": "a b"}),
            format!("'a b' at 'streamName' {rule} satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
        ),
        (
            json!({"StreamName": "abcdefghi"}),
            format!("'abcdefghi' at 'streamName' {rule} have length less than or equal to 8"),
        ),
        (json!({"StreamName": null}), format!("null at 'streamName' {rule} not be null")),
        (json!({"Mode": "on"}), format!("'on' at 'mode' {rule} satisfy enum value set: [ON, OFF]")),
        (
            json!({"ShardCount": 0}),
            format!("'0' at 'shardCount' {rule} have value greater than or equal to 1"),
        ),
        (json!({"Secret": "ab"}), format!("at 'secret' {rule} have length greater than or equal to 3")),
    ] {
        assert_eq!(violation(input), message);
    }
}

#[test]
fn members_of_lists_and_maps_are_named_by_their_place() {
    let rule = "failed to satisfy constraint:";
    assert_eq!(
        violation(json!({"Records": [{"Data": "AAAA"}, {"Data": "AAAAAAAA"}]})),
        format!(
            "'java.nio.HeapByteBuffer[pos=0 lim=6 cap=6]' at 'records.2.member.data' {rule} Member must have length less than or equal to 4"
        )
    );
    assert_eq!(
        violation(json!({"Records": []})),
        format!("'[]' at 'records' {rule} Member must have length greater than or equal to 1")
    );
    let all = "[Member must have length less than or equal to 8, Member must have length greater than or equal to 1, \
               Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+]";
    assert_eq!(
        violation(json!({"TagKeys": ["a", ""]})),
        format!("'[a, ]' at 'tagKeys' {rule} Member must satisfy constraint: {all}")
    );
    assert_eq!(
        violation(json!({"Tags": {"a b": "c"}})),
        format!("'{{a b=c}}' at 'tags' {rule} Map keys must satisfy constraint: {all}")
    );
    assert_eq!(
        violation(json!({"Tags": {"a": "c d"}})),
        format!("'{{a=c d}}' at 'tags' {rule} Map value must satisfy constraint: {all}")
    );
}

#[test]
fn several_violations_are_listed_in_one_message_and_are_bounded() {
    assert_eq!(
        answer(json!({"StreamName": "", "ShardCount": -1})),
        "ValidationException: 3 validation errors detected: \
         Value '' at 'streamName' failed to satisfy constraint: Member must have length greater than or equal to 1; \
         Value '' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; \
         Value '-1' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1"
    );
    for item in [json!({}), json!(null), json!(5)] {
        let many: Vec<_> = (0..1000).map(|_| item.clone()).collect();
        let found = validate(&INPUT, &json!({"StreamName": "s", "Records": many}));
        assert_eq!(found.len(), crate::model::VIOLATIONS_MAX);
    }
}

#[test]
fn wrong_types_are_serialization_errors_that_name_the_place() {
    for (input, message) in [
        (json!({"StreamName": 5}), "NUMBER_VALUE can not be converted to String at 'streamName'"),
        (json!({"ShardCount": "5"}), "STRING_VALUE can not be converted to Integer at 'shardCount'"),
        (
            json!({"ShardCount": 5_000_000_000_i64}),
            "NUMBER_VALUE can not be converted to Integer at 'shardCount'",
        ),
        (json!({"ShardCount": 1.5}), "NUMBER_VALUE can not be converted to Integer at 'shardCount'"),
        (json!({"Records": {}}), "Start of structure or map found where not expected at 'records'"),
        (
            json!({"Records": [{"Data": "***"}]}),
            "STRING_VALUE can not be converted to Blob: it is not base64 at 'records.1.member.data'",
        ),
        (json!({"At": "yesterday"}), "STRING_VALUE can not be converted to Timestamp at 'at'"),
    ] {
        assert_eq!(answer(input), format!("SerializationException: {message}"));
    }
    assert!(check(&SERVICE, &PUT, &json!([])).unwrap_err().message.starts_with("Start of list"));
}

#[test]
fn unknown_fields_are_refused_by_name() {
    assert_eq!(
        answer(json!({"StreemName": "x"})),
        "InvalidArgumentException: Unknown field 'StreemName' in Put"
    );
    assert_eq!(
        answer(json!({"Records": [{"Data": "", "Date": 1}]})),
        "InvalidArgumentException: Unknown field 'records.1.member.Date' in Put"
    );
}

#[test]
fn refused_fields_are_refused_with_their_reason_unless_they_ask_for_nothing() {
    let refusal = "InvalidArgumentException: Field 'Later' is not supported by Mulgil: it is not built";
    for asks in [json!(0), json!("x"), json!([1]), json!({}), json!(true)] {
        assert_eq!(answer(json!({"Later": asks})), refusal);
    }
    for asks_nothing in
        [json!({"Later": []}), json!({"Later": false}), json!({"Later": null}), json!({"LaterMap": {}})]
    {
        assert_eq!(answer(asks_nothing), "ok");
    }
    assert_eq!(
        answer(json!({"Records": [{"Data": ""}, {"Data": "", "Next": {"Data": ""}}]})),
        "InvalidArgumentException: Field 'Records.Next' is not supported by Mulgil: one at a time"
    );
}

#[test]
fn lengths_count_characters_not_bytes() {
    static SHORT: Schema = Schema::string().sized(Some(2), Some(3));
    for (text, right) in [("물길", true), ("물", false), ("물길물", true), ("물길물길", false), ("ab", true)]
    {
        assert_eq!(validate(&SHORT, &json!(text)).is_empty(), right, "{text}");
    }
}

#[test]
fn a_shape_may_contain_itself() {
    static NEXT: Schema = Schema::structure("Next", &[Member::new("Next", &NEXT)]);
    let mut value = json!({});
    for _ in 0..100 {
        value = json!({ "Next": value });
    }
    assert!(validate(&NEXT, &value).is_empty());
}

#[test]
fn the_constraint_walk_agrees_with_this_model() {
    let tried = crate::model::testing::assert_constraints(&SERVICE);
    assert!(tried.violations > 30, "{tried:?}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let member =
        prop::sample::select(vec!["StreamName", "Records", "Data", "Next", "Tags", "TagKeys", "At", "Else"]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,9}".prop_map(Value::from),
        "[A-Za-z0-9+/]{0,8}={0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((member.clone(), inner), 0..6).prop_map(|entries| entries
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_gets_a_bounded_answer_that_names_a_place(value in any_json()) {
        let found = validate(&INPUT, &value);
        prop_assert!(found.len() <= crate::model::VIOLATIONS_MAX + INPUT.members().len());
        if let Err(rejection) = check(&SERVICE, &PUT, &value) {
            prop_assert!(!rejection.message.is_empty() && rejection.message.len() < 64 << 10);
        } else {
            prop_assert!(found.is_empty() && value.get("StreamName").is_some_and(Value::is_string));
        }
    }

    #[test]
    fn a_text_passes_exactly_when_its_length_and_letters_do(text in "[a-c ]{0,10}") {
        let right = (1..=8).contains(&text.len()) && !text.contains(' ');
        prop_assert_eq!(validate(&NAME, &json!(text)).is_empty(), right);
    }
}
