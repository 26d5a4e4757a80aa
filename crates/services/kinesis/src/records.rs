//! Records on their way to readers, by the thousand: written in one go.

use aws::{ApiError, AwsTimestamp, Codec, Format};
use log::{Offset, Page};
use rt::Timestamp;
use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::model::Record;
use crate::sequence::{SequenceNumber, ShardNumbers};

/// The records of a page, as the member `Records` has them.
#[derive(Debug, PartialEq)]
pub(crate) struct Records {
    records: Vec<log::Record>,
    numbers: ShardNumbers,
}

impl Records {
    pub(crate) fn new(page: Page, numbers: ShardNumbers) -> Records {
        Records { records: page.records, numbers }
    }

    /// Of keys and data together.
    pub(crate) fn bytes(&self) -> usize {
        self.records.iter().map(|record| record.key.len() + record.data.len()).sum()
    }

    /// Appends a structure of `Records` and the members of `rest`, of which at least one must be there.
    pub(crate) fn write_with<T: Serialize>(
        &self,
        rest: &T,
        codec: &Codec,
        out: &mut Vec<u8>,
    ) -> Result<(), ApiError> {
        if codec.format != Format::Json {
            return codec.encode_into(&Whole { records: self, rest }, out);
        }
        self.reserve(out);
        out.extend_from_slice(b"{\"Records\":");
        self.write_json(out).map_err(ApiError::internal)?;
        let brace = out.len();
        serde_json::to_writer(&mut *out, rest).map_err(ApiError::internal)?;
        debug_assert!(out[brace..].starts_with(b"{\""), "a structure that is not empty");
        out[brace] = b',';
        Ok(())
    }

    fn reserve(&self, out: &mut Vec<u8>) {
        const NAMES_BYTES: usize = 180;
        out.reserve(self.bytes() / 3 * 4 + self.records.len() * NAMES_BYTES + 1024);
    }

    fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let mut numbering = Numbering { numbers: self.numbers, last: None };
        let mut arrival = (Timestamp::from_millis(i64::MIN), Vec::new());
        out.push(b'[');
        for (place, record) in self.records.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            if arrival.0 != record.at {
                arrival = (record.at, serde_json::to_vec(&AwsTimestamp::from(record.at))?);
            }
            out.extend_from_slice(b"{\"SequenceNumber\":\"");
            out.extend_from_slice(&numbering.of(record.offset, record.at).digits());
            out.extend_from_slice(b"\",\"ApproximateArrivalTimestamp\":");
            out.extend_from_slice(&arrival.1);
            out.extend_from_slice(b",\"Data\":\"");
            base64_simd::STANDARD.encode_append(&record.data, out);
            out.extend_from_slice(b"\",\"PartitionKey\":");
            serde_json::to_writer(&mut *out, &String::from_utf8_lossy(&record.key))?;
            out.push(b'}');
        }
        out.push(b']');
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn shapes(&self) -> Vec<Record> {
        self.records.iter().map(|record| self.shape(record)).collect()
    }

    fn shape(&self, record: &log::Record) -> Record {
        Record {
            sequence_number: self.numbers.record(record.offset, record.at).to_string(),
            approximate_arrival_timestamp: Some(AwsTimestamp::from(record.at)),
            // Keys came as text; nothing else is taken in.
            partition_key: Some(String::from_utf8_lossy(&record.key).into_owned()),
            data: record.data.clone().into(),
            encryption_type: None,
        }
    }
}

impl Serialize for Records {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.records.len()))?;
        for record in &self.records {
            list.serialize_element(&self.shape(record))?;
        }
        list.end()
    }
}

#[derive(serde::Serialize)]
struct Whole<'a, T> {
    #[serde(rename = "Records")]
    records: &'a Records,
    #[serde(flatten)]
    rest: &'a T,
}

/// Sequence numbers of records in order: those of one batch follow from the one before.
struct Numbering {
    numbers: ShardNumbers,
    last: Option<(Offset, Timestamp, SequenceNumber)>,
}

impl Numbering {
    fn of(&mut self, offset: Offset, at: Timestamp) -> SequenceNumber {
        let number = match self.last {
            Some((before, then, number)) if before + 1 == offset && then == at => number.next(),
            _ => self.numbers.record(offset, at),
        };
        self.last = Some((offset, at, number));
        number
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::model::{SERVICE, op};

    fn records() -> Records {
        let at = |millis| Timestamp::from_millis(1_795_337_413_000 + millis);
        let record = |(offset, millis, key, data): (u64, i64, &'static str, &'static [u8])| log::Record {
            offset,
            at: at(millis),
            key: Bytes::from_static(key.as_bytes()),
            data: Bytes::from_static(data),
        };
        let records = [
            (0, 0, "a", &b""[..]),
            (1, 0, "quoted \"\n\u{1}", b"x"),
            (2, 7, "\u{bb3c}\u{ae38}", b"\xff\x00\xfe"),
            (5, 7, "b", b"after a gap"),
        ];
        Records {
            records: records.into_iter().map(record).collect(),
            numbers: ShardNumbers::new(3, at(-5_000)),
        }
    }

    #[test]
    fn what_is_written_by_hand_is_what_the_model_gives() {
        let records = records();
        let rest = json!({"MillisBehindLatest": 0, "NextShardIterator": "n"});
        let codec = |format| Codec { format, service: &SERVICE, operation: &op::GET_RECORDS };
        let shapes = records.shapes();
        let written = |format| {
            let mut out = b"before".to_vec();
            records.write_with(&rest, &codec(format), &mut out).unwrap();
            out.split_off(6)
        };
        let json: Value = serde_json::from_slice(&written(Format::Json)).unwrap();
        let mut expected = rest.clone();
        expected["Records"] = serde_json::to_value(&shapes).unwrap();
        assert_eq!(json, expected);
        let cbor: ciborium::Value = ciborium::from_reader(&written(Format::Cbor)[..]).unwrap();
        let member = |name: &str| {
            let found = cbor.as_map().unwrap().iter().find(|(key, _)| key.as_text() == Some(name));
            found.map(|(_, value)| value.clone()).unwrap()
        };
        let mut alone = Vec::new();
        codec(Format::Cbor).encode_into(&shapes, &mut alone).unwrap();
        assert_eq!(member("Records"), ciborium::from_reader(&alone[..]).unwrap());
        assert_eq!(member("NextShardIterator").as_text(), Some("n"));
    }
}
