//! The quick decoders against the generated ones.

use aws::model::testing::to_cbor;
use aws::{Codec, Format};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::{PutRecordInput, PutRecordsInput, SERVICE, op};

fn generated(body: &[u8]) -> Option<PutRequest> {
    let codec = Codec { format: Format::Json, service: &SERVICE, operation: &op::PUT_RECORDS };
    PutRequest::try_from(codec.decode::<PutRecordsInput>(body).ok()?).ok()
}

fn generated_one(body: &[u8]) -> Option<PutRequest> {
    let codec = Codec { format: Format::Json, service: &SERVICE, operation: &op::PUT_RECORD };
    PutRequest::try_from(codec.decode::<PutRecordInput>(body).ok()?).ok()
}

/// What the quick decoder takes, the generated one takes too and reads alike.
fn agree(body: &[u8]) {
    let shared = Bytes::copy_from_slice(body);
    let text = || String::from_utf8_lossy(body).into_owned();
    if let Some(request) = put_records(&shared) {
        assert_eq!(Some(request), generated(body), "{}", text());
    }
    if let Some(request) = put_record(&shared) {
        assert_eq!(Some(request), generated_one(body), "{}", text());
    }
}

fn plain_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9-]{1,12}", "\\PC{0,8}", "[^\"\\\\]{250,260}", Just(String::new())]
}

fn name() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => "[a-zA-Z0-9_.-]{1,20}".prop_map(Value::from),
        1 => "[a-z]{126,130}".prop_map(Value::from),
        1 => plain_text().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<i32>().prop_map(Value::from),
    ]
}

fn arn() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => "arn:aws(-cn)?:kinesis:[a-z0-9-]{0,10}:[0-9]{12}:stream/[a-z0-9_.-]{1,10}".prop_map(Value::from),
        1 => "arn:aws[:a-z]{0,3}:(kinesis|s3):[a-z0-9-]{0,4}:[0-9]{11,13}:(stream|queue)/?[a-z:/ ]{0,10}".prop_map(Value::from),
        1 => plain_text().prop_map(Value::from),
    ]
}

fn hash() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => any::<u128>().prop_map(|hash| Value::from(hash.to_string())),
        1 => Just(Value::from("340282366920938463463374607431768211456")),
        1 => "[+-]?0?[0-9]{0,40}".prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn data() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Value::from(STANDARD.encode_to_string(&bytes))),
        1 => "[A-Za-z0-9+/=_ -]{0,12}".prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
    ]
}

