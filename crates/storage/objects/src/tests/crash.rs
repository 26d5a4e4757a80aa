use std::future::ready;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use meta::Txn;
use meta::faults::Faults;
use meta::faults::at::META_COMMIT;

use super::{BUCKET, Bench, pattern, scope};
use crate::doubt::DOUBTFUL_MAX;
use crate::{
    CompleteOptions, CompletedPart, Expected, ObjectError, Objects, PutOptions, UploadOptions, keys,
};

#[tokio::test]
async fn files_that_nothing_refers_to_are_swept_and_the_others_are_kept() {
    let bench = Bench::new().await;
    bench.objects.put(BUCKET, "a", "kept".into(), PutOptions::default()).await.unwrap();
    let upload = bench.objects.create_upload(BUCKET, "b", UploadOptions::default()).await.unwrap().id;
    let part = bench.objects.upload_part(BUCKET, "b", &upload, 1, "part".into(), Expected::default());
    let part = part.await.unwrap();
    let mut writer = bench.objects.writer(BUCKET, "c", PutOptions::default()).await.unwrap();
    writer.write("staged".into()).await.unwrap();
    // A process that dies does not run destructors.
    std::mem::forget(writer.stage().await.unwrap());
    assert_eq!(bench.files().len(), 3);

    assert_eq!(bench.objects.sweep().await.unwrap(), 0, "a staged file is not swept by its own process");
    let objects = bench.reopen().await;
    assert_eq!(bench.files().len(), 2);
    assert_eq!(objects.get_bytes(BUCKET, "a", None).await.unwrap(), "kept");
    let named = [CompletedPart { number: 1, etag: part.etag, ..CompletedPart::default() }];
    objects.complete_upload(BUCKET, "b", &upload, &named, CompleteOptions::default()).await.unwrap();
    assert_eq!(objects.get_bytes(BUCKET, "b", None).await.unwrap(), "part");
}

#[tokio::test]
async fn an_upload_that_was_aborted_before_the_crash_is_discarded_after_it() {
    let bench = Bench::new().await;
    let upload = bench.objects.create_upload(BUCKET, "b", UploadOptions::default()).await.unwrap().id;
    bench.objects.upload_part(BUCKET, "b", &upload, 1, "part".into(), Expected::default()).await.unwrap();
    // The crash came right after the commit that ended the upload.
    let ended = Txn::new().delete(keys::upload(BUCKET, "b", &upload)).put(keys::discard(&upload), "");
    bench.meta.commit(ended).await.unwrap();
    bench.reopen().await;
    assert_eq!(bench.files().len(), 0);
    assert!(bench.meta.scan(&keys::parts(&upload), None, 1).await.unwrap().is_empty());
    assert!(bench.meta.scan(&keys::discards(), None, 1).await.unwrap().is_empty());
}

