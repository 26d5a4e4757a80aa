//! Aggregated records: several records that a producer library put as one, taken apart.
//!
//! | bytes | |
//! |---|---|
//! | 4 | `F3 89 9A C2` |
//! | … | a Protocol Buffers message: a table of partition keys (1), a table of explicit hash keys (2) and the records (3), each with the index of its partition key (1), perhaps that of its explicit hash key (2), and its data (3) |
//! | 16 | MD5 of the message |
//!
//! What is not exactly that is no aggregate and passes as the record it is. Pure: nothing here reads anything
//! but the bytes it is given, and data are slices of them.

use bytes::Bytes;
use md5::{Digest, Md5};

const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
const DIGEST_BYTES: usize = 16;
/// An aggregate of more records than this passes as one record. Producers put some thousands at most.
const RECORDS_MAX: usize = 1 << 17;

/// One record of an aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Where it belongs: its explicit hash key or the hash of its partition key. Routes may have changed
    /// between aggregation and arrival; the producer puts a record that came to the wrong place again, so
    /// that a consumer drops it there.
    pub(crate) hash: u128,
    pub(crate) data: Bytes,
}

/// The records of an aggregate in their order; `None` if this is none.
pub(crate) fn split(record: &Bytes) -> Option<Vec<Part>> {
    let rest = record.strip_prefix(&MAGIC)?;
    let (message, digest) = rest.split_at_checked(rest.len().checked_sub(DIGEST_BYTES)?)?;
    if Md5::digest(message)[..] != *digest {
        return None;
    }
    let message = Message::read(message)?;
    let hashes = Hashes::of(&message)?;
    let part = |entry: &Entry<'_>| {
        let hash = match entry.explicit_hash {
            Some(index) => hashes.explicit.get(usize::try_from(index).ok()?),
            None => hashes.keys.get(usize::try_from(entry.key?).ok()?),
        };
        Some(Part { hash: *hash?, data: record.slice_ref(entry.data?) })
    };
    message.entries.iter().map(part).collect()
}

#[derive(Default)]
struct Message<'a> {
    keys: Vec<&'a [u8]>,
    explicit_hashes: Vec<&'a [u8]>,
    entries: Vec<Entry<'a>>,
}

#[derive(Default)]
struct Entry<'a> {
    key: Option<u64>,
    explicit_hash: Option<u64>,
    data: Option<&'a [u8]>,
}

/// The tables as places in the hash space.
struct Hashes {
    keys: Vec<u128>,
    explicit: Vec<u128>,
}

impl Hashes {
    fn of(message: &Message<'_>) -> Option<Hashes> {
        let hash = |key: &&[u8]| u128::from_be_bytes(Md5::digest(key).into());
        let parse = |text: &&[u8]| std::str::from_utf8(text).ok()?.parse().ok();
        Some(Hashes {
            keys: message.keys.iter().map(hash).collect(),
            explicit: message.explicit_hashes.iter().map(parse).collect::<Option<_>>()?,
        })
    }
}

impl<'a> Message<'a> {
    fn read(bytes: &'a [u8]) -> Option<Message<'a>> {
        let mut message = Message::default();
        let mut fields = Fields(bytes);
        while !fields.0.is_empty() {
            match fields.next()? {
                (1, Value::Bytes(key)) => message.keys.push(key),
                (2, Value::Bytes(hash)) => message.explicit_hashes.push(hash),
                (3, Value::Bytes(entry)) => message.entries.push(Entry::read(entry)?),
                _ => {}
            }
            let longest = message.entries.len().max(message.keys.len()).max(message.explicit_hashes.len());
            if longest > RECORDS_MAX {
                return None;
            }
        }
        Some(message)
    }
}

impl<'a> Entry<'a> {
    fn read(bytes: &'a [u8]) -> Option<Entry<'a>> {
        let mut entry = Entry::default();
        let mut fields = Fields(bytes);
        while !fields.0.is_empty() {
            match fields.next()? {
                (1, Value::Number(index)) => entry.key = Some(index),
                (2, Value::Number(index)) => entry.explicit_hash = Some(index),
                (3, Value::Bytes(data)) => entry.data = Some(data),
                _ => {}
            }
        }
        Some(entry)
    }
}

/// The fields of a Protocol Buffers message that are left.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

impl<'a> Fields<'a> {
    /// Number and value of the next one; `None` if it is malformed.
    fn next(&mut self) -> Option<(u64, Value<'a>)> {
        let tag = self.number()?;
        let value = match tag & 7 {
            0 => Value::Number(self.number()?),
            1 => self.take(8).map(|_| Value::Other)?,
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Other)?,
            // Groups are older than this format.
            _ => return None,
        };
        (tag >> 3 != 0).then_some((tag >> 3, value))
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for place in 0..10 {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << (place * 7);
            if byte < 0x80 {
                // Of the tenth byte one bit fits.
                return (place < 9 || byte <= 1).then_some(number);
            }
        }
        None
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record to be aggregated: partition key, explicit hash, data.
    pub(crate) type Plain<'a> = (&'a str, Option<u128>, &'a [u8]);

