//! What must be true of one partition, whatever happens to the machine.
//!
//! - An acknowledged record is where the acknowledgement said, for as long as it is kept, and so is a record
//!   that was read once: neither crash nor power loss takes it back, moves it or changes it.
//! - Nothing is read that was not appended to this partition, and nothing of an append that was refused.
//! - An offset never names two records, a record never has two offsets, and the records of a batch follow
//!   each other.
//! - Appends are linearizable: one that was acknowledged, or whose record was read, before another began has
//!   the smaller offsets. The tail never goes back.
//! - Reads have no gaps: a page leaves out nothing between its first offset and `next` that is there, and
//!   nothing ever appears in a place that a page has passed.
//! - Timestamps do not go back along offsets, and nothing is kept shorter or served longer than its retention.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use log::{Appended, NewRecord, Offset, Page};

use crate::record::Name;

/// Why a run failed.
pub type Violation = String;

/// One partition of one incarnation of a topic.
#[derive(Default)]
pub struct Model {
    tag: u32,
    data_max: u64,
    batches: Vec<Sent>,
    /// What is certain to be there.
    known: BTreeMap<Offset, Known>,
    /// Offsets that a page has passed without a record.
    passed: Vec<Range<Offset>>,
    /// The greatest tail that anybody was told.
    floor: Offset,
    trimmed: Offset,
    /// No record lies here or behind.
    closed_at: Option<Offset>,
    /// A change that closes it was begun; whoever began it may have gone down before the answer.
    closing: bool,
    /// Batches of which records are gone that were certain. Only rot may do that.
    lost: BTreeSet<u32>,
}

/// A batch as it was sent.
struct Sent {
    count: u32,
    /// Of its first record.
    base: Option<Offset>,
    /// The floor when the append began.
    after: Offset,
    refused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    name: Name,
    at: i64,
}

/// The bounds of an operation's view: what was true when it began.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    pub floor: Offset,
    /// Records older than this must not be served. None if the clock went back or retention changed since.
    pub expired_before: Option<i64>,
}

impl Model {
    pub fn new(tag: u32, data_max: u64) -> Model {
        Model { tag, data_max, ..Model::default() }
    }

    pub fn floor(&self) -> Offset {
        self.floor
    }

    /// Records to append; they count as sent from now on.
    pub fn send(&mut self, count: u32) -> (u32, Vec<NewRecord>) {
        let batch = self.batches.len() as u32;
        self.batches.push(Sent { count, base: None, after: self.floor, refused: false });
        let name = |place| Name { tag: self.tag, batch, place };
        (batch, (0..count).map(|place| name(place).record(self.data_max)).collect())
    }

    /// The append was refused in a way that promises that nothing was written.
    pub fn refuse(&mut self, batch: u32) -> Result<(), Violation> {
        self.batches[batch as usize].refused = true;
        let found = self.known.values().any(|known| known.name.batch == batch);
        if found { Err(format!("batch {batch} was refused and read")) } else { Ok(()) }
    }

    /// `latest`: the greatest time there was up to now.
    pub fn acknowledge(&mut self, batch: u32, appended: &Appended, latest: i64) -> Result<(), Violation> {
        let count = self.batches[batch as usize].count;
        if appended.count != count {
            return Err(format!("{count} records were appended, {} acknowledged", appended.count));
        }
        let at = appended.at.as_millis();
        if at > latest {
            return Err(format!("batch {batch} is of {at}, in the future"));
        }
        for place in 0..count {
            let name = Name { tag: self.tag, batch, place };
            self.learn(appended.first + u64::from(place), Known { name, at })?;
        }
        self.floor = self.floor.max(appended.first + u64::from(count));
        Ok(())
    }

    /// `expired`: records older than this may be gone. `rot`: how many bits flipped so far.
    pub fn page(
        &mut self,
        begun: Begun,
        from: Offset,
        page: &Page,
        expired: i64,
        rot: u64,
    ) -> Result<(), Violation> {
        let start = from.max(page.oldest);
        if page.tail < begun.floor {
            return Err(format!("a tail of {} was shown after one of {}", page.tail, begun.floor));
        }
        let mut offset = start;
        for record in &page.records {
            if record.offset < offset || record.offset >= page.tail {
                return Err(format!(
                    "offset {} out of order after {offset}, tail {}",
                    record.offset, page.tail
                ));
            }
            self.pass(offset..record.offset, expired, rot)?;
            offset = record.offset + 1;
            let at = record.at.as_millis();
            if begun.expired_before.is_some_and(|before| at < before) {
                return Err(format!("offset {} of {at} was served after its time", record.offset));
            }
            let name = self.identify(&record.key, &record.data, record.offset)?;
            self.learn(record.offset, Known { name, at })?;
        }
        if page.next < offset || page.next > page.tail.max(from) {
            return Err(format!("next is {} after {offset}, tail {}", page.next, page.tail));
        }
        if page.next == start && start < page.tail {
            return Err(format!("reading does not get past {start}, tail {}", page.tail));
        }
        self.pass(offset..page.next, expired, rot)?;
        self.miss(0..page.oldest, expired, rot)?;
        self.floor = self.floor.max(page.tail);
        Ok(())
    }

