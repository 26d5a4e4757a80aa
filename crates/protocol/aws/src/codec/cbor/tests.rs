use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::cbor::write;
use crate::model::{BOOLEAN, DOUBLE, LONG, Member, STRING, TIMESTAMP};

static BLOB: Schema = Schema::blob();
static NAMES: Schema = Schema::list(&STRING);
static ENTRIES: Schema = Schema::map(&STRING, &BLOB);
static INPUT: Schema = Schema::structure(
    "Input",
    &[
        Member::new("Data", &BLOB),
        Member::new("Since", &TIMESTAMP),
        Member::new("Count", &LONG),
        Member::new("Share", &DOUBLE),
        Member::new("Whole", &BOOLEAN),
        Member::new("Names", &NAMES),
        Member::new("Entries", &ENTRIES),
    ],
);

fn read(body: &[u8]) -> Result<Value, ApiError> {
    decode(&INPUT, body, Epoch::Millis)
}

fn refusal(body: &[u8]) -> String {
    read(body).unwrap_err().to_string()
}

/// A map of one member.
fn with(name: &str, item: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    write::map(&mut body, 1);
    write::text(&mut body, name);
    body.extend_from_slice(item);
    body
}

#[test]
fn a_body_becomes_what_json_would_have_said() {
    // As the SDK for Java writes it: containers without lengths, tag 1 before milliseconds.
    let mut body = b"\xbf\x64Data\x42hi\x65Since\xc1\x1b\x00\x00\x01\xa2\x02\xbe\xec\x02".to_vec();
    body.extend_from_slice(b"\x65Names\x9f\x61a\x7f\x61b\x61c\xff\xff\x67Entries\xbf\x61k\x41x\xff");
    body.extend_from_slice(b"\x65Count\x39\x03\xe7\x65Share\xf9\x3e\x00\x65Whole\xf5\xff");
    let millis = 0x0000_01a2_02be_ec02_i64;
    assert_eq!(
        read(&body).unwrap(),
        json!({
            "Data": "aGk=", "Since": millis as f64 / 1000.0, "Names": ["a", "bc"], "Entries": {"k": "eA=="},
            "Count": -1000, "Share": 1.5, "Whole": true,
        })
    );
    assert_eq!(read(b"").unwrap(), json!({}));
    assert_eq!(read(b"\xa0").unwrap(), json!({}));
    assert_eq!(read(b"\xa1\x64Data\xf6").unwrap(), json!({"Data": null}));
}

#[test]
fn timestamps_have_the_unit_of_the_protocol() {
    let body = with("Since", b"\xc1\x1a\x00\x0f\x42\x40");
    assert_eq!(read(&body).unwrap()["Since"], json!(1000));
    assert_eq!(decode(&INPUT, &body, Epoch::Seconds).unwrap()["Since"], json!(1_000_000));
    let body = with("Since", &[&[0xc1, 0xfb][..], &12.25_f64.to_be_bytes()].concat());
    assert_eq!(decode(&INPUT, &body, Epoch::Seconds).unwrap()["Since"], json!(12.25));
}

#[test]
fn a_string_of_the_wrong_kind_is_refused_by_the_members_name() {
    assert!(refusal(&with("Data", b"\x64aGk=")).contains("'Data': Blob: it is not a byte string"));
    assert!(refusal(&with("Names", b"\x81\x42hi")).contains("byte string as 'Names'"));
    // Wrong types that JSON has too are left to the check.
    assert_eq!(read(&with("Count", b"\x61x")).unwrap(), json!({"Count": "x"}));
    assert_eq!(read(&with("Share", b"\xf9\x7e\x00")).unwrap(), json!({"Share": "NaN"}));
    assert_eq!(
        read(&with("Count", b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff")).unwrap(),
        json!({"Count": u64::MAX})
    );
}

#[test]
fn what_is_no_request_is_refused() {
    for (body, message) in [
        (&b"\x80"[..], "must be a CBOR map"),
        (b"\xa0\x00", "goes on after its end at byte 1"),
        (b"\xa1\x01\x01", "keys of a map must be text"),
        (b"\xbf\x64Data", "ends within an item"),
        (b"\xbf\x64Data\xff", "begins no item"),
        (b"\xa1\x64Data\x5f\x61a\xff", "begins no item"),
        (b"\xa1\x65Names\x81\x61\xff", "is not UTF-8"),
        (b"{\"Data\":\"\"}", "ends within an item"),
    ] {
        let refusal = refusal(body);
        assert!(refusal.starts_with("SerializationException: ") && refusal.contains(message), "{refusal}");
    }
}

#[test]
fn lengths_that_lie_are_refused_without_memory_for_them() {
    let huge = b"\xff\xff\xff\xff\xff\xff\xff\xff";
    for (name, kind) in [("Data", 0x5b), ("Names", 0x7b), ("Names", 0x9b), ("Entries", 0xbb)] {
        let body = with(name, &[&[kind][..], huge].concat());
        assert!(refusal(&body).contains("ends within an item"), "{kind:x}");
    }
}

#[test]
fn deep_nesting_and_many_values_are_refused() {
    for opener in [&b"\x81"[..], b"\x9f", b"\xa1\x61a", b"\xbf\x61a"] {
        let body = with("Other", &opener.repeat(100_000));
        assert!(refusal(&body).contains("nested more than 128 deep"), "{opener:x?}");
    }
    assert!(refusal(&with("Other", &b"\xc1".repeat(100_000))).contains("begins no item"));
    let many = with("Other", &[&b"\x9f"[..], &vec![0; VALUES_MAX], b"\xff"].concat());
    assert!(refusal(&many).contains("more than 1048576 values"));
}

/// Items that every decoder understands alike.
fn item() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300_f64).prop_map(Value::from),
        ".{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_here_and_by_an_independent_decoder(value in item()) {
        let document = json!({ "Other": value });
        let mut body = Vec::new();
        to_writer(&document, Epoch::Millis, &mut body).unwrap();
        prop_assert_eq!(&read(&body).unwrap(), &document);
        let independent: Value = ciborium::from_reader(&body[..]).unwrap();
        prop_assert_eq!(&independent, &document);
    }

    #[test]
    fn what_an_independent_encoder_writes_is_read(value in item()) {
        let document = json!({ "Other": value });
        let mut body = Vec::new();
        ciborium::into_writer(&document, &mut body).unwrap();
        prop_assert_eq!(read(&body).unwrap(), document);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = read(&bytes);
        let _ = read(&with("Entries", &bytes));
    }

    #[test]
    fn a_damaged_body_is_read_or_refused(value in item(), at: prop::sample::Index, byte: u8) {
        let mut body = with("Other", b"");
        to_writer(&value, Epoch::Millis, &mut body).unwrap();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = read(&body);
    }
}