    fn put_number(out: &mut Vec<u8>, mut number: u64) {
        while number >= 0x80 {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    }

    fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
        put_number(out, field << 3 | 2);
        put_number(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }

    fn sealed(message: &[u8]) -> Bytes {
        [&MAGIC[..], message, &Md5::digest(message)[..]].concat().into()
    }

    /// As the producer library writes them, tags included.
    pub(crate) fn aggregate(records: &[Plain<'_>]) -> Bytes {
        let mut message = Vec::new();
        for (key, ..) in records {
            put_bytes(&mut message, 1, key.as_bytes());
        }
        let explicit = records.iter().filter_map(|(_, hash, _)| *hash);
        explicit.for_each(|hash| put_bytes(&mut message, 2, hash.to_string().as_bytes()));
        let mut explicit_count = 0;
        for (index, (_, hash, data)) in records.iter().enumerate() {
            let mut entry = vec![0x08];
            put_number(&mut entry, index as u64);
            if hash.is_some() {
                entry.push(0x10);
                put_number(&mut entry, explicit_count);
                explicit_count += 1;
            }
            put_bytes(&mut entry, 3, data);
            put_bytes(&mut entry, 4, b"\x0a\x01k");
            put_bytes(&mut message, 3, &entry);
        }
        sealed(&message)
    }

    #[test]
    fn an_aggregate_of_the_producer_library_is_taken_apart() {
        // What the public aggregator for Python writes of "d0" with key "pk0" and explicit hash key "7", and "d1" with
        // key "pk1".
        let record = b"\xf3\x89\x9a\xc2\x0a\x03pk0\x0a\x03pk1\x12\x017\x1a\x08\x08\x00\x10\x00\x1a\x02d0\x1a\x06\x08\x01\x1a\x02d1\
            \xe8\x26\x82\x6d\x8b\xe8\xf4\x2f\x72\xdf\xfb\x38\x0b\xbc\xa0\x8d";
        let parts = split(&Bytes::from_static(record)).expect("an aggregate");
        let pk1 = u128::from_be_bytes(Md5::digest(b"pk1").into());
        assert_eq!(parts, [Part { hash: 7, data: "d0".into() }, Part { hash: pk1, data: "d1".into() }]);
    }

    #[test]
    fn what_is_malformed_is_no_aggregate() {
        let good = aggregate(&[("a", None, b"x")]);
        assert!(split(&good).is_some());
        for length in 0..good.len() {
            assert_eq!(split(&good.slice(..length)), None);
        }
        let wrong: [&[u8]; 9] = [
            b"\x1a\x04\x08\x05\x1a\x00",                     // no such key
            b"\x0a\x01a\x1a\x06\x08\x00\x10\x01\x1a\x00",    // no such explicit hash
            b"\x0a\x01a\x1a\x02\x08\x00",                    // no data
            b"\x0a\x01a\x1a\x02\x1a\x00",                    // no key
            b"\x0a\x01a\x12\x01x\x1a\x04\x08\x00\x1a\x00",   // a hash that is no number
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", // a length beyond all
            b"\x0b",                                         // a group
            b"\x0a\x05abc",                                  // shorter than it says
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",     // a number of more than 64 bits
        ];
        for message in wrong {
            assert_eq!(split(&sealed(message)), None, "{message:x?}");
        }
        let many = vec![("", None, &b""[..]); RECORDS_MAX + 1];
        assert_eq!(split(&aggregate(&many)), None);
        assert_eq!(split(&aggregate(&[])), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn what_was_aggregated_comes_apart(records in prop::collection::vec(("[a-z]{0,10}", prop::option::of(any::<u128>()), prop::collection::vec(any::<u8>(), 0..50)), 0..40)) {
            let plain: Vec<Plain<'_>> = records.iter().map(|(key, hash, data)| (key.as_str(), *hash, data.as_slice())).collect();
            let parts = split(&aggregate(&plain)).expect("an aggregate");
            prop_assert_eq!(parts.len(), plain.len());
            for (part, (key, hash, data)) in parts.iter().zip(plain) {
                prop_assert_eq!(part.hash, hash.unwrap_or_else(|| u128::from_be_bytes(Md5::digest(key).into())));
                prop_assert_eq!(&part.data[..], data);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(message in prop::collection::vec(any::<u8>(), 0..200)) {
            let _any = split(&sealed(&message));
            let _any = split(&Bytes::from(message));
        }
    }
}
