//! What the targets share: a real service's shapes, and the walk from a body to a checked input.

// The generated shapes need nothing of their service, so that the log and the metadata store are not built.
#[path = "../../../crates/services/kinesis/src/model.rs"]
pub mod kinesis;
#[path = "../../../crates/services/sts/src/model.rs"]
pub mod sts;

use aws::model::{ServiceModel, check};
use aws::{Codec, Format};

/// The first byte of an input chooses the operation, the rest is the body.
pub fn request<'a>(
    service: &'static ServiceModel,
    format: Format,
    input: &'a [u8],
) -> Option<(Codec, &'a [u8])> {
    let (first, body) = input.split_first()?;
    let operation = service.operations[usize::from(*first) % service.operations.len()];
    Some((Codec { format, service, operation }, body))
}

/// Decodes and checks a body; what is read can be said again in CBOR and in JSON and is read alike.
pub fn read(codec: Codec, body: &[u8]) {
    let Ok(value) = codec.value(body) else { return };
    let refused = check(codec.service, codec.operation, &value).is_err();
    let json = Codec { format: Format::Json, ..codec };
    let again = json.value(value.to_string().as_bytes()).expect("a value of JSON is a document");
    assert_eq!(check(codec.service, codec.operation, &again).is_err(), refused);
    if refused {
        return;
    }
    // What passed the check can be said in CBOR: nothing in it has two meanings any more.
    let cbor = Codec { format: Format::Cbor, ..codec };
    let body = aws::model::testing::to_cbor(codec.operation.input, &value);
    let again = cbor.value(&body).expect("what was written is read");
    assert!(check(codec.service, codec.operation, &again).is_ok(), "{value} became {again}");
}
