use bytes::Bytes;
use rt::Timestamp;

/// A position in a partition: 0, 1, 2 …
pub type Offset = u64;

/// Records for one partition, kept together and in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The partition's index in its topic.
    pub partition: u32,
    pub records: Vec<NewRecord>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRecord {
    pub key: Bytes,
    pub data: Bytes,
}

/// Where a batch went: offsets `first .. first + count`, all with the same timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    pub partition: u32,
    pub first: Offset,
    pub count: u32,
    pub at: Timestamp,
}

/// `key` and `data` are slices of the buffer they were read into; nothing was copied for them. Holding one
/// record keeps its batch in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub offset: Offset,
    /// When the log accepted it.
    pub at: Timestamp,
    pub key: Bytes,
    pub data: Bytes,
}

/// The most that one read returns. The first record is returned whatever its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimit {
    pub records: usize,
    /// Keys and data together.
    pub bytes: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub records: Vec<Record>,
    /// Where to read on.
    pub next: Offset,
    pub tail: Offset,
    pub oldest: Offset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The first record still kept.
    Oldest,
    /// After the last record.
    Latest,
    /// The first record with this timestamp or a later one; the tail if there is none.
    At(Timestamp),
}
