mod basics;
mod concurrency;
mod disk;
mod faults;
mod fuzz;
mod model;
mod recovery;
mod reshard;
mod retention;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use meta::Meta;
use names::{AccountId, Region, Scope};
use rt::{ManualClock, Rt, Timestamp};
use tempfile::TempDir;

use crate::{
    Appended, Batch, Log, LogError, LogSettings, NewRecord, Offset, OpenError, Page, ReadLimit, TopicId,
};
use disk::{Faults, FaultyDisk};

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);
const ALL: ReadLimit = ReadLimit { records: usize::MAX, bytes: usize::MAX };

/// A log on a temporary directory, with a clock and a disk that obey the test.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    meta: Meta,
    rt: Rt,
    pub(crate) clock: ManualClock,
    settings: LogSettings,
    faults: Arc<Faults>,
    pub(crate) log: Log,
}

impl Bench {
    pub(crate) async fn new() -> Bench {
        Bench::with(settings()).await
    }

    async fn with(settings: LogSettings) -> Bench {
        let (rt, clock) = Rt::manual(START, 7);
        let meta = Meta::in_memory(rt.clone()).await;
        let dir = TempDir::new().expect("a temporary directory");
        let faults = Arc::new(Faults::default());
        let log = open(dir.path(), &faults, &meta, &rt, &settings).await.expect("an empty directory opens");
        Bench { dir, meta, rt, clock, settings, faults, log }
    }

    /// As after an orderly shutdown.
    pub(crate) async fn reopen(&mut self) {
        self.log.close().await;
        let (rt, _) = Rt::manual(START, 8);
        // Lets go of the directory before it is taken again.
        let unused = Meta::in_memory(rt.clone()).await;
        let elsewhere = TempDir::new().expect("a temporary directory");
        self.log =
            open(elsewhere.path(), &self.faults, &unused, &rt, &self.settings).await.expect("it opens");
        self.log = open(self.dir.path(), &self.faults, &self.meta, &self.rt, &self.settings)
            .await
            .expect("it opens");
    }

    /// What another process would find had this one been killed now.
    async fn crashed(&self) -> Bench {
        self.crashed_with(|_| {}).await
    }

    /// The same with something done to the files first.
    async fn crashed_with(&self, change: impl FnOnce(&Path)) -> Bench {
        let dir = TempDir::new().expect("a temporary directory");
        for entry in std::fs::read_dir(self.dir.path()).expect("a directory") {
            let entry = entry.expect("an entry");
            std::fs::copy(entry.path(), dir.path().join(entry.file_name())).expect("a copy");
        }
        change(dir.path());
        let faults = Arc::new(Faults::default());
        let log = open(dir.path(), &faults, &self.meta, &self.rt, &self.settings).await.expect("it opens");
        Bench {
            dir,
            meta: self.meta.clone(),
            rt: self.rt.clone(),
            clock: self.clock.clone(),
            settings: self.settings.clone(),
            faults,
            log,
        }
    }

    pub(crate) async fn topic(&self, name: &str, partitions: u32) -> TopicId {
        let id = topic_id(name);
        self.log.create_topic(&id, partitions, DAY).await.expect("a new topic");
        id
    }

    pub(crate) async fn append(&self, id: &TopicId, partition: u32, data: &[&str]) -> Appended {
        let batch = batch(partition, data.iter().copied());
        self.log.append(id, vec![batch]).await.expect("an append")[0]
    }

    async fn read(&self, id: &TopicId, partition: u32, from: Offset) -> Page {
        let mut page = self.log.read(id, partition, from, ALL).await.expect("a read");
        while page.next < page.tail {
            let more = self.log.read(id, partition, page.next, ALL).await.expect("a read");
            page.records.extend(more.records);
            page.next = more.next;
        }
        page
    }

    /// Offsets and data of everything kept.
    async fn contents(&self, id: &TopicId, partition: u32) -> Vec<(Offset, String)> {
        let page = self.read(id, partition, 0).await;
        let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
        page.records.iter().map(|record| (record.offset, text(&record.data))).collect()
    }
}

async fn open(
    dir: &Path,
    faults: &Arc<Faults>,
    meta: &Meta,
    rt: &Rt,
    settings: &LogSettings,
) -> Result<Log, OpenError> {
    let disk = FaultyDisk::open(dir, faults.clone()).map_err(|error| OpenError::io(dir, error))?;
    Log::open_disk(dir, Box::new(disk), meta.clone(), rt.clone(), settings.clone()).await
}

fn topic_id(name: &str) -> TopicId {
    let account = AccountId::new("000000000000").expect("an account");
    TopicId::new(Scope::new(account, Region::new("us-east-1").expect("a region")), "stream", name)
}

pub(crate) fn batch<T: AsRef<str>>(partition: u32, data: impl IntoIterator<Item = T>) -> Batch {
    let record = |data: T| NewRecord { key: "key".into(), data: data.as_ref().to_owned().into() };
    Batch { partition, records: data.into_iter().map(record).collect() }
}

fn numbered(data: &[&str]) -> Vec<(Offset, String)> {
    (0..).zip(data.iter().map(|data| (*data).to_owned())).collect()
}

/// The defaults, but for retention, which only looks when it is told to.
fn settings() -> LogSettings {
    let never = 36_500 * DAY;
    LogSettings { retention_interval: never, retention_delay: never, ..LogSettings::default() }
}
