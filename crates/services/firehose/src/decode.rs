//! Decoders for the two hot operations that borrow from the body.
//!
//! The data of all records is decoded into one buffer. They only take what is plainly valid; for everything
//! else they return `None` and the generated decoder has its say, so that errors are worded once. A
//! property test holds the two against each other.

use base64_simd::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use crate::limits::{NAME_CHARS_MAX, RECORD_BYTES_MAX, RECORDS_MAX};
use crate::model::{PutRecordBatchInput, PutRecordInput};

/// A request to put, whichever decoder read it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PutRequest {
    pub(crate) name: String,
    pub(crate) data: Vec<Bytes>,
}

impl From<PutRecordInput> for PutRequest {
    fn from(input: PutRecordInput) -> PutRequest {
        PutRequest { name: input.delivery_stream_name, data: vec![input.record.data.into_bytes()] }
    }
}

impl From<PutRecordBatchInput> for PutRequest {
    fn from(input: PutRecordBatchInput) -> PutRequest {
        let data = input.records.into_iter().map(|record| record.data.into_bytes()).collect();
        PutRequest { name: input.delivery_stream_name, data }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct One<'a> {
    #[serde(borrow)]
    delivery_stream_name: &'a str,
    #[serde(borrow)]
    record: Entry<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Many<'a> {
    #[serde(borrow)]
    delivery_stream_name: &'a str,
    #[serde(borrow)]
    records: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry<'a> {
    #[serde(borrow)]
    data: &'a str,
}

/// The body of a PutRecord, if it is plainly valid.
pub(crate) fn put_record(body: &[u8]) -> Option<PutRequest> {
    let One { delivery_stream_name, record } = serde_json::from_slice(body).ok()?;
    request(delivery_stream_name, &[record])
}

/// The body of a PutRecordBatch, if it is plainly valid.
pub(crate) fn put_record_batch(body: &[u8]) -> Option<PutRequest> {
    let Many { delivery_stream_name, records } = serde_json::from_slice(body).ok()?;
    request(delivery_stream_name, &records)
}

fn request(name: &str, records: &[Entry<'_>]) -> Option<PutRequest> {
    if !is_name(name) || records.is_empty() || records.len() > RECORDS_MAX {
        return None;
    }
    let mut decoded = Vec::with_capacity(records.iter().map(|record| record.data.len() / 4 * 3).sum());
    let mut ends = Vec::with_capacity(records.len());
    for record in records {
        let start = decoded.len();
        STANDARD.decode_append(record.data, &mut decoded).ok()?;
        if decoded.len() - start > RECORD_BYTES_MAX {
            return None;
        }
        ends.push(decoded.len());
    }
    let decoded = Bytes::from(decoded);
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let data = starts.zip(&ends).map(|(start, end)| decoded.slice(start..*end)).collect();
    Some(PutRequest { name: name.to_owned(), data })
}

fn is_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use aws::{ApiError, Codec, Format};
    use proptest::prelude::*;
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;
    use crate::model::{SERVICE, op};

    /// What the generated decoder makes of the body.
    fn slow<I: DeserializeOwned + Into<PutRequest>>(
        operation: &'static aws::OperationModel,
        body: &[u8],
    ) -> Result<PutRequest, ApiError> {
        let codec = Codec { format: Format::Json, service: &SERVICE, operation };
        codec.decode::<I>(body).map(Into::into)
    }

    fn agree(quick: Option<PutRequest>, slow: Result<PutRequest, ApiError>) {
        if let Some(quick) = quick {
            assert_eq!(quick, slow.expect("what is plainly valid is valid"));
        }
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => proptest::collection::vec(any::<u8>(), 0..40)
                .prop_map(|bytes| STANDARD.encode_to_string(bytes)),
            1 => "[A-Za-z0-9+/=]{0,9}",
            1 => any::<String>(),
        ]
    }

    proptest! {
        #[test]
        fn the_quick_decoders_agree_with_the_generated_one(
            name in prop_oneof!["[a-zA-Z0-9_.-]{1,64}", "[a-z!]{0,3}", "[a-z]{64,66}"],
            data in proptest::collection::vec(text(), 0..5),
            extra in proptest::option::of("[A-Z][a-z]{1,4}"),
        ) {
            let records: Vec<_> = data.iter().map(|data| json!({ "Data": data })).collect();
            let mut many = json!({ "DeliveryStreamName": name, "Records": records });
            let mut one = json!({ "DeliveryStreamName": name, "Record": records.first() });
            if let Some(extra) = extra {
                many[&extra] = json!(1);
                one[&extra] = json!(1);
            }
            let (many, one) = (many.to_string().into_bytes(), one.to_string().into_bytes());
            agree(put_record_batch(&many), slow::<PutRecordBatchInput>(&op::PUT_RECORD_BATCH, &many));
            agree(put_record(&one), slow::<PutRecordInput>(&op::PUT_RECORD, &one));
        }
    }

    #[test]
    fn plain_requests_take_the_quick_way_and_limits_the_other() {
        let batch = |count: usize, data: &str| {
            let records = vec![json!({ "Data": data }); count];
            json!({ "DeliveryStreamName": "flights", "Records": records }).to_string().into_bytes()
        };
        let request = put_record_batch(&batch(2, "b25l")).unwrap();
        assert_eq!(request.data, ["one", "one"]);
        assert!(put_record_batch(&batch(RECORDS_MAX, "b25l")).is_some());
        assert!(put_record_batch(&batch(RECORDS_MAX + 1, "b25l")).is_none());
        let fits = STANDARD.encode_to_string(vec![0; RECORD_BYTES_MAX]);
        let over = STANDARD.encode_to_string(vec![0; RECORD_BYTES_MAX + 1]);
        assert!(put_record_batch(&batch(1, &fits)).is_some());
        assert!(put_record_batch(&batch(1, &over)).is_none());
    }
}
