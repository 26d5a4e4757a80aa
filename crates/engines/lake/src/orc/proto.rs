//! Protocol Buffers messages, as far as ORC's metadata need them.

/// The fields of a message, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn number(mut self, field: u32, value: u64) -> Message {
        put_varint(&mut self.0, u128::from(field) << 3);
        put_varint(&mut self.0, u128::from(value));
        self
    }

    pub(super) fn bytes(mut self, field: u32, value: &[u8]) -> Message {
        put_varint(&mut self.0, u128::from(field) << 3 | 2);
        put_varint(&mut self.0, value.len() as u128);
        self.0.extend_from_slice(value);
        self
    }

    pub(super) fn message(self, field: u32, value: Message) -> Message {
        self.bytes(field, &value.0)
    }

    pub(super) fn packed(self, field: u32, values: &[u64]) -> Message {
        let mut packed = Vec::new();
        values.iter().for_each(|value| put_varint(&mut packed, u128::from(*value)));
        self.bytes(field, &packed)
    }

    /// The fields of both.
    pub(super) fn append(mut self, other: Message) -> Message {
        self.0.extend_from_slice(&other.0);
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Seven bits a byte, the lowest first.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