fn members(shapes: Vec<(&'static str, u32, BoxedStrategy<Value>)>) -> impl Strategy<Value = Value> {
    let members: Vec<_> = shapes
        .into_iter()
        .map(|(name, weight, value)| {
            prop_oneof![weight => value.prop_map(move |value| Some((name.to_owned(), value))), 1 => Just(None)]
        })
        .collect();
    members.prop_map(|members| Value::Object(members.into_iter().flatten().collect()))
}

fn record() -> impl Strategy<Value = Value> {
    members(vec![
        ("Data", 30, data().boxed()),
        ("PartitionKey", 30, plain_text().prop_map(Value::from).boxed()),
        ("ExplicitHashKey", 1, hash().boxed()),
        ("Extra", 0, Just(json!(1)).boxed()),
    ])
}

fn put_records_body() -> impl Strategy<Value = Value> {
    members(vec![
        ("StreamName", 9, name().boxed()),
        ("StreamARN", 1, arn().boxed()),
        ("Records", 30, prop::collection::vec(record(), 0..4).prop_map(Value::from).boxed()),
        ("DryRun", 0, any::<bool>().prop_map(Value::from).boxed()),
    ])
}

fn put_record_body() -> impl Strategy<Value = Value> {
    members(vec![
        ("StreamName", 9, name().boxed()),
        ("StreamARN", 1, arn().boxed()),
        ("Data", 30, data().boxed()),
        ("PartitionKey", 30, plain_text().prop_map(Value::from).boxed()),
        ("ExplicitHashKey", 1, hash().boxed()),
        ("SequenceNumberForOrdering", 0, Just(json!("1")).boxed()),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_decoders_agree_on_documents(body in prop_oneof![put_records_body(), put_record_body()]) {
        agree(body.to_string().as_bytes());
    }

    #[test]
    fn the_decoders_agree_on_damaged_documents(body in put_records_body(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut body = body.to_string().into_bytes();
        let at = at.index(body.len());
        if cut {
            body.truncate(at);
        } else {
            body[at] = byte;
        }
        agree(&body);
    }

    /// Otherwise the quick decoder could agree by refusing everything.
    #[test]
    fn plain_requests_take_the_quick_way(stream in "[a-zA-Z0-9_.-]{1,128}", records in prop::collection::vec(("[^\"\\\\\\p{C}]{1,256}", prop::collection::vec(any::<u8>(), 0..50), prop::option::of(any::<u128>())), 1..20), by_arn in any::<bool>()) {
        let mut body = json!({
            "Records": records
                .iter()
                .map(|(key, data, hash)| {
                    let mut record = json!({"PartitionKey": key, "Data": STANDARD.encode_to_string(data)});
                    if let Some(hash) = hash {
                        record["ExplicitHashKey"] = hash.to_string().into();
                    }
                    record
                })
                .collect::<Vec<_>>(),
        });
        if by_arn {
            body["StreamARN"] = format!("arn:aws:kinesis:eu-west-1:123456789012:stream/{stream}").into();
        } else {
            body["StreamName"] = stream.into();
        }
        let body = Bytes::from(body.to_string());
        let request = put_records(&body).expect("the quick way");
        let slow = generated(&body);
        prop_assert_eq!(Some(&request), slow.as_ref());
        let keys: Vec<_> = request.records.iter().map(|record| &record.key[..]).collect();
        prop_assert_eq!(keys, records.iter().map(|(key, ..)| key.as_bytes()).collect::<Vec<_>>());
    }
}

#[test]
fn too_many_records_and_too_much_data_are_left_to_the_generated_decoder() {
    let record = json!({"PartitionKey": "k", "Data": ""});
    let body =
        |count| Bytes::from(json!({"StreamName": "s", "Records": vec![record.clone(); count]}).to_string());
    assert!(put_records(&body(500)).is_some());
    assert!(put_records(&body(501)).is_none() && put_records(&body(0)).is_none());
    let body = |bytes| {
        let data = STANDARD.encode_to_string(vec![0; bytes]);
        Bytes::from(json!({"StreamName": "s", "PartitionKey": "k", "Data": data}).to_string())
    };
    assert!(put_record(&body(DATA_BYTES_MAX)).is_some());
    assert!(put_record(&body(DATA_BYTES_MAX + 1)).is_none());
}

#[test]
fn names_and_keys_are_as_long_as_the_model_says() {
    let body = |name: usize, key: &str| {
        let input = json!({"StreamName": "s".repeat(name), "PartitionKey": key, "Data": ""});
        Bytes::from(input.to_string())
    };
    let long = "키".repeat(256);
    for (name, key, taken) in
        [(128, "k", true), (129, "k", false), (0, "k", false), (1, &*long, true), (1, "", false)]
    {
        assert_eq!(put_record(&body(name, key)).is_some(), taken, "{name}");
        assert_eq!(generated_one(&body(name, key)).is_some(), taken, "{name}");
    }
    assert!(put_record(&body(1, &format!("{long}k"))).is_none());
}

#[test]
fn keys_are_slices_of_the_body() {
    let body = Bytes::from_static(br#"{"StreamName":"s","PartitionKey":"key","Data":"AAAA"}"#);
    let request = put_record(&body).expect("the quick way");
    let place = body.as_ptr() as usize + 34;
    assert_eq!(request.records[0].key.as_ptr() as usize, place);
}

/// What the quick decoder of CBOR takes, the generated one takes too and reads alike.
fn agree_in_cbor(body: &[u8]) {
    let shared = Bytes::copy_from_slice(body);
    let codec = |operation| Codec { format: Format::Cbor, service: &SERVICE, operation };
    if let Some(request) = cbor::put_records(&shared) {
        let slow: PutRecordsInput = codec(&op::PUT_RECORDS).decode(body).unwrap();
        assert_eq!(request, PutRequest::try_from(slow).unwrap(), "{body:x?}");
    }
    if let Some(request) = cbor::put_record(&shared) {
        let slow: PutRecordInput = codec(&op::PUT_RECORD).decode(body).unwrap();
        assert_eq!(request, PutRequest::try_from(slow).unwrap(), "{body:x?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_decoders_agree_on_cbor(records in put_records_body(), record in put_record_body()) {
        agree_in_cbor(&to_cbor(op::PUT_RECORDS.input, &records));
        agree_in_cbor(&to_cbor(op::PUT_RECORD.input, &record));
    }

    #[test]
    fn the_decoders_agree_on_damaged_cbor(body in put_records_body(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut body = to_cbor(op::PUT_RECORDS.input, &body);
        let at = at.index(body.len());
        if cut {
            body.truncate(at);
        } else {
            body[at] = byte;
        }
        agree_in_cbor(&body);
    }

    #[test]
    fn plain_requests_in_cbor_take_the_quick_way(stream in "[a-zA-Z0-9_.-]{1,128}", records in prop::collection::vec(("[^\"\\\\\\p{C}]{1,60}", prop::collection::vec(any::<u8>(), 0..50), prop::option::of(any::<u128>())), 1..20)) {
        let document = json!({
            "StreamName": stream,
            "Records": records
                .iter()
                .map(|(key, data, hash)| {
                    let mut record = json!({"PartitionKey": key, "Data": STANDARD.encode_to_string(data)});
                    if let Some(hash) = hash {
                        record["ExplicitHashKey"] = hash.to_string().into();
                    }
                    record
                })
                .collect::<Vec<_>>(),
        });
        let body = Bytes::from(to_cbor(op::PUT_RECORDS.input, &document));
        let request = cbor::put_records(&body).expect("the quick way");
        prop_assert_eq!(&request, &put_records(&Bytes::from(document.to_string())).expect("the quick way"));
        // The data is where it arrived.
        for record in request.records {
            let place = record.data.as_ptr() as usize;
            prop_assert!(record.data.is_empty() || body.as_ptr_range().contains(&(place as *const u8)));
        }
    }
}

#[test]
fn too_many_records_and_too_much_data_in_cbor_are_left_to_the_generated_decoder() {
    let record = json!({"PartitionKey": "k", "Data": ""});
    let body = |count| {
        let document = json!({"StreamName": "s", "Records": vec![record.clone(); count]});
        Bytes::from(to_cbor(op::PUT_RECORDS.input, &document))
    };
    assert!(cbor::put_records(&body(500)).is_some());
    assert!(cbor::put_records(&body(501)).is_none() && cbor::put_records(&body(0)).is_none());
    let body = |bytes| {
        let data = STANDARD.encode_to_string(vec![0; bytes]);
        let document = json!({"StreamName": "s", "PartitionKey": "k", "Data": data});
        Bytes::from(to_cbor(op::PUT_RECORD.input, &document))
    };
    assert!(cbor::put_record(&body(DATA_BYTES_MAX)).is_some());
    assert!(cbor::put_record(&body(DATA_BYTES_MAX + 1)).is_none());
}
