use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::{ANY, BOOLEAN, DOUBLE, INTEGER, STRING, TIMESTAMP};

static BLOB: Schema = Schema::blob();
static NAMES: Schema = Schema::list(&STRING);
static FLAT_NAMES: Schema =
    Schema::List { member: &STRING, min: None, max: None, flattened: true, item: "member" };
static LABELS: Schema = Schema::map(&STRING, &STRING);
static TAG: Schema =
    Schema::structure("Tag", &[Member::required("Key", &STRING), Member::new("Value", &STRING)]);
static TAGS: Schema = Schema::list(&TAG);
static NESTED: Schema =
    Schema::structure("Nested", &[Member::new("Deep", &TAGS), Member::new("Self", &NESTED)]);
static INPUT: Schema = Schema::structure(
    "Input",
    &[
        Member::new("Name", &STRING),
        Member::new("Count", &INTEGER),
        Member::new("Ratio", &DOUBLE),
        Member::new("Wanted", &BOOLEAN),
        Member::new("Since", &TIMESTAMP),
        Member::new("Data", &BLOB),
        Member::new("Names", &NAMES),
        Member::new("Flat", &FLAT_NAMES),
        Member::new("Labels", &LABELS),
        Member::new("Tags", &TAGS),
        Member::new("Nested", &NESTED),
        Member::new("Refused", &ANY),
    ],
);

static OPERATION: OperationModel = OperationModel {
    name: "Describe",
    method: "POST",
    uri: "/",
    input: &INPUT,
    output: &INPUT,
    result_wrapper: "DescribeResult",
    errors: &[],
    idempotency_token: None,
    refused_fields: &[],
};

fn decoded(form: &str) -> Value {
    decode(&INPUT, form.as_bytes()).unwrap()
}

#[test]
fn scalars_become_what_the_shape_says() {
    let form = "Action=Describe&Version=1&Name=a+b%26c&Count=-3&Ratio=0.5&Wanted=true&Since=2026-11-22T08:50:13Z&Data=aGk%3D";
    assert_eq!(
        decoded(form),
        json!({"Name": "a b&c", "Count": -3, "Ratio": 0.5, "Wanted": true, "Since": 1_795_337_413_i64, "Data": "aGk="})
    );
    assert_eq!(decoded(""), json!({}));
    assert_eq!(decoded("Name="), json!({"Name": ""}));
}

#[test]
fn lists_and_maps_are_numbered() {
    assert_eq!(
        decoded("Names.member.1=a&Names.member.2=b&Flat.1=x&Flat.2=y"),
        json!({"Names": ["a", "b"], "Flat": ["x", "y"]})
    );
    assert_eq!(
        decoded("Labels.entry.1.key=k&Labels.entry.1.value=v&Labels.entry.2.key=e&Labels.entry.2.value="),
        json!({"Labels": {"k": "v", "e": ""}})
    );
    assert_eq!(
        decoded("Tags.member.1.Key=a&Tags.member.1.Value=1&Tags.member.2.Key=b"),
        json!({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "b"}]})
    );
    assert_eq!(
        decoded("Nested.Self.Deep.member.1.Key=a"),
        json!({"Nested": {"Self": {"Deep": [{"Key": "a"}]}}})
    );
    assert_eq!(decoded("Names="), json!({"Names": []}));
}

#[test]
fn a_list_of_more_than_nine_items_stays_in_order() {
    let form: Vec<String> = (1..=25).rev().map(|index| format!("Names.member.{index}=n{index}")).collect();
    let names: Vec<String> = (1..=25).map(|index| format!("n{index}")).collect();
    assert_eq!(decoded(&form.join("&")), json!({"Names": names}));
}

#[test]
fn what_the_shape_does_not_know_appears_under_its_own_name() {
    assert_eq!(decoded("Name=a&Nmae=b"), json!({"Name": "a", "Nmae": "b"}));
    assert_eq!(decoded("Names.member.1=a&Names.member.3=c"), json!({"Names": ["a"], "Names.member.3": "c"}));
    assert_eq!(
        decoded("Tags.member.1.Key=a&Tags.member.1.Kye=b").get("Tags.member.1.Kye"),
        Some(&json!("b"))
    );
}

#[test]
fn a_name_that_only_begins_like_a_member_is_not_that_member() {
    assert_eq!(decoded("Namesake=b"), json!({"Namesake": "b"}));
    assert_eq!(decoded("Tags-1=a&Tags.member.1.Key=k"), json!({"Tags-1": "a", "Tags": [{"Key": "k"}]}));
}

