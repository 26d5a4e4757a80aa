use std::io;
use std::path::Path;
use std::sync::Arc;

use futures::future::join_all;
use rt::Rt;
use rusqlite::Connection;

use super::Sqlite;
use super::open::failed_io;
use crate::store::Store;
use crate::watch::Watches;
use crate::{CommitError, Key, Meta, MetaError, OpenError, Txn};

fn key(name: &str) -> Key {
    Key::global("t").with(name)
}

async fn open(path: &Path) -> Result<Meta, OpenError> {
    Meta::open(path, Rt::system()).await
}

#[tokio::test]
async fn what_was_committed_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deeper/meta.db");
    let meta = open(&path).await.unwrap();
    let first = meta.commit(Txn::new().put(key("a"), "1")).await.unwrap();
    drop(meta);
    let meta = open(&path).await.unwrap();
    assert_eq!(meta.get(&key("a")).await.unwrap().unwrap().value, "1");
    assert!(meta.commit(Txn::new().put(key("b"), "2")).await.unwrap() > first);
}

#[tokio::test]
async fn a_database_in_use_is_refused_and_free_again_when_the_last_handle_goes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.db");
    let meta = open(&path).await.unwrap();
    let other = meta.clone();
    assert!(matches!(open(&path).await, Err(OpenError::InUse { .. })));
    drop(meta);
    assert!(matches!(open(&path).await, Err(OpenError::InUse { .. })));
    drop(other);
    open(&path).await.unwrap();
}

#[tokio::test]
async fn a_database_from_a_newer_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.db");
    drop(open(&path).await.unwrap());
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 9").unwrap();
    match open(&path).await {
        Err(OpenError::NewerVersion { found: 9, supported: 1, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_of_ours_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let garbage = dir.path().join("garbage.db");
    std::fs::write(&garbage, [b'x'; 4096]).unwrap();
    assert!(matches!(open(&garbage).await, Err(OpenError::Corrupt { .. })));
    let foreign = dir.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(open(&foreign).await, Err(OpenError::Corrupt { .. })));
    let folder = dir.path().join("folder.db");
    std::fs::create_dir(&folder).unwrap();
    assert!(matches!(open(&folder).await, Err(OpenError::Io { .. })));
}

#[test]
fn an_error_of_the_file_system_becomes_the_reason_it_means() {
    let reason = |kind: io::ErrorKind| failed_io(Path::new("x"), kind.into());
    assert!(matches!(reason(io::ErrorKind::StorageFull), OpenError::Full { .. }));
    assert!(matches!(reason(io::ErrorKind::ReadOnlyFilesystem), OpenError::ReadOnly { .. }));
    assert!(matches!(reason(io::ErrorKind::PermissionDenied), OpenError::ReadOnly { .. }));
    assert!(matches!(reason(io::ErrorKind::NotADirectory), OpenError::Io { .. }));
}

#[tokio::test]
async fn a_full_disk_fails_what_does_not_fit_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.db");
    let opened = super::open::open(&path).unwrap();
    // SQLite answers a full database as it answers a full disk.
    opened.writer.execute_batch("PRAGMA max_page_count = 40").unwrap();
    let store = Sqlite::start(&path, opened, Rt::system(), Arc::new(Watches::default())).unwrap();
    let big = Txn::new().put(key("big"), vec![0; 1 << 20]);
    let small = |name: &str| Txn::new().put(key(name), "x");
    let results = join_all([small("a"), big.clone(), small("b")].map(|txn| store.commit(txn))).await;
    assert!(results[0].is_ok() && results[2].is_ok());
    assert!(matches!(results[1], Err(CommitError::Meta(MetaError::StorageFull))));
    let found = store.get_many(&[key("a"), key("big"), key("b")]).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    assert!(found[2].as_ref().unwrap().revision > found[0].as_ref().unwrap().revision);
}

#[tokio::test]
async fn many_callers_share_a_flush() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.db");
    let meta = open(&path).await.unwrap();
    let txns = (0..1000).map(|number| meta.commit(Txn::new().put(key("n").with_u64(number), "x")));
    assert!(join_all(txns).await.iter().all(Result::is_ok));
    assert_eq!(meta.scan(&key("n"), None, 2000).await.unwrap().len(), 1000);
    // Each flush writes the counter's page once more: the log of a thousand flushes would be larger.
    let log = std::fs::metadata(dir.path().join("meta.db-wal")).unwrap().len();
    assert!(log < 200 * 8192, "{log}");
}

#[tokio::test]
async fn a_read_sees_the_commit_that_was_answered_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let meta = open(&dir.path().join("meta.db")).await.unwrap();
    for round in 0..50u64 {
        let revision = meta.commit(Txn::new().put(key("a"), round.to_string())).await.unwrap();
        assert_eq!(meta.get(&key("a")).await.unwrap().unwrap().revision, revision);
    }
}
