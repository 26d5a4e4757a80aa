//! Records that say who they are: what is read back is compared whole with what must have been appended.

use bytes::Bytes;
use log::NewRecord;

use crate::random::mix;

/// The `place`th record of the `batch`th batch that was ever sent to the partition `tag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub tag: u32,
    pub batch: u32,
    pub place: u32,
}

const NAME_BYTES: usize = 12;

impl Name {
    pub fn record(self, data_max: u64) -> NewRecord {
        let number = mix(u64::from(self.tag) << 48 ^ u64::from(self.batch) << 16 ^ u64::from(self.place));
        let size = NAME_BYTES + (number % data_max.max(1)) as usize;
        let mut data = Vec::with_capacity(size + 8);
        for part in [self.tag, self.batch, self.place] {
            data.extend(part.to_le_bytes());
        }
        let mut filler = number;
        while data.len() < size {
            filler = mix(filler.wrapping_add(1));
            data.extend(filler.to_le_bytes());
        }
        data.truncate(size);
        NewRecord { key: Bytes::from(format!("{:x}", number as u16)), data: data.into() }
    }

    /// The name in a record's data.
    pub fn of(data: &[u8]) -> Option<Name> {
        let part =
            |place: usize| Some(u32::from_le_bytes(data.get(place * 4..place * 4 + 4)?.try_into().ok()?));
        Some(Name { tag: part(0)?, batch: part(1)?, place: part(2)? })
    }
}