#[test]
fn what_is_given_under_a_refused_name_is_seen() {
    let value = decoded("Refused.member.1.Key=a&Refused.member.1.Value=b");
    assert!(value["Refused"].as_object().is_some_and(|inside| inside.len() == 2), "{value}");
}

#[test]
fn a_value_of_the_wrong_type_is_refused_by_name() {
    for form in ["Count=many", "Ratio=x", "Ratio=NaN", "Wanted=yes", "Since=yesterday"] {
        let error = decode(&INPUT, form.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "MalformedInput");
        let name = form.split('=').next().unwrap();
        assert_eq!(error.message(), format!("Parameter '{name}' has a value of the wrong type"));
    }
}

#[test]
fn nesting_and_number_of_parameters_are_bounded() {
    let deep = format!("Nested.{}Deep.member.1.Key=a", "Self.".repeat(100));
    assert!(decode(&INPUT, deep.as_bytes()).unwrap_err().message().contains("nested too deeply"));
    let many = "a=1&".repeat(form::PARAMETERS_MAX + 1);
    assert_eq!(decode(&INPUT, many.as_bytes()).unwrap_err().code(), "MalformedQueryString");
    assert_eq!(decode(&INPUT, b"Name=%FF").unwrap_err().code(), "MalformedQueryString");
}

#[test]
fn answers_are_xml_in_the_models_order() {
    let output = json!({
        "Tags": [{"Key": "a<b", "Value": "\"&\u{1}"}], "Name": "x", "Since": 1_795_337_413.25,
        "Labels": {"k": "v"}, "Flat": ["p", "q"], "Names": [], "Wanted": false, "Ratio": null,
    });
    let result = encode_result(&OPERATION, &output);
    assert_eq!(
        std::str::from_utf8(&result).unwrap(),
        "<DescribeResult><Name>x</Name><Wanted>false</Wanted><Since>2026-11-22T08:50:13.250Z</Since>\
         <Names></Names><Flat>p</Flat><Flat>q</Flat>\
         <Labels><entry><key>k</key><value>v</value></entry></Labels>\
         <Tags><member><Key>a&lt;b</Key><Value>&quot;&amp;</Value></member></Tags></DescribeResult>"
    );
}

#[test]
fn errors_name_sender_code_and_request() {
    let error = ApiError::sender("InvalidAction", "no <such> thing").with_field("Detail", 7);
    let document = error_document("urn:x", error.code(), &error, "id-1");
    assert_eq!(
        std::str::from_utf8(&document).unwrap(),
        "<ErrorResponse xmlns=\"urn:x\"><Error><Type>Sender</Type><Code>InvalidAction</Code>\
         <Message>no &lt;such&gt; thing</Message><Detail>7</Detail></Error><RequestId>id-1</RequestId></ErrorResponse>\n"
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(form: Vec<u8>) {
        let _ = decode(&INPUT, &form);
    }

    #[test]
    fn nearly_right_forms_never_panic(
        form in "((Names|Flat|Tags|Labels|Nested|Self|Deep|member|entry|key|value|Key|[0-9]{1,3})[.=&%]?){0,40}"
    ) {
        let _ = decode(&INPUT, form.as_bytes());
    }

    #[test]
    fn any_text_survives_a_form(name: String, labels in proptest::collection::btree_map("\\PC{1,8}", "\\PC{0,8}", 0..12)) {
        let mut form = String::from("Name=");
        crate::sigv4::encode_uri(&mut form, name.as_bytes(), false);
        for (index, (key, value)) in labels.iter().enumerate() {
            for (part, text) in [("key", key), ("value", value)] {
                form.push_str(&format!("&Labels.entry.{}.{part}=", index + 1));
                crate::sigv4::encode_uri(&mut form, text.as_bytes(), false);
            }
        }
        let value = decoded(&form);
        prop_assert_eq!(&value["Name"], &json!(name));
        if !labels.is_empty() {
            prop_assert_eq!(&value["Labels"], &json!(labels));
        }
    }

    #[test]
    fn any_text_leaves_wellformed_xml(name: String) {
        let result = encode_result(&OPERATION, &json!({"Name": name}));
        let mut reader = quick_xml::Reader::from_reader(&result[..]);
        loop {
            match reader.read_event() {
                Ok(quick_xml::events::Event::Eof) => break,
                Ok(_) => {}
                Err(error) => prop_assert!(false, "{error}"),
            }
        }
    }
}
