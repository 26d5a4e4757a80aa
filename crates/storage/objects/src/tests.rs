mod crash;
mod listing;
mod model;
mod multipart;
mod objects;

use std::path::PathBuf;

use meta::Meta;
use names::{AccountId, Region, Scope};
use rt::Rt;

use crate::Objects;

pub(crate) const BUCKET: &str = "lake";

pub(crate) fn scope() -> Scope {
    Scope::new(AccountId::new("000000000000").unwrap(), Region::new("us-east-1").unwrap())
}

pub(crate) struct Bench {
    pub(crate) objects: Objects,
    pub(crate) meta: Meta,
    pub(crate) rt: Rt,
    dir: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Bench {
        Bench::on(tempfile::tempdir().unwrap()).await
    }

    pub(crate) async fn on(dir: tempfile::TempDir) -> Bench {
        let meta = Meta::in_memory(Rt::system()).await;
        Bench::with(dir, meta).await
    }

    pub(crate) async fn on_sqlite() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let meta = Meta::open(&dir.path().join("meta.db"), Rt::system()).await.unwrap();
        Bench::with(dir, meta).await
    }

    async fn with(dir: tempfile::TempDir, meta: Meta) -> Bench {
        let rt = Rt::system();
        let objects = Objects::open(dir.path(), meta.clone(), rt.clone()).await.unwrap();
        objects.create_bucket(BUCKET, &scope()).await.unwrap();
        Bench { objects, meta, rt, dir }
    }

    /// As after a crash: another handle on the same index and folder, swept.
    pub(crate) async fn reopen(&self) -> Objects {
        let objects = Objects::open(self.dir.path(), self.meta.clone(), self.rt.clone()).await.unwrap();
        objects.sweep().await.unwrap();
        objects
    }

    /// All files that hold bytes of objects.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let list = |folder: PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        list(self.dir.path().join("objects")).flat_map(list).collect()
    }
}

/// Bytes that differ everywhere, so that a shifted or doubled piece is seen.
pub(crate) fn pattern(size: usize) -> bytes::Bytes {
    (0..size).map(|at| (at * 31 + at / 251) as u8).collect()
}