/// Polls the future until it has been pending so many times, each time after it was woken.
async fn give_up_after(waits: usize, future: impl Future) {
    let mut future = std::pin::pin!(future);
    let mut left = waits;
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Pending if left > 0 => {
            left -= 1;
            Poll::Pending
        }
        _ => Poll::Ready(()),
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_goes_away_at_any_point_leaves_the_old_or_the_new_object() {
    for waits in 0..8 {
        // A real database, whose commit takes long enough to go away in.
        let bench = Bench::on_sqlite().await;
        bench.objects.put(BUCKET, "a", "old".into(), PutOptions::default()).await.unwrap();
        give_up_after(waits, bench.objects.put(BUCKET, "a", "new".into(), PutOptions::default())).await;
        assert!(bench.rt.shutdown(Duration::from_secs(60)).await.is_empty());
        // Commits are serial: after this one, one that was left behind has happened.
        bench.meta.commit(Txn::new().put(meta::Key::global("test"), "")).await.unwrap();
        let found = bench.objects.get_bytes(BUCKET, "a", None).await.unwrap();
        assert!(found == "old" || found == "new", "{found:?} after {waits} waits");
        assert_eq!(bench.files().len(), 1, "after {waits} waits");
    }
}

/// A process that ends may drop a task in the middle of its commit, which then still happens.
#[test]
fn a_commit_that_outlives_its_task_finds_its_file() {
    let outer = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bench = outer.block_on(async {
        let bench = Bench::on_sqlite().await;
        bench.objects.put(BUCKET, "a", "old".into(), PutOptions::default()).await.unwrap();
        bench
    });
    for waits in 0..8 {
        let inner = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        inner.block_on(async {
            let put = bench.objects.put(BUCKET, "a", "new".into(), PutOptions::default());
            give_up_after(waits, put).await;
            // The task that was begun gets to its commit, and no further.
            tokio::task::yield_now().await;
        });
        drop(inner);
        outer.block_on(async {
            bench.meta.commit(Txn::new().put(meta::Key::global("test"), "")).await.unwrap();
            let found = bench.objects.get_bytes(BUCKET, "a", None).await.unwrap();
            assert!(found == "old" || found == "new", "{found:?} after {waits} waits");
        });
    }
    outer.block_on(async {
        bench.reopen().await;
        assert_eq!(bench.files().len(), 1);
    });
}

/// Commits of the index fail, before or after their effect.
#[derive(Default)]
struct Commits {
    fail: AtomicBool,
    lose: AtomicBool,
}

impl Faults for Commits {
    fn before(&self, operation: &'static str) -> BoxFuture<'_, io::Result<()>> {
        self.answer(operation, &self.fail)
    }

    fn after(&self, operation: &'static str) -> BoxFuture<'_, io::Result<()>> {
        self.answer(operation, &self.lose)
    }
}

impl Commits {
    fn answer(&self, operation: &'static str, bad: &AtomicBool) -> BoxFuture<'_, io::Result<()>> {
        let bad = operation == META_COMMIT && bad.load(Ordering::SeqCst);
        ready(if bad { Err(io::Error::other("injected")) } else { Ok(()) }).boxed()
    }
}

async fn befallen() -> (Bench, Objects, Arc<Commits>) {
    let bench = Bench::new().await;
    let commits = Arc::new(Commits::default());
    let meta = bench.meta.with_faults(commits.clone());
    let objects = Objects::open(bench.dir.path(), meta, bench.rt.clone()).await.unwrap();
    (bench, objects, commits)
}

#[tokio::test]
async fn a_later_commit_decides_what_became_of_files_whose_commit_had_no_answer() {
    let (bench, objects, commits) = befallen().await;
    let put = async |key: &str| objects.put(BUCKET, key, pattern(100), PutOptions::default()).await;
    commits.fail.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        put("failed").await.unwrap_err();
    }
    commits.fail.store(false, Ordering::SeqCst);
    commits.lose.store(true, Ordering::SeqCst);
    put("lost").await.unwrap_err();
    commits.lose.store(false, Ordering::SeqCst);
    assert_eq!(bench.files().len(), 4);
    put("next").await.unwrap();
    assert_eq!(bench.files().len(), 2, "what nothing refers to is gone without a restart");
    assert_eq!(objects.get_bytes(BUCKET, "lost", None).await.unwrap(), pattern(100));
}

#[tokio::test]
async fn whoever_tries_again_and_again_while_nothing_can_be_committed_does_not_fill_the_disk() {
    let (bench, objects, commits) = befallen().await;
    commits.fail.store(true, Ordering::SeqCst);
    for _ in 0..3 * DOUBTFUL_MAX {
        objects.put(BUCKET, "a", pattern(10), PutOptions::default()).await.unwrap_err();
    }
    assert_eq!(bench.files().len(), DOUBTFUL_MAX);
    commits.fail.store(false, Ordering::SeqCst);
    objects.put(BUCKET, "a", pattern(10), PutOptions::default()).await.unwrap();
    assert_eq!(bench.files().len(), 1);
}

#[tokio::test]
async fn an_upload_whose_completion_lost_its_answer_is_completed_when_it_is_tried_again() {
    let (_bench, objects, commits) = befallen().await;
    let upload = objects.create_upload(BUCKET, "b", UploadOptions::default()).await.unwrap().id;
    let part = objects.upload_part(BUCKET, "b", &upload, 1, "part".into(), Expected::default());
    let named = [CompletedPart { number: 1, etag: part.await.unwrap().etag, ..CompletedPart::default() }];
    commits.lose.store(true, Ordering::SeqCst);
    let lost = objects.complete_upload(BUCKET, "b", &upload, &named, CompleteOptions::default()).await;
    assert!(matches!(lost, Err(ObjectError::Meta(_))), "{lost:?}");
    commits.lose.store(false, Ordering::SeqCst);
    let done = objects.complete_upload(BUCKET, "b", &upload, &named, CompleteOptions::default()).await;
    assert_eq!(done.unwrap().size, 4);
    assert_eq!(objects.get_bytes(BUCKET, "b", None).await.unwrap(), "part");
}

#[tokio::test]
async fn a_file_that_is_missing_is_reported_as_damage() {
    let bench = Bench::new().await;
    bench.objects.put(BUCKET, "a", "x".into(), PutOptions::default()).await.unwrap();
    std::fs::remove_file(&bench.files()[0]).unwrap();
    let read = bench.objects.get_bytes(BUCKET, "a", None).await;
    assert!(matches!(read, Err(ObjectError::Damaged { .. })), "{read:?}");
}

#[tokio::test]
async fn a_reset_drops_everything_and_what_comes_after_works() {
    let bench = Bench::new().await;
    bench.objects.put(BUCKET, "a", pattern(1000), PutOptions::default()).await.unwrap();
    bench.meta.clear().await.unwrap();
    bench.objects.reset().await.unwrap();
    assert!(matches!(bench.objects.head(BUCKET, "a").await, Err(ObjectError::NoSuchBucket { .. })));
    assert_eq!(bench.files().len(), 0);
    bench.objects.create_bucket(BUCKET, &scope()).await.unwrap();
    bench.objects.put(BUCKET, "a", "new".into(), PutOptions::default()).await.unwrap();
    assert_eq!(bench.objects.get_bytes(BUCKET, "a", None).await.unwrap(), "new");
    bench.objects.sweep().await.unwrap();
    let left: Vec<_> =
        std::fs::read_dir(bench.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["objects"]);
}

/// Where the tests may mount, on a disk that is really full.
#[tokio::test]
async fn a_full_disk_refuses_the_object_and_keeps_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(dir.path())
        .stderr(std::process::Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("left out: a small file system cannot be mounted here");
        return;
    }
    let bench = Bench::on(dir).await;
    bench.objects.put(BUCKET, "small", "x".into(), PutOptions::default()).await.unwrap();
    let put = bench.objects.put(BUCKET, "big", pattern(2 << 20), PutOptions::default()).await;
    assert!(matches!(put, Err(ObjectError::StorageFull)), "{put:?}");
    let mut writer = bench.objects.writer(BUCKET, "big", PutOptions::default()).await.unwrap();
    let mut wrote = Ok(());
    for _ in 0..4 {
        wrote = writer.write(pattern(1 << 20)).await;
        if wrote.is_err() {
            break;
        }
    }
    assert!(matches!(wrote, Err(ObjectError::StorageFull)), "{wrote:?}");
    drop(writer);
    assert!(bench.rt.shutdown(Duration::from_secs(60)).await.is_empty());
    assert_eq!(bench.files().len(), 1);
    bench.objects.put(BUCKET, "next", pattern(500_000), PutOptions::default()).await.unwrap();
    assert_eq!(bench.objects.get_bytes(BUCKET, "small", None).await.unwrap(), "x");
    let unmounted = std::process::Command::new("umount").arg("-l").arg(bench.dir.path()).status();
    assert!(unmounted.unwrap().success());
}
