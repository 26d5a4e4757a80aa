//! One batch of one partition as it lies on disk: a header of 64 bytes, then the payload.
//!
//! The caller of an append encodes and checksums the payload; only the header, which has a checksum of its
//! own, waits for offset and timestamp. Numbers are little-endian.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::NewRecord;

pub(crate) const HEADER_BYTES: usize = 64;
pub(crate) const MAGIC: [u8; 4] = *b"MGLB";
pub(crate) const VERSION: u16 = 1;
/// Lengths of key and data before each record.
pub(crate) const RECORD_PREFIX_BYTES: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The key the payload is encrypted with; 0: none.
    pub(crate) key_id: u32,
    /// Of the payload.
    pub(crate) length: u32,
    pub(crate) count: u32,
    /// CRC-32C of the payload.
    pub(crate) checksum: u32,
    pub(crate) partition: u64,
    pub(crate) first: u64,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// The segment was on disk up to this position when the frame was written: what lies before it is
    /// acknowledged, so damage there is damage and not an interrupted write.
    pub(crate) durable: u64,
    /// The segment's salt: a record that contains a frame is not taken for one.
    pub(crate) salt: u32,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut rest = &mut bytes[..];
        rest.put_slice(&MAGIC);
        rest.put_u16_le(VERSION);
        rest.put_u16_le(0); // flags: none defined
        rest.put_u32_le(self.key_id);
        rest.put_u32_le(self.length);
        rest.put_u32_le(self.count);
        rest.put_u32_le(self.checksum);
        rest.put_u64_le(self.partition);
        rest.put_u64_le(self.first);
        rest.put_i64_le(self.at);
        rest.put_u64_le(self.durable);
        rest.put_u32_le(self.salt);
        let checksum = crc32c::crc32c(&bytes[..HEADER_BYTES - 4]);
        bytes[HEADER_BYTES - 4..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// `None` if these bytes are no header, or one of a version or with flags unknown here.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        if bytes[..4] != MAGIC {
            return None;
        }
        let mut end = &bytes[HEADER_BYTES - 4..];
        if crc32c::crc32c(&bytes[..HEADER_BYTES - 4]) != end.get_u32_le() {
            return None;
        }
        let mut rest = &bytes[4..];
        if rest.get_u16_le() != VERSION || rest.get_u16_le() != 0 {
            return None;
        }
        let header = Header {
            key_id: rest.get_u32_le(),
            length: rest.get_u32_le(),
            count: rest.get_u32_le(),
            checksum: rest.get_u32_le(),
            partition: rest.get_u64_le(),
            first: rest.get_u64_le(),
            at: rest.get_i64_le(),
            durable: rest.get_u64_le(),
            salt: rest.get_u32_le(),
        };
        header.first.checked_add(u64::from(header.count)).is_some().then_some(header)
    }

    /// The offset after the last record.
    pub(crate) fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }
}

/// The payload of some records, with its checksum.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    pub(crate) bytes: Bytes,
    pub(crate) checksum: u32,
    pub(crate) count: u32,
}

impl Payload {
    /// Bytes that `record` takes in a payload.
    pub(crate) fn size_of(record: &NewRecord) -> usize {
        RECORD_PREFIX_BYTES + record.key.len() + record.data.len()
    }

    /// Keys and data must each be under 4 GiB, and so must the whole; the caller has checked.
    pub(crate) fn encode(records: &[NewRecord]) -> Payload {
        let mut bytes = BytesMut::with_capacity(records.iter().map(Payload::size_of).sum());
        for record in records {
            bytes.put_u32_le(record.key.len() as u32);
            bytes.put_u32_le(record.data.len() as u32);
            bytes.put_slice(&record.key);
            bytes.put_slice(&record.data);
        }
        let checksum = crc32c::crc32c(&bytes);
        Payload { bytes: bytes.freeze(), checksum, count: records.len() as u32 }
    }
}

/// The records of a payload, in order. Ends early if lengths do not add up, which a payload with the right
/// checksum never shows.
pub(crate) struct Records {
    bytes: Bytes,
}

impl Records {
    pub(crate) fn new(payload: Bytes) -> Records {
        Records { bytes: payload }
    }

    fn lengths(&self) -> Option<(usize, usize)> {
        let mut prefix = self.bytes.get(..RECORD_PREFIX_BYTES)?;
        let (key, data) = (prefix.get_u32_le() as usize, prefix.get_u32_le() as usize);
        (self.bytes.len() - RECORD_PREFIX_BYTES >= key.checked_add(data)?).then_some((key, data))
    }

    pub(crate) fn skip_one(&mut self) -> Option<()> {
        let (key, data) = self.lengths()?;
        self.bytes.advance(RECORD_PREFIX_BYTES + key + data);
        Some(())
    }

    /// Bytes of key and data of the record that comes next.
    pub(crate) fn next_size(&self) -> Option<usize> {
        self.lengths().map(|(key, data)| key + data)
    }
}

impl Iterator for Records {
    type Item = (Bytes, Bytes);

    fn next(&mut self) -> Option<(Bytes, Bytes)> {
        let (key, data) = self.lengths()?;
        self.bytes.advance(RECORD_PREFIX_BYTES);
        Some((self.bytes.split_to(key), self.bytes.split_to(data)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> impl Strategy<Value = Header> {
        let numbers = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
        (numbers, any::<(u64, u64, i64, u64)>()).prop_map(|(small, large)| Header {
            key_id: small.0,
            length: small.1,
            count: small.2,
            checksum: small.3,
            salt: small.4,
            partition: large.0,
            first: large.1 >> 1,
            at: large.2,
            durable: large.3,
        })
    }

    proptest! {
        #[test]
        fn a_header_survives_the_round_trip_and_any_flipped_bit_is_noticed(header in header(), bit in 0..HEADER_BYTES * 8) {
            let mut bytes = header.encode();
            prop_assert_eq!(Header::decode(&bytes), Some(header));
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Header::decode(&bytes), None);
        }

        #[test]
        fn records_survive_the_round_trip(records in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..20), prop::collection::vec(any::<u8>(), 0..300)), 0..20)) {
            let new: Vec<_> = records.iter().map(|(key, data)| NewRecord { key: key.clone().into(), data: data.clone().into() }).collect();
            let payload = Payload::encode(&new);
            let back: Vec<_> = Records::new(payload.bytes).map(|(key, data)| (key.to_vec(), data.to_vec())).collect();
            prop_assert_eq!(back, records);
        }

        #[test]
        fn arbitrary_bytes_neither_panic_nor_loop(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _none = Header::decode(&bytes);
            prop_assert!(Records::new(bytes.into()).count() <= 25);
        }
    }
}