    /// An answer to "the first record of `at` or later". What is passed over for it is not there.
    pub fn located(&mut self, at: i64, found: Offset, expired: i64, rot: u64) -> Result<(), Violation> {
        let wrong = |offset: &Offset, known: &Known| {
            Err(format!("time {at} was located at {found}, but {offset} is of {}", known.at))
        };
        if let Some((offset, known)) = self.known.range(found..).find(|(_, known)| known.at < at) {
            return wrong(offset, known);
        }
        let late = self.known.range(self.trimmed.min(found)..found);
        for (offset, known) in late.filter(|(_, known)| known.at >= at && known.at >= expired) {
            self.lost.insert(known.name.batch);
            if self.lost.len() as u64 > rot {
                return wrong(offset, known);
            }
        }
        Ok(())
    }

    /// The partition takes no more records, and its tail is final.
    pub fn close(&mut self, at: Offset) -> Result<(), Violation> {
        if self.closed_at.is_some_and(|before| before != at) {
            return Err(format!("it was closed at {:?} and is closed at {at}", self.closed_at));
        }
        if at < self.floor {
            return Err(format!("it was closed at {at}, {} was its tail before", self.floor));
        }
        self.closed_at = Some(at);
        Ok(())
    }

    pub fn begin_close(&mut self) {
        self.closing = true;
    }

    pub fn may_be_closed(&self) -> bool {
        self.closing || self.closed_at.is_some()
    }

    pub fn trim(&mut self, before: Offset) {
        self.trimmed = self.trimmed.max(before);
    }

    fn identify(&self, key: &[u8], data: &[u8], offset: Offset) -> Result<Name, Violation> {
        let name = Name::of(data).ok_or_else(|| format!("offset {offset} has no name"))?;
        let sent = self
            .batches
            .get(name.batch as usize)
            .filter(|sent| name.tag == self.tag && name.place < sent.count);
        let Some(sent) = sent else {
            return Err(format!("{name:?} at {offset} was never sent to {}", self.tag));
        };
        let record = name.record(self.data_max);
        if record.key != key || record.data != data {
            return Err(format!("{name:?} at {offset} is not as it was sent"));
        }
        if sent.refused {
            return Err(format!("{name:?} at {offset} was refused"));
        }
        Ok(name)
    }

    /// The record is there from now on.
    fn learn(&mut self, offset: Offset, known: Known) -> Result<(), Violation> {
        let name = known.name;
        if let Some(before) = self.known.get(&offset) {
            return if *before == known {
                Ok(())
            } else {
                Err(format!("{offset} was {before:?} and is {known:?}"))
            };
        }
        if self.closed_at.is_some_and(|closed| offset >= closed) {
            return Err(format!("{name:?} is at {offset}, behind the end {:?}", self.closed_at));
        }
        let sent = &mut self.batches[name.batch as usize];
        let base =
            offset.checked_sub(u64::from(name.place)).ok_or_else(|| format!("{name:?} lies at {offset}"))?;
        if *sent.base.get_or_insert(base) != base {
            return Err(format!("{name:?} is at {offset}, apart from its batch or for the second time"));
        }
        if base < sent.after {
            return Err(format!(
                "{name:?} is at {offset}, but {} was the tail before it was sent",
                sent.after
            ));
        }
        if let Some(passed) = self.passed.iter().find(|passed| passed.contains(&offset)) {
            return Err(format!("{name:?} appears at {offset} after a read passed {passed:?}"));
        }
        let before = self.known.range(..offset).next_back();
        let after = self.known.range(offset..).next();
        if before.is_some_and(|(_, before)| before.at > known.at)
            || after.is_some_and(|(_, after)| after.at < known.at)
        {
            return Err(format!("time goes back around {offset}: {before:?}, {known:?}, {after:?}"));
        }
        self.known.insert(offset, known);
        self.floor = self.floor.max(offset + 1);
        Ok(())
    }

    /// A page has no record at these offsets.
    fn pass(&mut self, offsets: Range<Offset>, expired: i64, rot: u64) -> Result<(), Violation> {
        if offsets.is_empty() {
            return Ok(());
        }
        self.miss(offsets.clone(), expired, rot)?;
        // What was trimmed meanwhile may come back after a crash.
        let offsets = offsets.start.max(self.trimmed)..offsets.end;
        if rot == 0 && !offsets.is_empty() && !self.passed.contains(&offsets) {
            self.passed.push(offsets);
        }
        Ok(())
    }

    /// What is known at these offsets is not there: it was over its time, or rot took it.
    fn miss(&mut self, offsets: Range<Offset>, expired: i64, rot: u64) -> Result<(), Violation> {
        for (offset, known) in self.known.range(offsets) {
            if known.at < expired || *offset < self.trimmed {
                continue;
            }
            self.lost.insert(known.name.batch);
            if self.lost.len() as u64 > rot {
                return Err(format!(
                    "{:?} at {offset} of {} was there and is not served",
                    known.name, known.at
                ));
            }
        }
        Ok(())
    }
}
